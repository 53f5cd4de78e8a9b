"""Streaks: images that may be crops of one picture shifted along its streak, and whether they are.

A scratch, a roll mark or a line of slag looks the same at any place along itself. It has no corners to find again, and
its own strength hides the grain beside it from the ordinary registration. But all crops along it share one profile
across. So images of the nearest profiles are compared: the profile is taken out of both, and what is left, the grain,
must agree at one shift along the streak far better than at every other. Lines that are only alike do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft as sf

from flawforge.core.arrays import Floats32, Ints
from flawforge.data.grouping.registration import AGREEING, GRAIN, SMALLEST, agreeing, shared

STREAKED = 0.05  # share of an image's variance that its profile across must hold
ALIKE_PROFILES = 0.55  # correlation of two profiles, at least
SIDEWAYS = range(-12, 13, 3)  # pixels across the streak that two profiles are tried at
NEIGHBOURS = 3  # images of the nearest profiles that one is compared with
ROWS = 512  # profiles compared with all others at a time
GRAIN_ALIKE = 0.4  # correlation of the grain at the best shift, at least
STANDS_OUT = 5.0  # standard errors by which it exceeds that at any other shift, at least
LOCAL_GRAIN = 0.2  # correlation of the grain within a window that agrees (`registration.AGREEING` says how many must)
AGREEING_IN_PLACE = 0.9  # and so many where nothing is shifted: objects of one make have the same frame and bars
SHARED_ROWS = 0.25  # of the shorter image along the streak, at least
BESIDE = 6  # pixels; shifts nearer than this are no other shifts


@dataclass(frozen=True)
class Profile:
    """The mean of a flattened image along its streak.

    Attributes:
        along: axis of the image that the streak runs along.
        values: (L,) of mean 0 and length 1.
    """

    along: int
    values: Floats32


def find_profile(flat: Floats32) -> Profile | None:
    """Return the profile of an image from `flatten`; None where no streak runs through it."""
    if min(flat.shape) < SMALLEST:
        return None
    means = flat.mean(0), flat.mean(1)
    along = int(means[1].var() > means[0].var())
    values = means[along] - means[along].mean()
    if float(values.var()) <= STREAKED * (float(np.vdot(flat, flat)) / flat.size - float(means[along].mean()) ** 2):
        return None
    return Profile(along, np.asarray(values / np.linalg.norm(values), dtype=np.float32))


def nearest_profiles(profiles: dict[int, Profile], groups: Ints) -> list[tuple[float, int, int, int]]:
    """Return correlation, first image, second and pixels across, the nearest first: images of profiles that are alike.

    Args:
        profiles: of the images that have one, by the image's number.
        groups: (N,) group of each image so far; images of one group are not compared.
    """
    kinds: dict[tuple[int, int], list[int]] = {}
    for number, profile in profiles.items():
        kinds.setdefault((profile.along, len(profile.values)), []).append(number)
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for numbers in kinds.values():
        members = np.array(numbers)
        values = np.array([profiles[number].values for number in numbers])
        for start in range(0, len(numbers), ROWS):
            rows = members[start : start + ROWS]
            alike, across = _compare(values[start : start + ROWS], values)
            alike[groups[rows][:, None] == groups[members]] = -1
            kept = np.argpartition(-alike, min(NEIGHBOURS, len(members)) - 1, axis=1)[:, :NEIGHBOURS]
            for row, columns in enumerate(kept.tolist()):
                for column in columns:
                    if alike[row, column] >= ALIKE_PROFILES:
                        a, b, shift = int(rows[row]), int(members[column]), int(across[row, column])
                        found = (a, b, shift) if a < b else (b, a, -shift)
                        best[found[:2]] = max(best.get(found[:2], (-1.0, 0)), (float(alike[row, column]), found[2]))
    return sorted(((alike, a, b, shift) for (a, b), (alike, shift) in best.items()), reverse=True)


def _compare(some: Floats32, others: Floats32) -> tuple[Floats32, Ints]:
    """Return (S, O) the best correlation of each two, and the place in the first that the second's pixel 0 lies on."""
    best, place = np.full((len(some), len(others)), -1, np.float32), np.zeros((len(some), len(others)), np.int64)
    for shift in SIDEWAYS:
        a, b = some[:, max(0, shift) :], others[:, max(0, -shift) :]
        a, b = a[:, : b.shape[1]], b[:, : a.shape[1]]
        alike = _unit(a) @ _unit(b).T
        np.copyto(place, shift, where=alike > best)
        np.maximum(best, alike, out=best)
    return best, place


