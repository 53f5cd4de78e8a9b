"""What training is for the recipe `compose`: nothing is learnt, but which turns each class shows is found out.

How images are joined and relit is fixed. Choosing that on left-out images of few took the wrong way more often than the
right one (docs/decisions/compose.md).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property, partial
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial.distance import cdist

from flawforge.core.arrays import Floats, Floats32
from flawforge.core.images import Pixels, as_planes, grid, opaque, resize, to_pixels
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipe import Composition, Recipe
from flawforge.data.augmentation.composition import Composed, Detail, compose
from flawforge.data.good_names import find_good
from flawforge.data.grouping.registration import turned
from flawforge.data.sampling.material import Material
from flawforge.models.extractors import Lite0
from flawforge.runs.checkpoint import newest_checkpoint, save_checkpoint
from flawforge.runs.folder import COMPOSED_SHEET, Run
from flawforge.training.loop.previews import Previews
from flawforge.training.setup.inputs import TrainingInputs
from flawforge.training.setup.opening import OpenedRun

SIZE = 64  # pixels a side at which images are looked at
LOOKED = 64  # images of a class that tell its turns and its geometry, at most
STRETCHED = 1.1  # a donor's proportions may differ by so much without a word
SHOWN = 1.1  # a turn is shown by a class when turned images are at most so much farther from the class's others
FIXED = 0.35  # mean correlation of images with the mean of the others from which their geometry is fixed
ALIKE = 0.8  # share of that correlation which a turned mean must keep for the turn to be allowed
ALIGNED = 0.7  # correlation of two images' profiles from which their fixed parts lie in the same places
FEWEST_FIXED = 8  # images that tell whether a geometry is fixed
GROUPS, ACROSS, GAP = 12, 3, 16  # of pictures in the preview, of them in a row, pixels between
NAMED = 3  # files in a sentence
COARSE, FINE = 6.0, 1.0  # Gaussian widths, at `SIZE`, of the band in which geometry is looked for


@dataclass(frozen=True)
class Chosen:
    """How the images of a run are composed.

    Attributes:
        how: the settings.
        symmetries: class to the turns that its details may take, numbers as in `turned`.
        sentence: what that is, in words.
        fixed: whether a fixed geometry was found; then only images whose parts lie in the same places are joined.
    """

    how: Composition
    symmetries: dict[str, list[int]]
    sentence: str
    fixed: bool = False

    def facts(self) -> dict[str, Any]:
        """Return it as a checkpoint holds it."""
        return asdict(self)


def compose_run(opened: OpenedRun, inputs: TrainingInputs, seed: int, previews: bool, progress: Progress) -> Run:
    """Choose how images are composed, and leave a run with one checkpoint. A run that has one is left as it is.

    Args:
        opened: a new run folder, or an interrupted one.
        inputs: what it is made of. Of several processes the first one works; there is little to do.
        seed: of the previews.
        previews: whether to draw some images.
        progress: where to tell how far it is.
    """
    return settle_run(opened, inputs, choose_composition, partial(_draw, seed=seed) if previews else None, progress)


class Settled(Protocol):
    """What is chosen where nothing is learnt."""

    def facts(self) -> dict[str, Any]:
        """Return it as a checkpoint holds it; ``how`` are the settings."""


Choice = TypeVar("Choice", bound=Settled)


def settle_run(
    opened: OpenedRun,
    inputs: TrainingInputs,
    choose: Callable[[Recipe, Material, Progress], Choice],
    draw: Callable[[Run, Material, Choice, Progress], None] | None,
    progress: Progress,
) -> Run:
    """Leave a run whose one checkpoint holds what is chosen, with previews drawn by `draw`; one that has it stays."""
    run = opened.run
    if not inputs.processes.first:
        return run
    if newest_checkpoint(run) is not None:
        progress.say("how images are made was chosen already")
        return run
    started = time.monotonic()
    material = Material(opened.training, inputs.others, inputs.barred, opened.plan.channels, progress)
    chosen = choose(opened.plan.recipe, material, progress)
    if draw is not None:
        draw(run, material, chosen, progress)
    values = list(chosen.facts()["how"].values())
    if any(isinstance(value, str) for value in values):
        values = list(json.dumps(values).encode())
    facts = {"kimg": 0.0, "seconds": round(time.monotonic() - started, 3), "stopped": "chosen"}
    tensors = {"composition": torch.tensor(values, dtype=torch.float64)}
    save_checkpoint(run, 0, tensors, facts | {"composition": chosen.facts()})
    return run


def choose_composition(recipe: Recipe, material: Material, progress: Progress = SILENT) -> Chosen:
    """Return how images are composed: as the recipe says, in the turns that the classes show."""
    symmetries, fixed = find_symmetries(recipe, material, progress)
    values = {field.name: getattr(recipe, field.name) for field in fields(Composition)}
    if fixed:  # what is enlarged has its geometry elsewhere
        values["zoom"] = 1.0
    if recipe.keep_geometry:
        values["blend"] = 0.0
    how = Composition(**values)
    return Chosen(how, symmetries, _sentence(how, material, fixed), fixed)


class Composing:
    """Composes images of one class.

    Args:
        material: what they are composed of.
        label: the class.
        how: the settings.
        symmetries: the turns that the class shows.
        fixed: whether the geometry is fixed.
    """

    def __init__(
        self, material: Material, label: str, how: Composition, symmetries: Sequence[int], fixed: bool = False
    ) -> None:
        self.material, self.how, self.symmetries = material, how, symmetries
        self.rows, self.donors = material.sources(label), material.donors(label)
        self.partners = find_partners(material, self.rows, fixed)

    @cached_property
    def wanted(self) -> Floats:
        """(M, 112) features halfway between each source and the mean of all."""
        found = _describe([_small(self.material[row].pixels) for row in self.rows])
        halfway: Floats = (found + found.mean(0)) / 2
        return halfway

    @cached_property
    def reduced(self) -> list[Detail]:
        """The sources as candidates are made of them: the shortest side of all is `SIZE`."""
        sources = [self.material[row] for row in self.rows]
        factor = SIZE / min(min(source.pixels.shape[:2]) for source in sources)
        return [source.reduced(factor) for source in sources]

    def images(self, streams: Mapping[int, np.random.Generator]) -> list[Composed]:
        """Return an image for each number, made of its own stream: of the candidates the nearest to what is wanted.

        Candidates are made of reduced sources, and the one that is kept is made again at full size.
        """
        sources, count = [self.material[row] for row in self.rows], self.how.candidates
        if count == 1:
            return [self._compose(sources, rng) for rng in streams.values()]
        seeds = [rng.integers(1 << 62, size=count) for rng in streams.values()]
        tried = [
            _small(self._compose(self.reduced, np.random.default_rng(seed)).pixels) for seed in np.concatenate(seeds)
        ]
        wanted = self.wanted[np.array(list(streams)) % len(self.rows)]
        apart = np.linalg.norm(_describe(tried).reshape(len(seeds), count, -1) - wanted[:, None], axis=2)
        return [
            self._compose(sources, np.random.default_rng(own[place]))
            for own, place in zip(seeds, apart.argmin(1).tolist(), strict=True)
        ]

    def _compose(self, sources: Sequence[Detail], rng: np.random.Generator) -> Composed:
        return compose(sources, self.donors.lights, self.how, self.symmetries, rng, self.partners)


def find_symmetries(recipe: Recipe, material: Material, progress: Progress) -> tuple[dict[str, list[int]], bool]:
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
    small = {label: _looked_at(material, label) for label in training.classes}
    good = find_good(training.classes)
    plain = [image for label, images in small.items() if good in (None, label) for image in images]
    if (correlation := fixed_geometry(plain)) >= FIXED:
        kept = [turn for turn in turns if _mapped(plain, turn) >= ALIKE * correlation]
        return {label: [0, *kept] for label in training.classes}, True
    several = {label: images for label, images in small.items() if len(images) > 1}
    described = {label: _describe(images) for label, images in several.items()}
    for turn in progress.each("looking which turns the classes show", turns, "turns"):
        ratios = {
            label: _ratios(_describe([np.ascontiguousarray(turned(image, turn)) for image in images]), described[label])
            for label, images in several.items()
        }
        pooled = [value for values in ratios.values() for value in values]
        for label in training.classes:
            values = ratios.get(label, [])
            shown = values if len(values) >= FEWEST_FIXED else pooled
            if shown and float(np.exp(np.median(shown))) <= SHOWN:
                every[label] = [*every[label], turn]
    return every, False


def _looked_at(material: Material, label: str) -> list[Floats32]:
    """Return at most `LOOKED` images of a class, spaced evenly."""
    rows = material.sources(label)
    return [_small(material[row].pixels) for row in rows[:: -(-len(rows) // LOOKED) or 1]]


def _ratios(moved: Floats, described: Floats) -> list[float]:
    """Return how much farther turned images are from the others than they were unturned, as logarithms."""
    itself = np.diag(np.full(len(described), np.inf))
    before, after = (np.maximum((cdist(one, described) + itself).min(1), 1e-9) for one in (described, moved))
    ratios: list[float] = np.log(after / before).tolist()
    return ratios


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


def find_partners(material: Material, rows: Sequence[int], fixed: bool) -> list[list[int]]:
    """Return for each of some images the places of those that it may be joined with: of other specimens, as its details
    would show twice; and with a fixed geometry only those whose bars, rims and holes lie in the same places.
    """
    groups = material.groups[rows]
    allowed = groups[:, None] != groups
    if fixed:
        profiles = np.stack([_profiles(_band(_small(material[row].pixels))) for row in rows])
        allowed &= profiles @ profiles.T >= ALIGNED
    return [np.flatnonzero(row).tolist() for row in allowed]


def _profiles(band: Floats32) -> Floats32:
    """Return the means of an image's columns and of its rows, of unit length together: straight parts stand out."""
    both = np.concatenate([band.mean(0), band.mean(1)]) - band.mean()
    out: Floats32 = both / max(float(np.linalg.norm(both)), 1e-9)
    return out


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


