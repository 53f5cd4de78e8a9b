"""The preparation of a repeat: a generator that sees its shots alone, the images that it makes, marks for them, and the
strategies of using them: which of them, how many in a batch, for which classes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from flawforge.core.arrays import Arrays, Bools, Bytes, Floats32, Ints
from flawforge.core.callables import call, named_callable
from flawforge.core.errors import SettingError
from flawforge.core.images import Pixels, as_picture
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import derive
from flawforge.core.settings.arms import ARMS
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.data.classifier_view import seen
from flawforge.data.dataset import Dataset
from flawforge.data.decode import read_image
from flawforge.metrics.fidelity.precision_recall import realism
from flawforge.metrics.neighbours.nearest import AXES, nearest_flipped
from flawforge.models.extractors import find_extractor
from flawforge.runs.checkpoint import require_checkpoint
from flawforge.studies.synthesis import MIXED, generate
from flawforge.studies.trial.setup.bench import Bench
from flawforge.studies.trial.setup.leaks import refuse_generated_leak
from flawforge.studies.trial.setup.test_split import Textures
from flawforge.training.classifier.fit import fit, predict
from flawforge.training.classifier.labelled_images import LabelledImages
from flawforge.training.train import train

MIN_KEPT = 8  # images of a class that a filter leaves at least, the surest ones
Filter = Literal["none", "agreeing", "strict"]


class Usage(BaseModel):
    """One strategy of using generated images.

    Attributes:
        name: in records.
        share: generated images' part of a batch.
        filter: ``none``; ``agreeing``: the teacher, which was trained on the real shots, sees the class that was asked
            for; ``strict``: also no repeat of a shot, and of the more realistic half.
        typical: take the truncated images.
        pseudo_labelled: the teacher labels them, and changed copies of the shots beside them; else their label is the
            class that was asked for.
        hard: only for the classes that the classical arm finds hardest inside the shots.
        classes: task classes that get generated images; None is all. Filled in by the choice.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    name: str
    share: float
    filter: Filter
    typical: bool = False
    pseudo_labelled: bool = Field(default=False, validation_alias="taught", serialization_alias="taught")
    hard: bool = False
    classes: tuple[int, ...] | None = None


DEFAULT_USAGE = Usage(name="half, labelled by the teacher", share=0.5, filter="agreeing", pseudo_labelled=True)
USAGES = (
    DEFAULT_USAGE,  # where the shots are too few to choose by: what helped most where it was tried
    DEFAULT_USAGE.model_copy(update={"name": f"{DEFAULT_USAGE.name}, typical ones", "typical": True}),
    DEFAULT_USAGE.model_copy(update={"name": f"{DEFAULT_USAGE.name}, for hard classes", "hard": True}),
    Usage(name="a little, agreeing", share=0.15, filter="agreeing"),
    Usage(name="more, strictly filtered", share=0.3, filter="strict"),
)


@dataclass(frozen=True)
class GeneratedBatch:
    """What one generator made.

    Attributes:
        images: (M, C, H, W) uint8 as classifiers see them.
        labels: (M,) class of the dataset that was asked for.
        typical: (M,) 1 where the latent was truncated.
        novel: (M,) 0 where a shot is repeated, unless the image declares what it is composed of.
        soft: (M, K) the teacher's probabilities of the dataset's classes; None where no arm has asked for them.
        realism: (M,) realism score by the nearest shots of the class; None likewise.
    """

    images: Bytes
    labels: Ints
    typical: Bytes
    novel: Bytes
    soft: Floats32 | None = None
    realism: Floats32 | None = None

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Return what `arrays` made."""
        return cls(**arrays)

    def arrays(self) -> Arrays:
        """Return it as a cell holds it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def chosen(self, usage: Usage, targets: Ints) -> Ints:
        """Return the ascending rows of the images that a strategy takes.

        A class of which fewer than `MIN_KEPT` pass the filter keeps those that the teacher is surest of.

        Args:
            usage: the strategy. Truncated images are taken only where there are any.
            targets: (M,) task classes.
        """
        labels = self.labels
        kind = self.typical == int(usage.typical)
        kind = kind if kind.any() else np.ones(len(labels), bool)
        if usage.filter == "none":
            rows = np.flatnonzero(kind)
        else:
            rows = np.concatenate([self._filtered(kind & (labels == code), usage) for code in np.unique(labels[kind])])
            rows.sort()
        return rows if usage.classes is None else rows[np.isin(targets[rows], usage.classes)]

    def _filtered(self, members: Bools, usage: Usage) -> Ints:
        assert self.soft is not None
        assert self.realism is not None
        rows = np.flatnonzero(members & (self.soft.argmax(1) == self.labels))
        if usage.filter == "strict" and len(rows):
            new = rows[self.novel[rows] > 0]
            rows = new if len(new) >= MIN_KEPT else rows
            rows = rows[self.realism[rows] >= np.median(self.realism[rows])]
        if len(rows) >= MIN_KEPT:
            return rows
        everyone = np.flatnonzero(members)
        sure = self.soft[everyone, self.labels[everyone]]
        return everyone[np.argsort(-sure, kind="stable")[:MIN_KEPT]]


