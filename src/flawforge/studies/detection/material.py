"""What placements are made of, and what they are checked against: real defects, good grounds, held-out real defects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from flawforge.core.arrays import Bools, Floats32, Ints
from flawforge.core.errors import DataUnusableError, SettingError, did_you_mean
from flawforge.core.progress import Progress
from flawforge.data.augmentation.pasting import Defect, cut_defects
from flawforge.data.dataset import Dataset
from flawforge.data.good_names import find_good
from flawforge.data.reading.load import load
from flawforge.data.sampling.grounds import refuse_defects
from flawforge.data.sampling.joined import join
from flawforge.data.sampling.material import floats
from flawforge.runs.folder import Run
from flawforge.studies.detection.inspectors import Inspector, trained_on
from flawforge.studies.sets import load_whole, training_rows

LARGEST_SHARE = 0.5  # of an image: a defect that fills more has no ground to be told from
KEPT = 64  # images that are not read again


@dataclass(frozen=True)
class SourceDefect:
    """A defect of a training image: the row of its image, its number there, extent in pixels, contrast in gray levels,
    and its box (height, width).
    """

    row: int
    part: int
    extent: float
    contrast: float
    box: tuple[int, int]


@dataclass(frozen=True)
class DetectionMaterial:
    """The images of a study.

    Attributes:
        data: all images, on the training images' scale.
        channels: 1 or 3, in which they are put together.
        sources: class to its training defects.
        grounds: rows of good images that neither the run nor the inspector learnt from.
        specimens: (len(grounds),) which of them show the same specimen.
        real: class to rows of held-out real images of it, with marks.
        notes: what a reader must know, a sentence each.
    """

    data: Dataset
    channels: int
    sources: dict[str, list[SourceDefect]]
    grounds: Ints
    specimens: Ints
    real: dict[str, list[int]]
    notes: list[str]

    def pixels(self, row: int) -> Floats32:
        """Return an image, 0 to 1, (H, W) gray or (H, W, 3)."""
        return self._read(row)

    @cached_property
    def _read(self) -> Callable[[int], Floats32]:
        return lru_cache(maxsize=KEPT)(lambda row: floats(self.data.read(row), self.data, self.channels))

    def size(self, row: int) -> tuple[int, int]:
        """Return (height, width) of an image."""
        return self.data.samples[row].height, self.data.samples[row].width

    def defects(self, row: int) -> list[Defect]:
        """Return the defects of an image, the largest first."""
        return cut_defects(self.pixels(row), self.marked(row))

    def marked(self, row: int) -> Bools:
        """Return (H, W) bool: what is marked as the image's own class."""
        return self.data.mask(row, self.data.samples[row].label)


def gather_material(
    run: Run,
    data: Dataset | str | Path | None,
    grounds: Dataset | str | Path | None,
    classes: Sequence[str] | None,
    inspector: Inspector,
    progress: Progress,
    good: str | None = None,
) -> DetectionMaterial:
    """Find what a study of a run needs; see `DetectionMaterial`.

    Args:
        run: whose training images the defects are cut from.
        data: the images that the run was trained on, or chosen from, if they have moved since.
        grounds: good images; None: those of the class of good images in the data.
        classes: of defects; None: all that training had, but for the good one.
        inspector: what it has learnt from is no ground and no check.
        progress: where to tell how far the search for specimens is.
        good: name of the class of good images; None: it is known by its name.

    Raises:
        SettingError: no class is named `good`.
        DataNotFoundError: the images are gone. DataUnusableError: there are no good images, none that is held out, no
            defects with masks or boxes, or no such class.
    """
    whole = load_whole(run, data, progress)
    part, rows = training_rows(run, whole, progress)
    training = part.take(rows)
    if good is not None and good not in whole.classes:
        raise SettingError(
            f"--good is '{good}'; it names the class of good images, and {whole.source} has "
            f"{', '.join(whole.classes)}.{did_you_mean(good, whole.classes)}"
        )
    good = good or find_good(whole.classes)
    learnt = {sample.sha256 for sample in training.samples}
    learnt |= set(run.settings.unlabelled.samples if run.settings.unlabelled else [])
    given = None if grounds is None else load(grounds, whole.choices.elsewhere, progress=progress)
    if given is not None:
        refuse_defects(given, whole.classes, good)
    here = {sample.sha256 for sample in whole.samples}
    new = [] if given is None else [row for row, sample in enumerate(given.samples) if sample.sha256 not in here]
    every = (join(whole, given.take(new)) if given is not None and new else whole).scaled_as(training)
    asked = _asked_classes(training, classes, good)
    known = np.array([one.sha256 in learnt or trained_on(inspector, one.sha256) for one in every.samples])
    specimens = every.groups(progress)
    apart = ~np.isin(specimens, specimens[known])
    contents = None if given is None else {sample.sha256 for sample in given.samples}
    chosen = np.array([one.label == good if contents is None else one.sha256 in contents for one in every.samples])
    held_out = np.flatnonzero(chosen & apart)
    _refuse_without_grounds(run, good, chosen, held_out, given)
    channels = 1 if training.channels == 1 else 3
    own = [row for row, sample in enumerate(every.samples) if sample.sha256 in learnt]
    material = DetectionMaterial(every, channels, {}, held_out, specimens[held_out], {}, [])
    sources = {label: _sources(material, [row for row in own if every.samples[row].label == label]) for label in asked}
    _refuse_without_defects(sources, training)
    real = {
        label: [row for row, one in enumerate(every.samples) if one.label == label and apart[row] and one.marks]
        for label in asked
    }
    notes = _notes(material, sources, int(chosen.sum()), inspector)
    return DetectionMaterial(every, channels, sources, held_out, specimens[held_out], real, notes)


