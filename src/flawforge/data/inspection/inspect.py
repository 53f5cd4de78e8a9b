"""The inspection of a dataset: what is in it, what is wrong with it, and what a fair split looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.data.dataset import Dataset
from flawforge.data.inspection.warnings import dataset_warnings
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import AS_USUAL, ReadingChoices
from flawforge.data.sample import Broken, Sample

if TYPE_CHECKING:
    from flawforge.data.sampling.splits import Split

SIDES = ("left", "top", "right", "bottom")


@dataclass(frozen=True)
class ClassFacts:
    """One class of a dataset.

    Attributes:
        images: how many.
        groups: how many different specimens they show; None where that was not searched for.
        size: the most common (width, height) in pixels.
        sizes: how many different sizes there are.
        widths: (smallest, largest).
        heights: likewise.
        modes: Pillow's mode as stored, to the number of images.
        encodings: the container (``PNG``, ``JPEG``, ...), to the number of images.
        masks: images that have a mask of the defect.
        boxes: labelled rectangles, in all images together.
    """

    images: int
    groups: int | None
    size: tuple[int, int]
    sizes: int
    widths: tuple[int, int]
    heights: tuple[int, int]
    modes: dict[str, int]
    encodings: dict[str, int]
    masks: int
    boxes: int


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found.

    Attributes:
        dataset: the samples, after the choice of classes.
        groups: (N,) group number of each sample, or None when groups were not looked for.
        split: proposed train, validation and test indices that keep each group on one side, or None without groups
            or when there are too few of them.
        classes: class name to its facts.
        notes: what is worth knowing before training, a sentence or two each.
    """

    dataset: Dataset
    groups: Ints | None
    split: Split | None
    classes: dict[str, ClassFacts]
    notes: tuple[str, ...]

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The samples, by class, then by file."""
        return self.dataset.samples

    @property
    def duplicates(self) -> tuple[tuple[str, ...], ...]:
        """Files with the same pixels, a tuple each."""
        return self.dataset.duplicates

    @property
    def broken(self) -> tuple[Broken, ...]:
        """The files that were passed over, each with its reason."""
        return self.dataset.broken

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values.

        Keys: ``source``, ``layout``, ``fingerprint``, ``channels``, ``bits``, ``white``, ``classes``, ``samples``
        (``file``, ``class`` (null: unlabelled), ``group``, ``tile`` (``left``, ``top``, ``right``, ``bottom`` in its
        picture; null: all of it), ``boxes`` (``label``, ``left``, ``top``, ``right``, ``bottom``), ``width``,
        ``height``, ``mode``, ``encoding``, ``gray``, ``mask`` (the file that says which pixels are defective, null
        where none does), ``annotation`` (``marked``, ``nothing marked`` where a label file or a mask says so, null
        where there is none), ``label_source``, ``sha256``), ``unlabelled`` (how many), ``duplicates`` (lists of files),
        ``broken`` (``file``, ``reason``), ``split`` (lists of files under ``train``, ``validation`` and ``test``, or
        null) and ``notes``.
        """
        names = ("source", "layout", "fingerprint", "channels", "bits", "white")
        return {
            **{name: getattr(self.dataset, name) for name in names},
            "classes": {label: asdict(facts) for label, facts in self.classes.items()},
            "samples": [
                *(self._sample(sample, index) for index, sample in enumerate(self.samples)),
                *(self._sample(sample, None) for sample in self.dataset.unlabelled),
            ],
            "unlabelled": len(self.dataset.unlabelled),
            "duplicates": [list(files) for files in self.duplicates],
            "broken": [{"file": one.file, "reason": one.reason} for one in self.broken],
            "split": None if self.split is None else self._files(self.split),
            "notes": list(self.notes),
        }

    def _sample(self, sample: Sample, index: int | None) -> dict[str, Any]:
        names = ("width", "height", "mode", "encoding", "gray", "mask", "annotation", "label_source", "sha256")
        group = None if self.groups is None or index is None else int(self.groups[index])
        return {
            "file": sample.file,
            "class": sample.label or None,
            "group": group,
            "tile": None if sample.tile is None else {side: getattr(sample.tile, side) for side in SIDES},
            "boxes": [asdict(box) for box in sample.boxes],
            **{name: getattr(sample, name) for name in names},
        }

    def _files(self, split: Split) -> dict[str, list[str]]:
        return {name: [self.samples[int(i)].file for i in indices] for name, indices in vars(split).items()}


def inspect(
    data: str | Path | Dataset,
    *,
    classes: Sequence[str] | None = None,
    groups: bool = True,
    seed: int = 0,
    choices: ReadingChoices = AS_USUAL,
    progress: Progress = SILENT,
) -> Inspection:
    """Read a dataset and describe what is in it.

    Args:
        data: what `flawforge.load` takes: a folder, the word ``elpv`` or a dataset.
        classes: look at these classes only; None looks at all.
        groups: look for images that show the same specimen. Without that there is no split to propose.
        seed: of the proposed split.
        choices: how the folder is read, where its files leave it open.
        progress: where to tell how far the work is.

    Raises:
        DataNotFoundError, DataUnusableError, ExtraMissingError: as `flawforge.load`; DataUnusableError also for a class
            that is not there.
        SettingError: `seed` is below 0, or `choices` for a dataset that was read with others.
    """
    check_numbers(seed=seed)
    dataset = load(data, choices, progress=progress).select(classes)
    group_numbers = dataset.groups(progress) if groups else None
    notes = list(dataset_warnings(dataset))
    split = None
    if group_numbers is not None:
        from flawforge.data.sampling.splits import propose_split

        try:
            split = propose_split(dataset.labels, group_numbers, seed=seed)
        except DataUnusableError as error:
            notes.append(f"No split is proposed: {error}")
    return Inspection(dataset, group_numbers, split, _by_class(dataset, group_numbers), tuple(notes))


def _by_class(dataset: Dataset, groups: Ints | None) -> dict[str, ClassFacts]:
    facts = {}
    for code, label in enumerate(dataset.classes):
        members = np.flatnonzero(dataset.labels == code)
        samples = [dataset.samples[int(i)] for i in members]
        sizes = Counter((sample.width, sample.height) for sample in samples)
        widths, heights = zip(*sizes, strict=True)
        facts[label] = ClassFacts(
            images=len(samples),
            groups=None if groups is None else len(np.unique(groups[members])),
            size=sizes.most_common(1)[0][0],
            sizes=len(sizes),
            widths=(min(widths), max(widths)),
            heights=(min(heights), max(heights)),
            modes=dict(Counter(sample.mode for sample in samples).most_common()),
            encodings=dict(Counter(sample.encoding for sample in samples).most_common()),
            masks=sum(sample.mask is not None for sample in samples),
            boxes=sum(len(sample.boxes) for sample in samples),
        )
    return facts