TYPICAL = 1.0  # truncation of the second half of the images, where the generator has a latent to truncate
TEACHER = "effnet-probe"
VIEWS, MIN_VIEWS = 8, 128  # changed images that the teacher learns from: of each shot, and in all
ENOUGH_REALISM = 20.0  # realism is capped here: a copy's is infinite
Drawn = tuple[Pixels, int, int, bool]  # an 8-bit image, its class of the dataset, 1 where it is truncated, and whether
# it declares the real images that it is made of: being like these is no copying


def prepare(
    bench: Bench, shots: Ints, seed: int, folder: Path | None, progress: Progress = SILENT, *, fold: bool = False
) -> tuple[GeneratedBatch, dict[str, Any]]:
    """Train a generator on some images, make new ones and mark them.

    Args:
        bench: of the trial.
        shots: indices of the images that the generator may see.
        seed: of the generator and the images.
        folder: run folder to train in, or to go on with; None works in a temporary one.
        progress: where to tell how far it is.
        fold: whether the images are those of an inner fold, where generators are trained for a shorter time.

    Returns:
        The images, marked where an arm filters, and facts of how they were made.

    Raises:
        DataUnusableError: test images leaked into what was made. SettingError: the user's generator is none.
    """
    data = bench.dataset.take(shots.tolist())
    if bench.settings.generator is not None:
        drawn, facts = _by_user(bench, shots, seed)
    elif folder is not None:
        drawn, facts = _by_recipe(bench, data, shots, seed, folder, progress, fold)
    else:
        with tempfile.TemporaryDirectory() as aside:
            drawn, facts = _by_recipe(bench, data, shots, seed, Path(aside) / "run", progress, fold)
    channels, resolution = bench.images.shape[1], bench.settings.resolution
    images = np.stack([seen(image, 255, channels, resolution, bench.quality) for image, *_ in drawn])
    textures = Textures([as_picture(image) for image in bench.images], bench.division.groups)
    source = bench.settings.generator or f"the recipe {bench.settings.recipe}"
    pictures = [as_picture(image) for image in images]
    refuse_generated_leak(bench.dataset, textures, bench.division, shots, pictures, source)
    labels, typical = np.array([entry[1] for entry in drawn]), np.array([entry[2] for entry in drawn], np.uint8)
    novel = _novel(bench.images[shots], bench.division.groups[shots], images)
    novel[[entry[3] for entry in drawn]] = 1
    batch = GeneratedBatch(images, labels, typical, novel)
    if any(ARMS[arm].filters for arm in bench.settings.arms):
        batch = marked(bench, shots, batch)
    return batch, facts | {"made": len(images), "novel": int(novel.sum())}


def teacher_of(bench: Bench, shots: Ints, seed: int) -> torch.nn.Module:
    """Return a linear probe on pretrained features, trained on these images to tell the dataset's classes apart."""
    real = LabelledImages(torch.from_numpy(bench.images[shots]), torch.from_numpy(bench.dataset.labels[shots]))
    settings = bench.settings.classifier(TEACHER)
    views = min(settings.views, max(MIN_VIEWS, VIEWS * len(shots)))
    return fit(settings.model_copy(update={"views": views}), real, max(2, len(bench.dataset.classes)), seed)


