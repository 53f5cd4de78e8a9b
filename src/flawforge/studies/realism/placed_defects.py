"""Placed defects, one by one: are the defect and its border told from real ones, and does the change lie in the mask?

A set of placed images is mostly real ground, so that whole images and random patches say little of what was put there.
Here patches at native scale are cut where the defects are: around the middle of each, and at its border, where a seam
would show. As many of each class are taken from both sides, and the images of one shot fall into one fold: else a
classifier would know the few shots again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats
from flawforge.core.images import Pixels, in_channels, stacked_planes, to_unit
from flawforge.core.plural import plural
from flawforge.core.seeds import numpy_stream
from flawforge.data.decode import read_image
from flawforge.data.writing.patches import parts_of, patch_of
from flawforge.metrics.fidelity.separability import halves_apart, separability
from flawforge.models.extractors import Extractor
from flawforge.runs.judged.scores import MeasuredQuantity, Number
from flawforge.runs.set_files import ManifestEntry
from flawforge.studies.realism.full_size import FullSizeImages, grounds_of
from flawforge.studies.realism.subsets import ENOUGH_GROUPS, draw_rows
from flawforge.studies.sets import HeldOut, MatchedImages

DEFECT, BORDER = 64, 32  # pixels of a side of a patch around a defect, and at its border
AT_BORDER = 4  # patches at the border of one defect, whose features are averaged
IMAGES = 64  # of a class and a side, at most


@dataclass(frozen=True)
class MarkedImage:
    """An image, (H, W) or (H, W, 3), what is marked in it, (H, W), its group (of a placed defect, its shot), and of a
    placed one its ground.
    """

    pixels: Pixels
    mask: Bools
    group: int
    ground: int | None = None


def compare_defects(
    real: Sequence[MarkedImage], made: Sequence[MarkedImage], extractor: Extractor, white: int, seed: int
) -> list[MeasuredQuantity]:
    """Return how well a classifier tells placed defects, and their borders, from real ones.

    Args:
        real: real defects. made: placed ones. Both of at least 12 groups, and 32 pixels a side; else nothing is
            measured.
        extractor: of the patches' features. white: of the pixels. seed: of the draws, folds and halves.
    """
    groups, shots = (np.array([image.group for image in images], dtype=np.int64) for images in (real, made))
    side = min((min(image.mask.shape) for image in [*made, *real]), default=0)
    if min(len(np.unique(groups)), len(np.unique(shots))) < ENOUGH_GROUPS or side < BORDER:
        return []
    found = []
    for name, label, what, length, count in (
        ("defect_auc", "AUC on defects", "patches around defects", min(DEFECT, side), 1),
        ("seam_auc", "AUC on their borders", "patches at their borders", BORDER, AT_BORDER),
    ):
        theirs, ours = (_described(images, length, count, extractor, white, seed) for images in (real, made))
        auc, scale = separability(theirs, ours, groups, seed, other_groups=shots), halves_apart(theirs, groups, seed)
        n, specimens = len(made), len(np.unique(groups))
        found.append(
            MeasuredQuantity(
                name=name,
                label=label,
                unit="",
                better="lower",
                meaning=f"how often a cross-validated classifier on {what} rates a placed one above a real one as "
                "placed; 0.5 is chance",
                generated=Number(value=auc.value, low=auc.low, high=auc.high, n=n, groups=specimens),
                real=Number(value=scale.value, low=scale.low, high=scale.high, n=len(real), groups=specimens),
                classical=Number(value=None, low=None, high=None, n=0, groups=0),
                outside=auc.low > 0.5,
            )
        )
    return found


def told_apart(quantities: Sequence[MeasuredQuantity]) -> str:
    """Return that placed defects, or their borders, are told from real ones, as half a sentence; empty: they are not.

    Args:
        quantities: of a comparison at full size, those of `compare_defects` among them.
    """
    words = {"defect_auc": "their placed defects", "seam_auc": "the borders of their placed defects"}
    for one in quantities:
        if one.name in words and one.outside:
            value, real = one.generated.value, one.real.value
            return f"a classifier tells {words[one.name]} from real ones (AUC {value:.2f}, of real ones {real:.2f})"
    return ""


def change_notes(entries: Sequence[ManifestEntry]) -> list[str]:
    """Return how much of the change to their grounds lies inside the masks of placed images; [] where none says it."""
    shares = [float(entry.placed["inside"]) for entry in entries if "inside" in entry.placed]
    if not shares:
        return []
    mean, least = (math.floor(1000 * share) / 10 for share in (math.fsum(shares) / len(shares), min(shares)))
    note = (
        f"Of the change to the grounds {mean:.1f}% lies inside the masks (of each image at least {least:.1f}%), the "
        f"rest in their soft borders."
    )
    unseen = sum(share == 0 for share in shares)
    note += f" In {unseen:,} of {plural(len(shares), 'image')} nothing inside the mask changed." * (unseen > 0)
    grounds = len({entry.ground_sha256 for entry in entries if entry.ground_sha256})
    few = (
        f"The placed images show {plural(grounds, 'ground')}: whole images may be told from real ones by these being "
        f"few. More good images to train on make more."
    )
    return [note, *[few] * (0 < grounds < min(ENOUGH_GROUPS, len(entries)))]


def shown_defects(images: Sequence[MarkedImage], channels: int, white: int) -> FullSizeImages:
    """Return images with a defect for the blind test: of each a part about its defect is shown."""
    rng = np.random.default_rng(0)  # `_middle` draws nothing
    return FullSizeImages(
        lambda row: in_channels(images[row].pixels, channels),
        np.array([image.group if image.ground is None else image.ground for image in images], dtype=np.int64),
        white,
        lambda row: _middle(images[row].mask, rng)[0],
    )


def placed_beside_real(matched: MatchedImages, real: HeldOut, seed: int) -> tuple[list[MarkedImage], list[MarkedImage]]:
    """Return real and placed images with what is marked: of each class as many, the real ones of different groups.
    Both are empty where none are placed, or no real image is marked.

    Args:
        matched: both sides.
        real: real images; the held-out ones count, or the training images where there are none.
        seed: of the draws.
    """
    rng = numpy_stream(seed, "bootstrap", "placed")
    placed = [row for row, entry in enumerate(matched.entries) if entry.support]
    made: list[MarkedImage] = []
    other: list[MarkedImage] = []
    for label in sorted({matched.entries[row].label for row in placed}):
        own = [row for row in real.reference.tolist() if _marked(real, row, label)]
        if not own:
            continue
        rows = np.array(own, dtype=np.int64)
        chosen = rows[draw_rows(np.arange(len(rows)), real.groups[rows], IMAGES, rng)]
        first = np.unique(real.groups[chosen], return_index=True)[1]  # one image of each specimen
        ours = rng.permutation([row for row in placed if matched.entries[row].label == label])
        count = min(len(first), len(ours))
        other += [_real(matched, real, int(row), label) for row in chosen[np.sort(first)][:count]]
        made += [_placed(matched, int(row), matched.entries[int(row)]) for row in ours[:count]]
    return other, made


def _marked(real: HeldOut, row: int, label: str) -> bool:
    sample = real.data.samples[row]
    return sample.label == label and any(mark.label in ("", label) for mark in sample.marks)


def _real(matched: MatchedImages, real: HeldOut, row: int, label: str) -> MarkedImage:
    return MarkedImage(matched.stored(real.data.read(row)), real.data.mask(row, label), int(real.groups[row]))


def _placed(matched: MatchedImages, row: int, entry: ManifestEntry) -> MarkedImage:
    """Return a placed image and the mask of what was placed: what its ground had is not."""
    folder = matched.synthetic.folder
    mask, support = (read_image(folder / file, bits=8) > 0 for file in (entry.mask, entry.support))
    shots = sorted({one.sources for one in matched.entries if one.sources})
    shot = shots.index(entry.sources) if entry.sources else len(shots) + row
    ground = int(grounds_of(matched.entries)[row])
    return MarkedImage(matched.stored(matched.read_generated(row)), mask & support, shot, ground)


def _described(
    images: Sequence[MarkedImage], side: int, count: int, extractor: Extractor, white: int, seed: int
) -> Floats:
    """Return (N, D) mean features of each image's patches: one around its largest defect, or some at the border."""
    where: Callable[[Bools, np.random.Generator], list[tuple[int, int]]] = _middle if count == 1 else _border
    patches: list[Pixels] = []
    for number, image in enumerate(images):
        rng = numpy_stream(seed, "bootstrap", "placed", "patches", side, number)
        for row, column in where(image.mask, rng):
            corner = [
                min(max(0, at - side // 2), whole - side)
                for at, whole in zip((row, column), image.mask.shape, strict=True)
            ]
            patches.append(image.pixels[corner[0] : corner[0] + side, corner[1] : corner[1] + side])
    planes = stacked_planes(np.stack(patches))
    found = extractor(torch.from_numpy(to_unit(np.ascontiguousarray(planes), white))).astype(np.float64)
    mean: Floats = found.reshape(len(images), count, -1).mean(axis=1)
    return mean


def _middle(mask: Bools, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return the middle of the largest part of a mask; where nothing is marked, that of the image."""
    patch = patch_of(mask)
    if patch is None:
        return [(mask.shape[0] // 2, mask.shape[1] // 2)]
    left, top, right, bottom = max(parts_of(patch, diagonal=True), key=lambda part: part.area).box
    return [((top + bottom) // 2, (left + right) // 2)]


def _border(mask: Bools, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return random pixels of the border of a mask."""
    rows, columns = np.nonzero(mask & ~ndimage.binary_erosion(mask))
    if not len(rows):
        return _middle(mask, rng) * AT_BORDER
    drawn = rng.integers(len(rows), size=AT_BORDER)
    return [(int(rows[at]), int(columns[at])) for at in drawn]
