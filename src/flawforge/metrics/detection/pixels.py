"""How well do maps say where defects are? Pixel average precision, the image's AUROC, and per-region overlap.

A map is summed up by levels: thresholds that are the same for all images of one table. Each image keeps how many of its
defective pixels, of its other pixels, and of its defects (each counting 1) lie between two of them. So every statistic
takes weights, one per image, and a bootstrap over groups is a product of matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.integrate import trapezoid

from flawforge.core.arrays import Bools, Floats, Floats32, Ints
from flawforge.metrics.inference.classification import weighted_auroc

DEFECT_LEVELS, GROUND_LEVELS = 192, 64
LEVELS = DEFECT_LEVELS + GROUND_LEVELS
EIGHT = np.ones((3, 3), bool)  # pixels that touch at a corner are of one defect
LIMIT = 0.3  # of the good pixels taken for defective, up to which per-region overlap is averaged


def tabulate(maps: Floats32, truth: Bools) -> Floats32:
    """Return (N, `COLUMNS`) what is kept of the maps, an image a row.

    Levels are quantiles of the scores of defective pixels, all of these where they are few, and of ground. So a map
    that separates all of both keeps doing so, equal scores stay together, and a monotone change of all scores changes
    nothing. Average precision takes each level's precision at its lower end: where precision falls with recall that is
    too low by 1 / (`DEFECT_LEVELS` - 1) at most.

    Args:
        maps: (N, H, W), higher where a defect is more likely.
        truth: (N, H, W) True on a defect.

    Raises:
        ValueError: shapes that differ, or a score that is not finite.
    """
    if maps.shape != truth.shape or maps.ndim != 3:
        raise ValueError(f"maps have shape {maps.shape} and truth {truth.shape}; both are (images, height, width)")
    if not np.isfinite(maps).all():
        raise ValueError("maps hold a value that is not finite")
    levels = _levels(maps, truth)
    out = np.zeros((len(maps), COLUMNS), np.float32)
    for row, (scores, marked) in enumerate(zip(maps, truth, strict=True)):
        bins = len(levels) - np.searchsorted(levels, scores, side="right")  # 0: the highest level and above
        out[row, DEFECT] = np.bincount(bins[marked], minlength=LEVELS)
        out[row, GROUND] = np.bincount(bins[~marked], minlength=LEVELS)
        regions, count = ndimage.label(marked, EIGHT)
        if count:
            sizes = np.bincount(regions.ravel())
            out[row, REGIONS] = np.bincount(bins[marked], 1 / sizes[regions[marked]], LEVELS)
        out[row, SCORE] = scores.max()
    return out


DEFECT, GROUND, REGIONS = (slice(part * LEVELS, (part + 1) * LEVELS) for part in range(3))
SCORE = 3 * LEVELS  # column of the image's score: the largest of its map
COLUMNS = SCORE + 1


def _levels(maps: Floats32, truth: Bools) -> Floats32:
    """Return at most `LEVELS` - 1 scores, rising: a pixel is of a level when it scores that or more."""
    found = []
    for scores, count in ((maps[truth], DEFECT_LEVELS), (maps[~truth], GROUND_LEVELS - 1)):
        if len(scores):
            found.append(np.quantile(scores, np.linspace(0, 1, count), method="lower"))
    return np.unique(np.concatenate(found)).astype(np.float32)


def average_precision(table: Floats, weights: Floats, of: Bools | None = None) -> Floats:
    """Return (B,) pixel average precisions: precision summed over the steps of recall, without interpolation.

    Args:
        table: (N, `COLUMNS`) from `tabulate`.
        weights: (B, N).
        of: (N,) images whose defects are to be found; None: of all. The ground is that of all images.

    Returns:
        NaN where there is no defective pixel, or no other.
    """
    chosen = weights if of is None else weights * of
    hits, alarms = np.cumsum(chosen @ table[:, DEFECT], axis=1), np.cumsum(weights @ table[:, GROUND], axis=1)
    steps = np.diff(hits, axis=1, prepend=0)
    precision = np.divide(hits, hits + alarms, out=np.zeros_like(hits), where=hits > 0)
    whole = np.where(alarms[:, -1] > 0, hits[:, -1], 0)
    found = np.divide((precision * steps).sum(axis=1), whole, out=np.full(len(hits), np.nan), where=whole > 0)
    return np.asarray(found)


def per_region_overlap(table: Floats, weights: Floats, limit: float = LIMIT) -> Floats:
    """Return (B,) areas under the curve of per-region overlap against the share of ground that is taken for defective,
    up to `limit` of it, divided by it (AUPRO; Bergmann et al. 2021, "The MVTec Anomaly Detection Dataset", section 4).

    Each defect counts alike, however small. Between levels the curve is a straight line. A map that is the same
    everywhere has `limit` / 2. NaN as `average_precision`.
    """
    found = np.cumsum(weights @ table[:, REGIONS], axis=1)
    alarms = np.cumsum(weights @ table[:, GROUND], axis=1)
    out = np.full(len(weights), np.nan)
    for row in np.flatnonzero((found[:, -1] > 0) & (alarms[:, -1] > 0)):
        rate = np.r_[0.0, alarms[row] / alarms[row, -1]]
        overlap = np.r_[0.0, found[row] / found[row, -1]]
        inside = rate < limit
        ends = np.r_[rate[inside], limit], np.r_[overlap[inside], np.interp(limit, rate, overlap)]
        out[row] = trapezoid(ends[1], ends[0]) / limit
    return out


@dataclass(frozen=True)
class PixelStatistics:
    """The statistics of an arm's table, as `flawforge.metrics.inference.resampling` takes them.

    Attributes:
        good: label of the images without a defect; None: there are none.
    """

    good: int | None = None

    def average_precision(self, table: Floats, labels: Ints, weights: Floats) -> Floats:
        """Return (B,) pixel average precisions, defects of all classes against ground."""
        return average_precision(table, weights)

    def per_region_overlap(self, table: Floats, labels: Ints, weights: Floats) -> Floats:
        """Return (B,) areas under the per-region overlap curve up to `LIMIT`."""
        return per_region_overlap(table, weights)

    def auroc(self, table: Floats, labels: Ints, weights: Floats) -> Floats:
        """Return (B,) areas under the ROC curve of the images' scores, defective against good."""
        scores = np.repeat(table[:, SCORE, None], 2, axis=1)
        return weighted_auroc(scores, (labels != self.good).astype(np.int64), weights)


@dataclass(frozen=True)
class ClassPixels:
    """Pixel average precision of the defects of one class's images against all ground.

    Attributes:
        code: label of the class.
    """

    code: int

    def __call__(self, table: Floats, labels: Ints, weights: Floats) -> Floats:
        """Return (B,) average precisions; NaN where the class has no weight."""
        return average_precision(table, weights, labels == self.code)


@dataclass(frozen=True)
class MeanOfClasses:
    """The mean of some classes' pixel average precision; NaN where one has no weight."""

    codes: Sequence[int]

    def __call__(self, table: Floats, labels: Ints, weights: Floats) -> Floats:
        """Return (B,) means."""
        return np.asarray(np.mean([ClassPixels(code)(table, labels, weights) for code in self.codes], axis=0))
