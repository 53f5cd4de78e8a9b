"""Registration: do two images, laid on each other at one placement, show the same material?

Three things must hold in the overlap: the textures correlate; they do so nearly everywhere, not only along one strong
line or edge (all solar cells have the same busbars); and they correlate clearly better here than a few pixels away in
whichever direction is best, so that straight scratches and grooves, which fit at any shift along themselves, prove
nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage as nd
from numpy.typing import NDArray

from flawforge.core.arrays import Floats32

CORRELATION = 0.55  # of the overlap as a whole, at least
AGREEING = 0.7  # share of the overlap where the correlation within a window exceeds LOCAL, at least
LOCAL = 0.5
WINDOW = 16  # pixels, side of that window
MARGIN = 0.3  # Fisher z by which the placement beats the shifted ones, at least, and ...
CHANCE = 3.0  # ... so many standard errors more
GRAIN = 16  # pixels of a flattened image that count as one independent observation
SMALLEST = 16  # pixels, short side of an overlap
ENOUGH = 20_000  # pixels that a correlation is taken over, at most

BESIDE = 6  # pixels away: where the shifted placements lie that are compared with

# half of the square around the placement, in order (a ridge through the middle leaves the square on both sides)
_SHIFTS = (
    *((row, BESIDE) for row in range(-BESIDE, BESIDE)),
    *((BESIDE, column) for column in range(BESIDE, -BESIDE - 2, -1)),
)


@dataclass(frozen=True)
class Overlap:
    """What was measured at the best placement.

    Attributes:
        dy: row of the turned first image that the second's row 0 lies on.
        dx: column likewise.
        share: size of the overlap as a part of the smaller image, 0..1.
        correlation: normalised cross-correlation of the overlap, -1..1.
        agreeing: share of the overlap where the correlation within a small window exceeds 0.5.
        margin: Fisher z of the correlation, less that of the best placement 6 pixels away (or of the
            first that came too near).
        same: whether that is enough to say that both show the same material.
    """

    dy: int
    dx: int
    share: float
    correlation: float
    agreeing: float
    margin: float
    same: bool


def turned(image: NDArray[Any], pose: int) -> NDArray[Any]:
    """Return (H, W, ...) mirrored left-right (1), up-down (2), then transposed (4), as the bits of `pose` say."""
    image = image[:, ::-1] if pose & 1 else image
    image = image[::-1] if pose & 2 else image
    return np.swapaxes(image, 0, 1) if pose & 4 else image


def measure_overlap(first: Floats32, second: Floats32, dy: int, dx: int) -> Overlap:
    """Refine a placement by a few pixels and measure it.

    Args:
        first: (H, W) flattened and turned image.
        second: (H', W') flattened image.
        dy: row of `first` that row 0 of `second` lies on, known to a few pixels.
        dx: column likewise.
    """
    best, dy, dx = _climb(first, second, dy, dx)
    pair = shared(first, second, dy, dx)
    if pair is None or best < CORRELATION:
        return Overlap(dy, dx, 0.0, best, 0.0, 0.0, False)
    share = pair[0].size / min(first.size, second.size)
    needed = MARGIN + CHANCE / np.sqrt(pair[0].size / GRAIN)
    margin = _fisher(best) - _fisher(_beside(first, second, dy, dx, float(np.tanh(_fisher(best) - needed))))
    if margin < needed:
        return Overlap(dy, dx, share, best, 0.0, margin, False)
    part = agreeing(*pair, LOCAL)
    return Overlap(dy, dx, share, best, part, margin, part >= AGREEING)


def _climb(first: Floats32, second: Floats32, dy: int, dx: int) -> tuple[float, int, int]:
    known: dict[tuple[int, int], float] = {}
    for _ in range(4):
        around = [(dy + row, dx + column) for row in (-1, 0, 1) for column in (-1, 0, 1)]
        for place in around:
            if place not in known:
                known[place] = _correlation(first, second, *place)
        top = max(around, key=lambda place: known[place])
        if top == (dy, dx):
            break
        dy, dx = top
    return known[dy, dx], dy, dx


def shared(first: Floats32, second: Floats32, dy: int, dx: int) -> tuple[Floats32, Floats32] | None:
    """Return the two views of the overlap, or None where it is too small."""
    top, bottom = max(0, dy), min(first.shape[0], dy + second.shape[0])
    left, right = max(0, dx), min(first.shape[1], dx + second.shape[1])
    if min(bottom - top, right - left) < SMALLEST:
        return None
    return first[top:bottom, left:right], second[top - dy : bottom - dy, left - dx : right - dx]


def _correlation(first: Floats32, second: Floats32, dy: int, dx: int) -> float:
    pair = shared(first, second, dy, dx)
    if pair is None:
        return -1.0
    step = -(-pair[0].size // ENOUGH)  # of a large overlap, every second row or third or ... will do
    a, b = (np.ravel(side[::step]) for side in pair)
    ones = np.ones(len(a), np.float32)  # a product with it is a sum, in a fifth of the time
    mean, other = float(a @ ones) / len(a), float(b @ ones) / len(a)
    spreads = max(0.0, float(a @ a) - len(a) * mean**2), max(0.0, float(b @ b) - len(a) * other**2)
    return (float(a @ b) - len(a) * mean * other) / math.sqrt(math.prod(spreads) + 1e-6)


def _beside(first: Floats32, second: Floats32, dy: int, dx: int, limit: float) -> float:
    """Return the best correlation at a shift, between whole pixels too; the first that exceeds the limit settles it."""
    values: list[float] = []
    for row, column in _SHIFTS:
        values.append(_correlation(first, second, dy + row, dx + column))
        if values[-1] > limit:
            return values[-1]
    left, middle, right = np.array(values[:-2]), np.array(values[1:-1]), np.array(values[2:])
    bend = np.minimum(left - 2 * middle + right, -1e-6)
    top = middle - (left - right) ** 2 / (
        8 * bend
    )  # of the parabola through three neighbours, where it is between them
    return float(max(*values, *np.where((middle >= left) & (middle >= right), top, -1.0)))


def _fisher(correlation: float) -> float:
    return float(np.arctanh(np.clip(correlation, -0.999, 0.999)))


def agreeing(a: Floats32, b: Floats32, local: float) -> float:
    """Return the share of an overlap where the correlation within a window exceeds `local`."""

    def mean(values: Floats32) -> Floats32:
        return np.asarray(nd.uniform_filter(values, WINDOW))

    at, bt = mean(a), mean(b)
    spread = np.maximum((mean(a * a) - at * at) * (mean(b * b) - bt * bt), 0)
    return float(((mean(a * b) - at * bt) > local * np.sqrt(spread) + 1e-3).mean())
