"""A dataset: images of surfaces, their classes, and which of them show the same specimen."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from flawforge.core.arrays import Bools, Ints
from flawforge.core.errors import DataUnusableError, did_you_mean
from flawforge.core.images import WHITES, Pixels, resize, to_gray
from flawforge.core.progress import SILENT, Progress
from flawforge.data.decode import read_image, read_part
from flawforge.data.grouping.shots import draw_shots
from flawforge.data.reading_choices import AS_USUAL, ReadingChoices
from flawforge.data.regions import draw_region
from flawforge.data.sample import Broken, Sample
from flawforge.data.threads import told_in_threads


@dataclass(frozen=True)
class Dataset:
    """Samples in a fixed order (by class, then by file), and what was passed over.

    Attributes:
        source: what the user named: a folder or the word ``elpv``.
        root: the folder that the samples' paths start from.
        layout: its name in `flawforge.data.reading.layouts.LAYOUTS`.
        samples: the images.
        broken: the files that cannot be read, each with its reason.
        notes: what is worth knowing about how the folder was read, a sentence each.
        scale: `bits` and `deep_white` of the images that these are compared with (`scaled_as`); None: their own.
        unlabelled: images without a class, which nothing that uses labels may use; the reason is in `label_source`.
        choices: what the user decided about how the folder was read.
        mended: what the labels file changed (`choices.labels`), a sentence each.
    """

    source: str
    root: Path
    layout: str
    samples: tuple[Sample, ...]
    broken: tuple[Broken, ...] = ()
    notes: tuple[str, ...] = ()
    scale: tuple[int, int] | None = None
    unlabelled: tuple[Sample, ...] = ()
    choices: ReadingChoices = AS_USUAL
    mended: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.samples)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The class names, sorted."""
        return tuple(sorted({sample.label for sample in self.samples}))

    @cached_property
    def counts(self) -> dict[str, int]:
        """Samples per class."""
        counted = Counter(sample.label for sample in self.samples)
        return {label: counted[label] for label in self.classes}

    @cached_property
    def labels(self) -> Ints:
        """(N,) index into `classes` of each sample."""
        index = {label: i for i, label in enumerate(self.classes)}
        return np.array([index[sample.label] for sample in self.samples], dtype=np.int64)

    @cached_property
    def channels(self) -> int:
        """1 when every image is gray (also gray ones stored as RGB), else 3."""
        return 1 if all(sample.gray for sample in self.samples) else 3

    @cached_property
    def bits(self) -> int:
        """16 when the majority of the images has 16 bits, else 8; the others are scaled to it."""
        if self.scale is not None:
            return self.scale[0]
        deep = sum(sample.format.mode == "I;16" for sample in self.samples)
        return 16 if deep * 2 > len(self.samples) else 8

    @cached_property
    def white(self) -> int:
        """The pixel value of white: 255 for 8 bits, `deep_white` for 16."""
        return 255 if self.bits == 8 else self.deep_white

    @cached_property
    def deep_white(self) -> int:
        """White in the 16-bit files: the smallest of 1023, 4095, 16383, 65535 that holds them all (65535 if none); hot
        pixels do not count.
        """
        if self.scale is not None:
            return self.scale[1]
        peaks = [sample.peak for sample in self.samples if sample.format.mode == "I;16"]
        return next(white for white in WHITES[1:] if white >= max(peaks)) if peaks else WHITES[-1]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over classes and contents, not paths: the same images in another folder have the same one."""
        lines = sorted(f"{sample.label}\x1f{sample.sha256}" for sample in self.samples)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @cached_property
    def duplicates(self) -> tuple[tuple[str, ...], ...]:
        """Files with the same pixels, a tuple each."""
        same: dict[str, list[str]] = {}
        for sample in self.samples:
            same.setdefault(sample.sha256, []).append(sample.file)
        return tuple(tuple(files) for files in same.values() if len(files) > 1)

    def groups(self, progress: Progress = SILENT) -> Ints:
        """Return (N,) group numbers: samples with the same number show the same specimen. Whole pictures are compared,
        so that the tiles of one are in one group.

        Found by `flawforge.data.grouping.overlap` and kept in the user's cache under the content's fingerprint; and by
        the names that tools give to their copies of an image.
        """
        from flawforge.data.grouping.copies import join_copies
        from flawforge.data.grouping.overlap import overlap_groups

        paths = [sample.path for sample in self.samples]
        pictures: dict[str, Sample] = {}
        for sample in self.samples:
            pictures.setdefault(sample.path, sample.whole)
        if len(pictures) == len(self) and not any(sample.tile for sample in self.samples):
            found = overlap_groups(self.samples, self.read, self.white, self.fingerprint, progress)
            return join_copies(found, paths)
        wholes = replace(self, samples=tuple(pictures.values()), scale=(self.bits, self.deep_white))
        found = overlap_groups(wholes.samples, wholes.read, self.white, wholes.fingerprint, progress)
        number = dict(zip(pictures, found.tolist(), strict=True))
        return join_copies(np.array([number[path] for path in paths], dtype=np.int64), paths)

    def read(self, index: int) -> Pixels:
        """Return one sample's pixels at its own size: (H, W) gray or (H, W, 3), 0..`white`, uint8 or uint16."""
        sample = self.samples[index]
        path, tile = self.root / sample.path, sample.tile
        if tile is None:
            return read_image(path, bits=self.bits, white=self.deep_white)
        corners = (tile.left, tile.top, tile.right, tile.bottom)
        return read_part(path, corners, bits=self.bits, white=self.deep_white)

    def mask(self, index: int, label: str | None = None) -> Bools:
        """Return (H, W) bool at the sample's own size: the pixels that its labels mark.

        Where they mark pixels, those; else the insides of its boxes.

        Args:
            index: of the sample.
            label: only what is marked as this class, or without a class; None: all.

        Raises:
            ImageBrokenError: a mask image cannot be read (any more).
        """
        sample = self.samples[index]
        marked = np.zeros((sample.height, sample.width), dtype=bool)
        marks = [mark for mark in sample.marks if label is None or mark.label in ("", label)]
        for region in (region for mark in marks for region in mark.regions):
            marked |= draw_region(region, sample.height, sample.width, self.root)
        if not any(mark.regions for mark in marks):
            for box in sample.boxes:
                if label is None or box.label == label:
                    marked[box.top : box.bottom, box.left : box.right] = True
        return marked

    def pixels(self, resolution: tuple[int, int], channels: int, progress: Progress = SILENT) -> Pixels:
        """Return all samples at one size, decoded once: (N, H, W) for 1 channel, (N, H, W, 3) for 3.

        Args:
            resolution: (height, width); proportions are not kept.
            channels: 1 takes the luma of colour images, 3 repeats gray.
            progress: where to tell how far the reading is.
        """
        height, width = resolution
        shape = (len(self), height, width) if channels == 1 else (len(self), height, width, channels)
        out = np.empty(shape, dtype=np.uint8 if self.bits == 8 else np.uint16)

        def fitted(index: int) -> Pixels:
            image = self.read(index)
            image = resize(to_gray(image) if channels == 1 and image.ndim == 3 else image, height, width)
            return image[..., None] if channels == 3 and image.ndim == 2 else image

        for index, image in enumerate(told_in_threads(fitted, range(len(self)), progress, "reading images")):
            out[index] = image
        return np.minimum(out, self.white).astype(out.dtype)

    def with_white(self, white: int, deep_white: int | None) -> Dataset:
        """Return the dataset with the white that a run recorded for it; None: not recorded.

        It differs where an earlier version took the value of a hot pixel for white.
        """
        if deep_white is None or deep_white == self.deep_white:
            return self
        return replace(self, scale=(8 if white == 255 else 16, deep_white))

    def scaled_as(self, other: Dataset) -> Dataset:
        """Return the dataset with another one's bits and white, so that one value means one brightness in both.

        White follows from the images, so that parts of one dataset may differ in it. Values above the other's white
        are read as white. Where the other has no 16-bit file, it does not say what white is in them, and it stays.
        """
        deep = any(sample.format.mode == "I;16" for sample in other.samples)
        return replace(self, scale=(other.bits, other.deep_white if deep else self.deep_white))

    def take(self, indices: Iterable[int]) -> Dataset:
        """Return a dataset of the samples with these indices, in the order of this one."""
        chosen = sorted(set(indices))
        return replace(self, samples=tuple(self.samples[i] for i in chosen))

    def select(
        self, classes: Sequence[str] | None = None, shots: int | None = None, seed: int = 0, progress: Progress = SILENT
    ) -> Dataset:
        """Return a part of the dataset.

        Args:
            classes: the classes to keep; None keeps all.
            shots: images per class to keep, drawn by `seed` from as many different groups as there are; a class with
                fewer keeps all it has. None keeps all.
            seed: of the draw.
            progress: where to tell how the search for groups goes (only with `shots`).

        Raises:
            DataUnusableError: there is no such class.
        """
        part = self
        if classes is not None:
            for label in classes:
                if label not in self.classes:
                    passed = [f" {one.file} {one.reason}." for one in self.broken if Path(one.file).name == label]
                    raise DataUnusableError(
                        f"there is no class '{label}' in {self.source}.{did_you_mean(label, self.classes)} "
                        f"There are: {', '.join(self.classes)}.{''.join(passed)}"
                    )
            part = self.take(i for i, sample in enumerate(self.samples) if sample.label in set(classes))
        if shots is None:
            return part
        return part.take(draw_shots(part.labels, part.classes, part.groups(progress), shots, seed))