def _unit(rows: Floats32) -> Floats32:
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + np.float32(1e-9)))


@dataclass(frozen=True)
class GrainShift:
    """Where the grain of two images agrees best.

    Attributes:
        dy: row of the first that the second's row 0 lies on.
        dx: column likewise.
        correlation: of the grain there.
        stands_out: standard errors by which that exceeds the best other shift along the streak.
    """

    dy: int
    dx: int
    correlation: float
    stands_out: float


def same_grain(first: Floats32, second: Floats32, across: int) -> bool:
    """Return whether two images with alike streaks down their rows show the same grain beside it.

    Args:
        first: (H, W) flattened image.
        second: (H', W) flattened image.
        across: column of `first` that column 0 of `second` lies on, known to a few pixels.
    """
    a, b = (_grain(image) for image in (first, second))
    found = _best_shift(a, b, across)
    if found.correlation < GRAIN_ALIKE or found.stands_out < STANDS_OUT:
        return False
    pair = shared(a, b, found.dy, found.dx)
    needed = AGREEING if abs(found.dy) > BESIDE else AGREEING_IN_PLACE
    return pair is not None and agreeing(*pair, LOCAL_GRAIN) >= needed


def _grain(image: Floats32) -> Floats32:
    """Take out the profiles along both axes: neither streaks nor the bars of one make prove anything."""
    rest = image - image.mean(0)
    return np.asarray(rest - rest.mean(1, keepdims=True))


def _best_shift(a: Floats32, b: Floats32, across: int) -> GrainShift:
    """Lay one on the other at all shifts along; of both, every second column will do."""
    least = max(SMALLEST, round(SHARED_ROWS * min(len(a), len(b))))
    size = sf.next_fast_len(len(a) + len(b) - least, real=True)  # what wraps round falls on shifts that are not asked
    width, first = a.shape[1], across % 2
    fa, fb = sf.rfft(a[:, first::2], size, 0), np.conj(sf.rfft(b[:, ::2], size, 0))
    shifts = np.arange(least - len(b), len(a) - least + 1)
    common = np.minimum(len(a), shifts + len(b)) - np.maximum(0, shifts)
    scores = np.empty((3, len(shifts)))
    sideways = np.array([across - 2, across, across + 2])
    for row, shift in enumerate(sideways.tolist()):
        place = (shift - first) // 2
        left, right = max(0, place), min(fa.shape[1], place + fb.shape[1])
        both = fa[:, None, left:right] @ fb[:, left - place : right - place, None]
        sums = sf.irfft(both[:, 0, 0], size)[shifts]
        scores[row] = sums / np.sqrt(common * (right - left))
    scores /= np.sqrt(float(np.vdot(a, a)) / a.size * float(np.vdot(b, b)) / b.size) + 1e-6
    top, best = int(scores.max(0).argmax()), float(scores.max())
    others = scores[:, np.abs(shifts - shifts[top]) > BESIDE]
    above = best - float(others.max()) if others.size else 0.0  # small images have no other shift: nothing stands out
    dx = int(sideways[scores[:, top].argmax()])
    r = best / np.sqrt(common[top] * (width - abs(dx)) / 2)
    # half of the columns were laid on each other: as many standard errors as all have, since neighbours are alike
    return GrainShift(int(shifts[top]), dx, float(r), float(above * np.sqrt(2 / GRAIN)))
