"""Masks where nobody drew any: estimated from boxes, and where there are none either, from good images.

From a box, what differs from the ground around it (`flawforge.data.augmentation.mask_in_box`). Without a box, what is
farther from all patches of good images than nearly all their own patches are: the map of distances that the trial's
focused model looks at (Roth et al. 2022, 2106.08265). What is found there is a box for the first way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel
from scipy import ndimage
from torch import Tensor

from flawforge.core.arrays import Bytes, Floats, Floats32
from flawforge.core.files import FORMAT, read_model, write_text
from flawforge.core.images import resize, to_pixels
from flawforge.core.progress import SILENT, Progress
from flawforge.data.augmentation.mask_in_box import BoxedImage, Corners
from flawforge.data.augmentation.pasting import EIGHT
from flawforge.data.dataset import Dataset
from flawforge.data.estimates import estimated_sentences
from flawforge.data.good_names import find_good
from flawforge.data.regions import RunLengths, as_runs, draw_region
from flawforge.data.sample import Mark, Sample
from flawforge.data.sampling.material import floats
from flawforge.models.memory_bank import STAGES
from flawforge.models.one_class import FALSE_ALARMS, OneClass

Origin = Literal["box", "good images"]
SIDE = 256  # pixels of the shorter side at which images are compared with good ones
MOST_GOOD = 128  # good images that are remembered
USUAL = 0.9  # share of good images that are nearer at a position than what is usual there
PEAK = 0.5  # of the way from an image's middle distance to its largest, from which a position is part of the defect
SMALLEST = 16  # pixels of what is found so: less is noise of the map
NAMED = 3  # files in a sentence


class SavedMask(BaseModel):
    """One estimated mark, as a run keeps it."""

    label: str
    corners: tuple[float, float, float, float] | None
    counts: tuple[int, ...]
    estimated: Origin


class SavedMasks(BaseModel):
    """``estimated_masks.json`` of a run: the marks of each image, by the SHA-256 of its pixels; where several files
    have these, by that and the file.
    """

    format: int = FORMAT
    images: dict[str, list[SavedMask]] = {}
    nothing: list[str] = []


@dataclass(frozen=True)
class EstimatedMasks:
    """A dataset whose masks are estimated where none are drawn.

    Attributes:
        data: the dataset, with these masks.
        nothing: files of images without mask and box in which nothing was found that differs from good images.
    """

    data: Dataset
    nothing: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """What a reader must know, a sentence each; empty where nothing had to be estimated."""
        return [*estimated_sentences(self.data.samples), *filter(None, [self.lacking])]

    @property
    def lacking(self) -> str:
        """Which images have no mask for all that; empty: none."""
        if not self.nothing:
            return ""
        some = ", ".join(self.nothing[:NAMED]) + (", ..." if len(self.nothing) > NAMED else "")
        return (
            f"{len(self.nothing):,} images without mask and box have none still, as nothing in them differs more from "
            f"good images than these do from each other: {some}. Draw masks or boxes there."
        )

    def save(self, file: Path) -> None:
        """Keep the estimates, so that they are found again as they are."""
        files = Counter(sample.sha256 for sample in self.data.samples)
        images = {
            sample.sha256 if files[sample.sha256] == 1 else _one_of_several(sample): [
                _saved(mark, sample, self.data.root) for mark in sample.marks if mark.estimated
            ]
            for sample in self.data.samples
            if any(mark.estimated for mark in sample.marks)
        }
        write_text(file, SavedMasks(images=images, nothing=list(self.nothing)).model_dump_json() + "\n")


def estimate_masks(
    data: Dataset, good: Dataset | None = None, good_class: str | None = None, progress: Progress = SILENT
) -> EstimatedMasks:
    """Estimate the masks of a dataset's images where none are drawn.

    An image in which any mask is drawn stays as it is, and so does one that the labels say shows nothing.

    Args:
        data: the images. Those of the class of good images are left alone.
        good: good images beside those of `data`.
        good_class: which class of `data` has no defect; None takes the one that is called so.
        progress: where to tell how far it is.

    Raises:
        ImageBrokenError: an image can no longer be read.
    """
    good_class = find_good(data.classes) if good_class is None else good_class
    rows = [row for row, one in enumerate(data.samples) if one.label != good_class and not _said(one)]
    own = data.take(row for row, one in enumerate(data.samples) if one.label == good_class)
    sources = [part for part in (own, good) if part is not None and len(part)]
    wanted = any(not data.samples[row].boxes for row in rows)
    distances = GoodDistances(sources, data.channels, progress) if wanted and sources else None
    samples, nothing = list(data.samples), []
    for row in progress.each("estimating masks", rows, "images"):
        sample, pixels = data.samples[row], floats(data.read(row), data, data.channels)
        if sample.boxes:
            samples[row] = replace(sample, marks=tuple(_boxed(sample, pixels)))
        elif distances is not None:
            marks = tuple(_found(sample.label, pixels, distances.boxes(pixels)))
            samples[row] = replace(sample, marks=marks, nothing_marked=False) if marks else sample
            nothing += [] if marks else [sample.file]
    return EstimatedMasks(replace(data, samples=tuple(samples)), tuple(nothing))


def with_saved_masks(data: Dataset, file: Path) -> Dataset:
    """Return a run's images with the masks that were estimated when it was trained; without the file, as they are.

    Raises:
        RunBrokenError: the file is damaged.
    """
    if not file.is_file():
        return data
    saved = read_model(file, SavedMasks).images
    samples = []
    for one in data.samples:
        marks = tuple(
            Mark(kept.label, kept.corners, (RunLengths(kept.counts, one.height, one.width),), kept.estimated)
            for kept in saved.get(_one_of_several(one), saved.get(one.sha256, ()))
        )
        samples.append(replace(one, marks=marks) if marks and not _said(one) else one)
    return replace(data, samples=tuple(samples))


class GoodDistances:
    """How much farther each position of an image is from the patches of good images than theirs are from each other.

    At each position the distance that is usual there among good images is taken off: beside a part's rim all are far.

    Args:
        sources: datasets of good images alone; of more than `MOST_GOOD` as many, evenly spaced.
        channels: 1 or 3.
        progress: where to tell how far the reading is.
    """

    def __init__(self, sources: Sequence[Dataset], channels: int, progress: Progress = SILENT) -> None:
        known = [(data, row) for data in sources for row in range(len(data))]
        chosen = [known[place] for place in np.linspace(0, len(known) - 1, min(MOST_GOOD, len(known))).astype(int)]
        sizes = np.array([(data.samples[row].height, data.samples[row].width) for data, row in chosen])
        self.size, self.network = _working_size(np.median(sizes, axis=0)), OneClass().eval()
        with progress.task("comparing with good images", len(chosen), "images") as task:
            planes = []
            for data, row in chosen:
                planes.append(self._seen(floats(data.read(row), data, channels)))
                task.advance()
        good = torch.from_numpy(np.stack(planes))
        self.network.bank.remember(good, self.network.maps, seed=0)
        found = np.stack([self._distances(one, own) for own, one in enumerate(good)])
        self.usual = np.quantile(found, USUAL, axis=0)
        self.limit = float(np.quantile((found - self.usual).max(axis=(1, 2)), 1 - FALSE_ALARMS))

    def boxes(self, pixels: Floats32) -> list[Corners]:
        """Return the boxes (in pixels) of what is farther than good images are; empty: nothing is."""
        found = self._distances(torch.from_numpy(self._seen(pixels))) - self.usual
        return boxes_beyond(found, self.limit, pixels.shape[:2])

    @torch.inference_mode()
    def _distances(self, image: Tensor, own: int = -1) -> Floats:
        """Return (h, w) distances of the positions of an image (C, H, W); `own`: its number among the good ones."""
        maps = self.network.maps(image[None].float() / 127.5 - 1)
        squares = self.network.bank.nearest(self.network.bank.patches(maps), torch.tensor([own])).clamp_min(0)
        distances: Floats = squares.sqrt().view(maps[min(STAGES) - 1].shape[2:]).double().numpy()
        return distances

    def _seen(self, pixels: Floats32) -> Bytes:
        """Return (C, h, w) uint8 at the size that all are compared at."""
        small = resize(to_pixels(2 * pixels - 1), *self.size)
        return np.array(small[None] if small.ndim == 2 else small.transpose(2, 0, 1))


def boxes_beyond(farther: Floats, limit: float, size: Sequence[int]) -> list[Corners]:
    """Return the boxes of what a map of distances shows, in an image of (height, width) `size`.

    Args:
        farther: (h, w) distance beyond the usual one.
        limit: largest that good images have; a map that stays below it shows nothing.
        size: of the image.
    """
    highest, middle = float(farther.max()), float(np.median(farther))
    if highest <= limit:
        return []
    parts, _ = ndimage.label(farther > middle + PEAK * (highest - middle), EIGHT)
    factors = [whole / side for whole, side in zip(size, farther.shape, strict=True)]
    boxes = []
    for rows, columns in ndimage.find_objects(parts):
        top, bottom = int(rows.start * factors[0]), int(np.ceil(rows.stop * factors[0]))
        left, right = int(columns.start * factors[1]), int(np.ceil(columns.stop * factors[1]))
        box = top, left, min(bottom, size[0]), min(right, size[1])
        if (box[2] - top) * (box[3] - left) >= SMALLEST:
            boxes.append(box)
    return boxes


def _working_size(median: Floats) -> tuple[int, int]:
    """Return (height, width) of a common size in proportion, whose shorter side is `SIDE`."""
    height, width = (max(1, round(SIDE * float(side) / float(median.min()))) for side in median)
    return height, width


def _one_of_several(sample: Sample) -> str:
    return f"{sample.sha256} {sample.file}"


def _said(sample: Sample) -> bool:
    return any(mark.regions for mark in sample.marks) or sample.annotation == "nothing marked"


def _boxed(sample: Sample, pixels: Floats32) -> Iterator[Mark]:
    """Give the marks of an image with boxes, each with what differs in it; all of a box in which nothing does."""
    image = BoxedImage(pixels, [corners for mark in sample.marks if (corners := _corners(mark, sample)) is not None])
    for mark in sample.marks:
        corners = _corners(mark, sample)
        if corners is None:
            yield mark
            continue
        mask = image.mask(corners)
        if not mask.any():
            mask[corners[0] : corners[2], corners[1] : corners[3]] = True
        yield replace(mark, regions=(as_runs(mask),), estimated="box")


def _found(label: str, pixels: Floats32, boxes: Sequence[Corners]) -> Iterator[Mark]:
    """Give a mark for each box of what good images do not show."""
    image = BoxedImage(pixels, boxes)
    for box in boxes:
        mask = image.mask(box)
        if mask.any():
            yield Mark(label, None, (as_runs(mask),), "good images")


def _corners(mark: Mark, sample: Sample) -> Corners | None:
    """Return top, left, bottom and right of a mark's box in its image; None: it has none, or it is empty."""
    if mark.corners is None:
        return None
    left, top, right, bottom = (int(corner) for corner in mark.corners)
    top, left, bottom, right = max(0, top), max(0, left), min(bottom, sample.height), min(right, sample.width)
    return (top, left, bottom, right) if top < bottom and left < right else None


def _saved(mark: Mark, sample: Sample, root: Path) -> SavedMask:
    """Return a mark to keep; one that an export carries may hold its pixels in any form."""
    assert mark.estimated
    drawn = [draw_region(region, sample.height, sample.width, root) for region in mark.regions]
    counts = as_runs(np.any(drawn, axis=0)).counts
    return SavedMask(label=mark.label, corners=mark.corners, counts=counts, estimated=mark.estimated)