def _small(pixels: Floats32) -> Floats32:
    return resize(to_pixels(2 * pixels - 1), SIZE, SIZE).astype(np.float32) / np.float32(255)


@cache
def _features() -> Lite0:
    return Lite0(torch.device("cpu"))


def _describe(images: Sequence[Floats32]) -> Floats:
    """Return (N, 112) features of square images (H, W) or (H, W, 3), 0 to 1."""
    planes = np.stack([as_planes(image) for image in images])
    found: Floats = _features()(torch.from_numpy(np.ascontiguousarray(planes * 2 - 1))).astype(np.float64)
    return found


def _sentence(how: Composition, material: Material, fixed: bool) -> str:
    """Return how images are composed."""
    labels = material.training.classes
    parts = "details of two images joined" if how.blend else "details of one image each"
    own = all(material.donors(label).own for label in labels)
    alone = own and all(len(material.sources(label)) == 1 for label in labels)
    light = "the light of other images of the class" if own else "the light of other images"
    text = f"Images are composed: {parts}, in {light if how.relight and not alone else 'their own light'}."
    if how.candidates > 1:
        text += f" Of {how.candidates} the one nearest to the class's images is kept."
    if fixed:
        text += " Their geometry is fixed, so they are not enlarged, and only mirrored where that maps it onto itself."
    return " ".join([text, *_exceptions(how, material, fixed)])