def _by_recipe(
    bench: Bench, data: Dataset, shots: Ints, seed: int, folder: Path, progress: Progress, fold: bool
) -> tuple[list[Drawn], dict[str, Any]]:
    settings = bench.settings
    recipe = find_recipe(settings.recipe)
    if not recipe.knows_classes and len(data.classes) > 1:
        raise SettingError(
            f"--recipe {settings.recipe} knows no classes, so that its images have no label to train on. "
            f"Take one that does: --recipe fewshot"
        )
    own = settings.generator_kimg is None and settings.length(fold=fold) == 1  # then the run names no length
    length: dict[str, Any] = {
        "minutes": settings.generator_minutes,
        "kimg": None if own else settings.kimg(len(data), fold=fold),
    }
    if not recipe.learns:
        length = {}
    shared: dict[str, Any] = {"seed": seed, "command": "flawforge trial", "progress": progress}
    run = train(data, folder, recipe, resume=True, previews=4, unlabelled=bench.outside, **length, **shared)
    half = 0 if recipe.composes else settings.made // 2  # what is composed has no latent to truncate
    sets = [generate(run, settings.made - half, out=run.synthetic, **shared)]
    if half:
        sets.append(generate(run, half, out=run.path / "typical", truncation=TYPICAL, **shared))
    drawn = []
    for typical, synthetic in enumerate(sets):
        for entry in synthetic.entries():
            label = data.classes[0] if entry.label == MIXED else entry.label
            pixels = read_image(synthetic.folder / entry.file, bits=8, white=synthetic.white(entry))
            drawn.append((pixels, bench.dataset.classes.index(label), typical, bool(entry.sources)))
    made = {entry[1] for entry in drawn}
    for code in [code for code in np.unique(bench.dataset.labels[shots]) if code not in made]:
        own = shots[bench.dataset.labels[shots] == code]  # no defect, so nothing is placed: real ones are repeated
        for row in np.resize(own, settings.made):
            drawn.append((as_picture(bench.images[row]), int(code), 0, True))
    facts = require_checkpoint(run).facts
    return drawn, {"generator": "recipe", "kimg": facts["kimg"], "training_seconds": round(float(facts["seconds"]), 1)}


def generator_seed(bench: Bench, repeat: int, shots: int, part: str) -> int:
    """Return the seed of a repeat's generator; `part` is the name of the preparation."""
    seed = derive(bench.settings.seed, "weights", "trial", repeat, shots)
    return derive(seed, "samples", part) >> 32  # a run's seed is shown to the user: short


def _by_user(bench: Bench, shots: Ints, seed: int) -> tuple[list[Drawn], dict[str, Any]]:
    classes = bench.dataset.classes
    result = user_images(bench, shots, seed, bench.settings.made)
    drawn = [(image, classes.index(label), 0, False) for label, images in result.items() for image in images]
    return drawn, {"generator": bench.settings.generator}


def user_images(bench: Bench, shots: Ints, seed: int, count: int) -> dict[str, Bytes]:
    """Call the user's generator, and hold it to its word.

    Args:
        bench: of the trial.
        shots: indices of the images that it may see.
        seed: that it is given.
        count: images per class that it is asked for.

    Returns:
        Class to at least `count` images, uint8 (n, H, W) or (n, H, W, 3).

    Raises:
        SettingError: it returns anything else, a class is missing, the images are smaller or larger than the real ones
            or gray where those are coloured, or all images of a class are the real ones again.
    """
    name, data = str(bench.settings.generator), bench.dataset.take(shots.tolist())
    result = call(named_callable(name, "--generator"), name, "--generator", data, count, seed)
    if not isinstance(result, Mapping) or not result:
        raise SettingError(f"--generator {name} returned {type(result).__name__}; it returns class -> images.")
    unknown, missing = set(result) - set(data.classes), [label for label in data.classes if label not in result]
    if unknown:
        found = f"class '{min(map(str, unknown))}'; there are {', '.join(data.classes)}"
        raise SettingError(f"--generator {name} returned {found}.")
    if missing:
        raise SettingError(
            f"--generator {name} returned no image of class '{missing[0]}'; it must make all of "
            f"{', '.join(data.classes)}."
        )
    for label, stack in result.items():
        wrong = _wrong(np.asarray(stack), data, label, count)
        if wrong:
            raise SettingError(f"--generator {name} returned {wrong}.")
    images = {label: np.asarray(result[label]) for label in data.classes}
    _refuse_repeats(bench, shots, images, name)
    return images