def _asked_classes(training: Dataset, classes: Sequence[str] | None, good: str | None) -> list[str]:
    there = [label for label in training.classes if label != good]
    for label in classes or ():
        if label not in there:
            raise DataUnusableError(
                f"there is no defect of class '{label}' among the training images.{did_you_mean(label, there)} "
                f"There are: {', '.join(there) or 'none'}."
            )
    return list(dict.fromkeys(classes)) if classes else there


def _sources(material: DetectionMaterial, rows: list[int]) -> list[SourceDefect]:
    """Return the defects of these images that can be cut out."""
    found = []
    for row in rows:
        marked = material.marked(row)
        if not 0 < marked.mean() <= LARGEST_SHARE:
            continue
        for number, defect in enumerate(material.defects(row)):
            top, left, bottom, right = defect.corners
            box = bottom - top, right - left
            found.append(SourceDefect(row, number, defect.extent, defect.contrast, box))
    return found


def _refuse_without_grounds(run: Run, good: str | None, chosen: Bools, held_out: Ints, given: Dataset | None) -> None:
    if len(held_out):
        return
    if given is not None:
        raise DataUnusableError(
            f"--grounds {given.source}: each image there shows a specimen that the run or the inspector was trained "
            f"on. Give good images of other specimens."
        )
    if good is None or not chosen.any():
        raise DataUnusableError(
            f"defects are put on good images, and the data of {run.path} have no class of good images (such as 'good' "
            f"or 'ok'). Give a folder of them with --grounds DIR."
        )
    raise DataUnusableError(
        f"all {int(chosen.sum())} good images ('{good}') show specimens that the run or the inspector was trained on, "
        f"and an inspection is not tested on those. Give others with --grounds DIR."
    )


def _refuse_without_defects(sources: dict[str, list[SourceDefect]], training: Dataset) -> None:
    lacking = [label for label, found in sources.items() if not found]
    if lacking or not sources:
        raise DataUnusableError(
            f"no training image of {', '.join(lacking) or training.source} has a defect that can be cut out: labels "
            f"must mark it by a mask or a box, and not more than {LARGEST_SHARE:.0%} of the image. Leave the class "
            f"out with --classes, or add masks."
        )


def _notes(
    material: DetectionMaterial, sources: dict[str, list[SourceDefect]], good: int, inspector: Inspector
) -> list[str]:
    notes, data = [], material.data
    if good > len(material.grounds):
        notes.append(
            f"{good - len(material.grounds):,} of {good:,} good images show specimens that the run or the inspector "
            f"was trained on, and are left out."
        )
    if not inspector.trained_on:
        notes.append("What the inspector was trained on is not known: good images that it has seen count all the same.")
    boxes = [label for label, found in sources.items() if any(data.samples[one.row].mask is None for one in found)]
    if boxes:
        notes.append(f"Of {', '.join(boxes)} some defects have boxes and no masks: the whole box is put on the ground.")
    return notes