def _exceptions(how: Composition, material: Material, fixed: bool) -> list[str]:
    """Return what is not used as other images are, and what is done instead, a sentence each."""
    training, found = material.training, []
    rows = {label: material.sources(label) for label in training.classes}
    used = {row for own in rows.values() for row in own}
    if blank := [sample.file for row, sample in enumerate(training.samples) if row not in used]:
        more = f" and {len(blank) - NAMED} more" if len(blank) > NAMED else ""
        found.append(f"Not used, as nothing can be seen: {', '.join(blank[:NAMED])}{more}.")
    if how.blend:
        if single := [label for label, own in rows.items() if len(own) == 1]:
            found.append(f"Of {', '.join(single)} there is one image, so its details are joined with themselves.")
        if twice := [label for label, own in rows.items() if len(np.unique(material.groups[own])) < len(own)]:
            found.append(f"Images of {', '.join(twice)} that show the same specimen are not joined with each other.")
        if fixed and (elsewhere := [label for label, own in rows.items() if _lie_elsewhere(material, own)]):
            found.append(f"Images of {', '.join(elsewhere)} whose fixed parts lie elsewhere are not joined either.")
    if not how.relight:
        return found
    if unlit := max(material.donors(label).unlit for label in training.classes):
        found.append(f"Donors that are black or white all over give no light ({unlit}).")
    others = () if material.others is None else material.others.samples
    shapes = [sample.width / sample.height for sample in training.samples]
    narrow, wide = min(shapes) / STRETCHED, max(shapes) * STRETCHED
    if unlike := sum(not narrow <= sample.width / sample.height <= wide for sample in others):
        found.append(f"The light of donors of another shape is stretched ({unlike}).")
    if coloured := sum(not sample.gray for sample in others) if training.channels == 1 else 0:
        found.append(f"Of donors in colour the luminance counts ({coloured}).")
    if marked := sum(bool(sample.marks) for sample in others):
        found.append(f"What is marked as a defect in donors gives no light ({marked}).")
    return found