def _wrong(stack: Pixels, data: Dataset, label: str, count: int) -> str:
    """Return what is wrong with the images of one class; empty where nothing is."""
    named = f"{stack.dtype} {stack.shape} for class '{label}'"
    if stack.dtype != np.uint8 or stack.ndim not in (3, 4) or (stack.ndim == 4 and stack.shape[3] != 3):
        return f"{named}; it returns uint8 (n, H, W) or (n, H, W, 3)"
    if len(stack) < count:
        return f"{len(stack)} images of class '{label}'; it was asked for {count}"
    real = [sample for sample in data.samples if sample.label == label]
    heights, widths = [sample.height for sample in real], [sample.width for sample in real]
    height, width = stack.shape[1:3]
    if not (min(heights) <= height <= max(heights) and min(widths) <= width <= max(widths)):
        sizes = f"{min(heights)} x {min(widths)}"
        sizes += "" if sizes == f"{max(heights)} x {max(widths)}" else f" to {max(heights)} x {max(widths)}"
        return (
            f"{named}; the real images of it are {sizes} (height x width). A classifier could tell other sizes by how "
            f"they look resized, so return the real size"
        )
    if stack.ndim == 3 and not any(sample.gray for sample in real):
        return f"{named}, gray images; the real images of it are in colour"
    return ""


def _refuse_repeats(bench: Bench, shots: Ints, images: Mapping[str, Bytes], name: str) -> None:
    """Refuse a generator all of whose images of a class are training images again, pixel by pixel."""
    channels, resolution = bench.images.shape[1], bench.settings.resolution
    known = {bench.images[index].tobytes() for index in shots.tolist()}
    for label, stack in images.items():
        if all(seen(image, 255, channels, resolution, bench.quality).tobytes() in known for image in stack):
            raise SettingError(
                f"--generator {name} returned nothing but its training images again for class '{label}': each of the "
                f"{len(stack)} images equals one of them. They are no new images, and the arm 'placebo' shows what "
                f"repeats are worth."
            )


def marked(bench: Bench, shots: Ints, batch: GeneratedBatch) -> GeneratedBatch:
    """Return generated images with what a filter can ask of each, for which the shots alone are looked at.

    They are marked when they are made, if an arm needs it then; an arm that was added later marks them itself.
    """
    if batch.soft is not None:
        return batch
    images, labels = batch.images, batch.labels
    teacher = teacher_of(bench, shots, derive(bench.settings.seed, "weights", "teacher", len(shots)))
    soft = predict(teacher, torch.from_numpy(images)).numpy()
    extract = find_extractor("effnet-lite0")
    own, other = (extract(torch.from_numpy(part).float() / 127.5 - 1) for part in (bench.images[shots], images))
    realistic = np.full(len(images), ENOUGH_REALISM, np.float32)
    for code in np.unique(labels):
        rows, members = labels == code, bench.dataset.labels[shots] == code
        if members.sum() > 1:
            found = realism(own[members], other[rows], k=min(3, int(members.sum()) - 1))
            realistic[rows] = np.minimum(found, ENOUGH_REALISM)
    return replace(batch, soft=soft.astype(np.float32), realism=realistic)


def _novel(real: Bytes, groups: Ints, images: Bytes) -> Bytes:
    """Return (M,) 0 where an image is nearer to a shot, mirrored or not, than any two shots of different groups are."""
    shots = torch.from_numpy(real)
    between = nearest_flipped(shots, shots, 1, tuple(AXES), query_groups=groups, reference_groups=groups).distances
    limit = float(between.min()) if np.isfinite(between).any() else 0.0
    found = nearest_flipped(torch.from_numpy(images), shots, 1, tuple(AXES)).distances[:, 0]
    return (found >= limit).astype(np.uint8)
