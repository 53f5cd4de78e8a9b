"""What training is for the recipe `compose`: nothing is learnt, but how images are joined and relit is chosen.

Some images of each class are left out. Of the others changed copies are made, and images are composed in each way that
comes into question. The way is taken that brings the left-out images most nearer, in the features of a frozen network,
than the copies alone do; a second draw of copies shows what chance brings.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial.distance import cdist

from flawforge.core.arrays import Floats, Floats32
from flawforge.core.files import write_bytes
from flawforge.core.images import Pixels, encode_png, grid, resize, to_pixels
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipes import Composition, Recipe
from flawforge.data.augmentation.classical import classical
from flawforge.data.augmentation.composition import Composed, Detail, Light, compose
from flawforge.data.good_names import find_good
from flawforge.data.grouping.registration import turned
from flawforge.data.sampling.material import Material
from flawforge.models.extractors import Lite0
from flawforge.runs.checkpoint import newest_checkpoint, save_checkpoint
from flawforge.runs.folder import Run
from flawforge.training.loop.previews import Previews
from flawforge.training.setup.opening import OpenedRun, TrainingInputs

SIZE = 64  # pixels a side at which ways are compared
MADE = 32  # images of a way that left-out images are compared with
FOLDS = 3
LEFT_OUT = 30  # images of a class that are left out in turn, at most
WIDTHS = (0.06, 0.1, 0.19)  # of the light's low-pass that are tried
CLEAR = 1.0  # standard errors by which a way must beat the usual one to be taken instead
AGAIN = "copies again"
USUAL = Composition()
CERTAIN = 2.0  # standard errors by which a way must beat a second draw of copies to be called a gain
SHOWN = 1.1  # a turn is shown by a class when turned images are at most so much farther from the class's others
FIXED = 0.35  # mean correlation of images with the mean of the others from which their geometry is fixed
ALIKE = 0.8  # share of that correlation which a turned mean must keep for the turn to be allowed
FEWEST_FIXED = 8  # images that tell whether a geometry is fixed
GROUPS, ACROSS, GAP = 12, 3, 16  # of pictures in the preview, of them in a row, pixels between
COARSE, FINE = 6.0, 1.0  # Gaussian widths, at `SIZE`, of the band in which geometry is looked for


@dataclass(frozen=True)
class Chosen:
    """How the images of a run are composed.

    Attributes:
        how: the settings.
        symmetries: class to the turns that its details may take, numbers as in `turned`.
        gains: way to its gain beside changed copies and the gain's standard error: by how much nearer left-out images
            are, in logarithms of the distance; `AGAIN` is a second draw of copies. Empty where no class has two images.
        sentence: what was chosen and why.
    """

    how: Composition
    symmetries: dict[str, list[int]]
    gains: dict[str, tuple[float, float]]
    sentence: str

    def facts(self) -> dict[str, Any]:
        """Return it as a checkpoint holds it."""
        return asdict(self)


def compose_run(opened: OpenedRun, inputs: TrainingInputs, seed: int, previews: bool, progress: Progress) -> Run:
    """Choose how images are composed, and leave a run with one checkpoint. A run that has one is left as it is.

    Args:
        opened: a new run folder, or an interrupted one.
        inputs: what it is made of. Of several processes the first one works; there is little to do.
        seed: of the choice and the previews.
        previews: whether to draw some images.
        progress: where to tell how far it is.
    """
    run = opened.run
    if not inputs.processes.first:
        return run
    if newest_checkpoint(run) is not None:
        progress.say("how images are composed was chosen already")
        return run
    started = time.monotonic()
    material = Material(opened.training, inputs.others, inputs.barred, opened.plan.channels, progress)
    chosen = choose_composition(opened.plan.recipe, material, seed, progress)
    if previews:
        _draw(run, material, chosen, seed, progress)
    tensors = {"composition": torch.tensor(list(asdict(chosen.how).values()), dtype=torch.float64)}
    facts = {"kimg": 0.0, "seconds": round(time.monotonic() - started, 3), "stopped": "chosen"}
    save_checkpoint(run, 0, tensors, facts | {"composition": chosen.facts()})
    return run


def composed_image(
    material: Material, label: str, how: Composition, symmetries: list[int], rng: np.random.Generator
) -> tuple[Composed, list[int]]:
    """Return one composed image of a class, and the training rows that its sources are numbers in."""
    rows = material.rows(label)
    donors = material.donors(label)
    return compose([material[row] for row in rows], donors.lights, how, symmetries, rng), rows


def choose_composition(recipe: Recipe, material: Material, seed: int, progress: Progress) -> Chosen:
    """Return how images are composed; fields that the recipe sets are taken as they are."""
    training = material.training
    features = Lite0(torch.device("cpu"))
    small = [_small(material[row].pixels) for row in range(len(training))]
    described = _describe(features, small)
    symmetries, fixed = _symmetries(recipe, material, small, described, features)
    ways = _ways(recipe, fixed)
    gains: dict[str, list[float]] = {name: [] for name in (*map(_name, ways), AGAIN)}
    with progress.task("choosing how to compose", len(training.classes), "classes") as task:
        for label in training.classes if len(ways) > 1 else ():
            for name, values in _gains(material, label, ways, symmetries[label], small, described, features, seed):
                gains[name] += values
            task.advance()
    told = {name: _mean(values) for name, values in gains.items() if values}
    how = _best(ways, told)
    return Chosen(how, symmetries, told, _sentence(how, told, material, fixed))


def _ways(recipe: Recipe, fixed: bool) -> list[Composition]:
    """Return what is compared, the usual way first."""
    set_by_user = {
        name: value for name in ("blend", "relight", "light_width") if (value := getattr(recipe, name)) is not None
    }
    given: dict[str, Any] = {"light_power": recipe.light_power, "zoom": recipe.zoom} | set_by_user
    if fixed:  # what is enlarged has its geometry elsewhere
        given["zoom"] = 1.0
    if recipe.keep_geometry:
        given["blend"] = 0.0
    tried = [USUAL, *(replace(USUAL, light_width=width) for width in WIDTHS if width != USUAL.light_width)]
    tried += [replace(USUAL, blend=0.0), replace(USUAL, relight=0.0)]
    return list(dict.fromkeys(replace(way, **given) for way in tried))


def _name(way: Composition) -> str:
    light = f"light of others from {way.light_width:g} on" if way.relight else "own light"
    return f"{'joined' if way.blend else 'single'}, {light}"


def _gains(
    material: Material,
    label: str,
    ways: list[Composition],
    symmetries: list[int],
    small: list[Floats32],
    described: Floats,
    features: Lite0,
    seed: int,
) -> list[tuple[str, list[float]]]:
    """Return for each way, and a second draw of copies, the gain on each left-out image: the logarithm of its distance
    to the nearest changed copy over that to the nearest new image, 0 where that is no nearer.
    """
    rows = np.array(material.rows(label))
    groups = np.unique(material.groups[rows], return_inverse=True)[1]
    order = numpy_stream(seed, "split", "compose", label).permutation(groups.max() + 1)
    folds = [np.isin(groups, part) for part in np.array_split(order, min(FOLDS, len(order))) if len(part)]
    lights = material.donors(label).lights
    if len(folds) < 2:
        return []
    out: dict[str, list[float]] = {name: [] for name in (*map(_name, ways), AGAIN)}
    for number, left_out in enumerate(folds):
        kept, wanted = rows[~left_out], rows[left_out][:LEFT_OUT]
        sources = [Detail(small[row]) for row in kept]
        donors = lights if not material.donors(label).own else [Light.of(small[row]) for row in kept]
        rng = numpy_stream(seed, "augmentation", "compose", label, number)
        copies = [_copy(small[kept[index % len(kept)]], rng) for index in range(MADE)]
        base = cdist(described[wanted], _describe(features, copies)).min(1)
        made = {AGAIN: [_copy(small[kept[index % len(kept)]], rng) for index in range(MADE)]}
        for way in ways:
            rng = numpy_stream(seed, "samples", "compose", label, number)
            made[_name(way)] = [compose(sources, donors, way, symmetries, rng).pixels for _ in range(MADE)]
        for name, images in made.items():
            near = cdist(described[wanted], _describe(features, images)).min(1)
            out[name] += np.log(np.maximum(base / np.maximum(near, 1e-9), 1.0)).tolist()
    return list(out.items())


def _best(ways: list[Composition], told: dict[str, tuple[float, float]]) -> Composition:
    usual = ways[0]
    if not told:
        return usual
    best = max(ways, key=lambda way: told[_name(way)][0])
    gain, error = told[_name(best)]
    return best if gain > told[_name(usual)][0] + CLEAR * error else usual


def _mean(values: list[float]) -> tuple[float, float]:
    error = float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0
    return float(np.mean(values)), error


def _sentence(how: Composition, told: dict[str, tuple[float, float]], material: Material, fixed: bool) -> str:
    """Return what was chosen and why."""
    training = material.training
    parts = "details of two images joined" if how.blend else "details of one image each"
    own = all(material.donors(label).own for label in training.classes)
    light = "the light of other images of the class" if own else "the light of other images"
    parts += f", in {light if how.relight else 'their own light'}"
    text = f"Images are composed: {parts}."
    if _name(how) in told:
        (gain, error), (chance, other) = told[_name(how)], told[AGAIN]
        clear = gain - chance > CERTAIN * float(np.hypot(error, other))
        text += (
            f" They bring left-out training images {-np.expm1(-gain):.1%} nearer than changed copies alone (standard "
            f"error {error:.1%}), {'' if clear else 'no clear gain over '}a second set of copies"
            f"{'' if clear else ':'} {-np.expm1(-chance):.1%}; {len(told) - 1} ways compared."
        )
    if fixed:
        text += " Their geometry is fixed, so they are not enlarged, and only mirrored where that maps it onto itself."
    single = [label for label, count in training.counts.items() if count == 1]
    if single and how.blend:
        text += f" Of {', '.join(single)} there is one image, so its details are joined with themselves."
    return text


def _symmetries(
    recipe: Recipe, material: Material, small: list[Floats32], described: Floats, features: Lite0
) -> tuple[dict[str, list[int]], bool]:
    """Return the turns that each class's details may take, and whether a fixed geometry was found.

    With a fixed geometry those that map its mean onto itself; else those after which images are still as near to the
    class's other images as they were.
    """
    training = material.training
    every = {label: [0] for label in training.classes}
    if recipe.keep_geometry:
        return every, True
    square = all(sample.width == sample.height for sample in training.samples)
    turns = range(1, 8 if square else 4)
    good = find_good(training.classes)
    plain = [small[row] for row in (material.rows(good) if good is not None else range(len(small)))]
    if (correlation := fixed_geometry(plain)) >= FIXED:
        kept = [turn for turn in turns if _mapped(plain, turn) >= ALIKE * correlation]
        return {label: [0, *kept] for label in training.classes}, True
    for turn in turns:
        moved = _describe(features, [np.ascontiguousarray(turned(image, turn)) for image in small])
        ratios: dict[str, list[float]] = {label: [] for label in training.classes}
        for label in training.classes:
            rows = np.array(material.rows(label))
            if len(rows) < 2:
                continue
            apart = ~np.eye(len(rows), dtype=bool)
            before = np.where(apart, cdist(described[rows], described[rows]), np.inf).min(1)
            after = np.where(apart, cdist(moved[rows], described[rows]), np.inf).min(1)
            ratios[label] = np.log(np.maximum(after, 1e-9) / np.maximum(before, 1e-9)).tolist()
        pooled = [value for values in ratios.values() for value in values]
        for label, values in ratios.items():
            shown = values if len(values) >= FEWEST_FIXED else pooled
            if shown and float(np.exp(np.median(shown))) <= SHOWN:
                every[label] = [*every[label], turn]
    return every, False


def fixed_geometry(images: list[Floats32]) -> float:
    """Return how alike images are in the same places: the mean correlation of each with the mean of the others.

    Compared are edges and shapes, without light and noise. 0 with fewer than 8 images.
    """
    if len(images) < FEWEST_FIXED:
        return 0.0
    bands = np.stack([_band(image) for image in images])
    total = bands.sum(0)
    others = (total - bands).reshape(len(bands), -1)
    return float(np.mean([_correlation(band.ravel(), mean) for band, mean in zip(bands, others, strict=True)]))


def _mapped(images: list[Floats32], turn: int) -> float:
    """Return the mean correlation of each image, turned, with the mean of the others."""
    bands = np.stack([_band(image) for image in images])
    total = bands.sum(0)
    return float(np.mean([_correlation(turned(band, turn).ravel(), (total - band).ravel()) for band in bands]))


def _band(image: Floats32) -> Floats32:
    plane = image if image.ndim == 2 else image.mean(2)
    band = ndimage.gaussian_filter(plane, FINE) - ndimage.gaussian_filter(plane, COARSE)
    out: Floats32 = band / max(float(np.linalg.norm(band)), 1e-9)
    return out


def _correlation(one: Floats32, other: Floats32) -> float:
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / scale if scale > 0 else 0.0


def _copy(image: Floats32, rng: np.random.Generator) -> Floats32:
    """Return a changed copy: the classical transforms."""
    changed = classical(to_pixels(2 * image - 1), 255, rng)
    return changed.astype(np.float32) / np.float32(255)


def _small(pixels: Floats32) -> Floats32:
    return resize(to_pixels(2 * pixels - 1), SIZE, SIZE).astype(np.float32) / np.float32(255)


def _describe(features: Lite0, images: list[Floats32]) -> Floats:
    """Return (N, 112) features of square images (H, W) or (H, W, 3), 0 to 1."""
    planes = np.stack([image[None] if image.ndim == 2 else image.transpose(2, 0, 1) for image in images])
    found: Floats = features(torch.from_numpy(np.ascontiguousarray(planes * 2 - 1))).astype(np.float64)
    return found


def _draw(run: Run, material: Material, chosen: Chosen, seed: int, progress: Progress) -> None:
    """Draw real images as other recipes do, and composed ones beside what they are made of."""
    training = material.training
    side = SIZE * 2
    Previews(run, 1, seed, training.white, len(training.classes)).draw_real(
        training, training.pixels((side, side), material.channels, progress), seed
    )
    cells: list[Pixels] = []
    blank = np.full((side, side, 3)[: 2 if material.channels == 1 else 3], 255, np.uint8)
    most = 2 if chosen.how.blend else 1
    for number in range(GROUPS):
        label = training.classes[number % len(training.classes)]
        rng = numpy_stream(seed, "previews", "compose", number)
        made, rows = composed_image(material, label, chosen.how, chosen.symmetries[label], rng)
        parts = [material[rows[source]].pixels for source in made.sources]
        cells += [_cell(part, side) for part in parts] + [blank] * (most - len(parts))
        light = None if made.donor is None else material.donors(label).lights[made.donor]
        plane = None if light is None else light.smoothed(chosen.how.light_width, (side, side))
        cells.append(blank if plane is None else _cell(_like(plane, material.channels), side))
        cells.append(_cell(made.pixels, side))
    each = most + 2
    groups = [grid(cells[place : place + each], each) for place in range(0, len(cells), each)]
    sheet = grid(groups, ACROSS, gap=GAP)
    write_bytes(run.previews / "composed.png", encode_png(sheet, "RGB" if sheet.ndim == 3 else "L"), durable=False)


def _cell(pixels: Floats32, side: int) -> Pixels:
    return resize(to_pixels(2 * pixels - 1), side, side)


def _like(plane: Floats32, channels: int) -> Floats32:
    return plane if channels == 1 else np.repeat(plane[..., None], 3, axis=2)