def _lie_elsewhere(material: Material, rows: Sequence[int]) -> bool:
    """Say whether some of the images have their fixed parts in other places than others."""
    both = (find_partners(material, rows, fixed) for fixed in (False, True))
    return len({sum(map(len, partners)) for partners in both}) > 1


def _draw(run: Run, material: Material, chosen: Chosen, progress: Progress, seed: int) -> None:
    """Draw real images as other recipes do, and composed ones beside what they are made of."""
    training = material.training
    side = SIZE * 2
    Previews(run, 1, seed, training.white, len(training.classes)).draw_real(
        training, training.pixels((side, side), material.channels, progress), seed
    )
    cells: list[Pixels] = []
    blank = np.zeros((side, side, material.channels + 1), np.uint8)
    most = 2 if chosen.how.blend else 1
    for number in range(GROUPS):
        label = training.classes[number % len(training.classes)]
        composing = Composing(material, label, chosen.how, chosen.symmetries[label], chosen.fixed)
        (made,) = composing.images({number: numpy_stream(seed, "previews", "compose", number)})
        parts = [material[composing.rows[source]].pixels for source in made.sources]
        cells += [_cell(part, side) for part in parts] + [blank] * (most - len(parts))
        light = None if made.donor is None else composing.donors.lights[made.donor]
        plane = None if light is None else light.smoothed(chosen.how.light_width, (side, side))
        cells.append(blank if plane is None else _cell(_like(plane, material.channels), side))
        cells.append(_cell(made.pixels, side))
    each = most + 2
    groups = [grid(cells[place : place + each], each, background=0) for place in range(0, len(cells), each)]
    run.save_sheet(COMPOSED_SHEET, grid(groups, ACROSS, gap=GAP, background=0))


def _cell(pixels: Floats32, side: int) -> Pixels:
    return opaque(resize(to_pixels(2 * pixels - 1), side, side))


def _like(plane: Floats32, channels: int) -> Floats32:
    return plane if channels == 1 else np.repeat(plane[..., None], 3, axis=2)
