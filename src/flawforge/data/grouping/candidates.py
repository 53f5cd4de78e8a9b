"""Candidates: pairs of images that may overlap, found without comparing all pairs.

Each patch becomes a signature of 128 bits (signs of random projections of the whitened patch: the share of differing
bits grows with the angle between two patches; Charikar 2002, "Similarity estimation techniques from rounding
algorithms"). The signatures are sorted several times, by their bits in another order each time, and every one is
compared with the few that follow it. So the work is a number of sorts, and a texture that repeats a million times costs
no more than another. Two images are candidates when several of their matching patches agree on one placement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flawforge.core.arrays import Bytes, Floats32, Ints
from flawforge.data.grouping.keypoints import PATCH, Keypoints

BITS = 128  # length of a signature
DIMENSIONS = 24  # principal components kept of a patch
ORDERS = 10  # times that the signatures are sorted
NEXT = 4  # followers that a signature is compared with, in each order
NEAREST = 8  # matches of one patch that count: a busbar or a logo, which matches everywhere, soon has no say
ALIKE = 30  # differing bits of 128 up to which two patches match (an angle of 42 degrees)
CELL = 4  # pixels within which placements agree
VOTES = 2  # matching patches that must agree on a placement
PLACEMENTS = 64  # candidates kept for one image at most; those with the most votes stay
BLOCK = 1 << 20  # rows handled at a time
KEY, DIFFERING = 28, 5  # bits of a keypoint's number, and of a count of differing bits


@dataclass(frozen=True)
class Candidates:
    """Placements to verify, (P,) each, ordered by `first`, then `second`.

    Attributes:
        first: index of one image.
        second: index of the other, larger than `first`.
        pose: how to turn the first (1 mirror left-right, + 2 mirror up-down, then + 4 transpose).
        dy: row of the turned first image that the second's row 0 lies on.
        dx: column likewise.
        votes: patches that agree.
    """

    first: Ints
    second: Ints
    pose: Ints
    dy: Ints
    dx: Ints
    votes: Ints

    def __len__(self) -> int:
        """Return the number of placements."""
        return len(self.first)


def whitening(patches: Floats32) -> tuple[Floats32, Floats32]:
    """Return what whitens patches: their mean (64,), and (64, 24) that takes the rest to their principal components.

    Args:
        patches: (K, 64) some patches of the data at hand.
    """
    spread = np.cov(patches.T) if len(patches) > 1 else np.eye(PATCH)
    values, vectors = np.linalg.eigh(spread)
    values, vectors = values[::-1][:DIMENSIONS], vectors[:, ::-1][:, :DIMENSIONS]
    mean = patches.mean(0) if len(patches) else np.zeros(PATCH)
    white = vectors / np.sqrt(np.maximum(values, 0) + 0.02 * max(float(values[0]), 1e-6))
    return mean.astype(np.float32), white


class Signer:
    """Turns patches into signatures; learns the whitening from some patches of the data at hand."""

    def __init__(self, patches: Floats32) -> None:
        self.mean, white = whitening(patches)
        planes = np.random.Generator(np.random.PCG64(1)).standard_normal((DIMENSIONS, BITS))
        self.planes = (white @ planes).astype(np.float32)

    def sign(self, patches: Floats32) -> Bytes:
        """Return (K, 16) packed signatures of (K, 64) patches."""
        return np.packbits((patches - self.mean) @ self.planes > 0, axis=1)


class Index:
    """All keypoints of a dataset: 25 bytes each."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[np.int32], Keypoints, Bytes]] = []

    def add(self, image: int, points: Keypoints, signatures: Bytes) -> None:
        """Add the keypoints of one image; images come in ascending order."""
        bare = Keypoints(points.y, points.x, points.pose, np.empty((0, PATCH), np.float32))  # lets go of the patches
        self._parts.append((np.full(len(points.y), image, np.int32), bare, signatures))

    def candidates(self, shapes: Ints) -> Candidates:
        """Return the placements that at least `VOTES` patches agree on.

        Args:
            shapes: (N, 2) height and width of each image.
        """
        if not self._parts:
            return Candidates(*[np.empty(0, np.int64)] * 6)
        parts = self._parts
        image = np.concatenate([part[0] for part in parts])
        y, x = (np.concatenate([getattr(part[1], axis) for part in parts]) for axis in "yx")
        pose = np.concatenate([part[1].pose for part in parts])
        a, b = _matches(image, np.concatenate([part[2] for part in parts]))
        turn = relative_poses(pose[a], pose[b])
        row, column = placed_by(turn, y[a], x[a], shapes[image[a]])
        return _vote(image[a].astype(np.int64), image[b].astype(np.int64), turn, row - y[b], column - x[b])


def _relative() -> Ints:
    """Return (8, 8): the pose that takes the first image to the second, given the poses of two matching patches."""
    table = np.empty((8, 8), np.int64)
    for first in range(8):
        for second in range(8):
            transposed, flips = (first ^ second) & 4, second & 3
            swapped = (flips >> 1) | ((flips & 1) << 1) if transposed else flips
            table[first, second] = transposed | ((first & 3) ^ swapped)
    return table


_RELATIVE = _relative()


def relative_poses(first: Bytes, second: Bytes) -> Ints:
    """Return (K,) the pose that takes one image to another, from the (K,) poses of matching patches of both."""
    return np.asarray(_RELATIVE[first, second])


def placed_by(pose: Ints, y: NDArray[np.int16], x: NDArray[np.int16], shapes: Ints) -> tuple[Ints, Ints]:
    """Return (K,) rows and columns of points once their images, of (K, 2) `shapes`, are in (K,) poses."""
    y, x = y.astype(np.int64), x.astype(np.int64)
    x = np.where(pose & 1, shapes[:, 1] - 1 - x, x)
    y = np.where(pose & 2, shapes[:, 0] - 1 - y, y)
    return np.where(pose & 4, x, y), np.where(pose & 4, y, x)


def _matches(image: NDArray[np.int32], signatures: Bytes) -> tuple[Ints, Ints]:
    """Return the pairs of keypoints (the first of the earlier image) whose signatures differ in few bits."""
    count = len(image)
    prefix = max(1, int(np.ceil(np.log2(max(count, 2)))) - 1)  # bits that compared signatures share
    words = signatures.view(np.uint64)
    draws = np.random.Generator(np.random.PCG64(2))
    nearest = np.empty(0, np.int64)
    for _ in range(ORDERS):
        keys = _keys(signatures, draws.permutation(BITS)[:64])
        order = np.argsort(keys)
        keys = keys[order] >> np.uint64(64 - prefix)
        owners, near = image[order], words[order]  # in this order, so that what is compared lies together
        found = [nearest]
        for step in range(1, NEXT + 1):
            for start in range(0, count - step, BLOCK):
                here = slice(start, min(start + BLOCK, count - step))
                there = slice(start + step, here.stop + step)
                rows = np.flatnonzero((keys[here] == keys[there]) & (owners[here] != owners[there])) + start
                differing = _bits(near[rows] ^ near[rows + step])
                close = differing <= ALIKE
                a, b, differing = order[rows[close]], order[rows[close] + step], differing[close]
                found += [_pack(a, differing, b), _pack(b, differing, a)]
        nearest = _trim(np.concatenate(found))
    a, b = nearest >> (KEY + DIFFERING), nearest & ((1 << KEY) - 1)
    pairs = np.sort(np.minimum(a, b) << KEY | np.maximum(a, b))
    pairs = pairs[np.diff(pairs, prepend=-1) != 0]
    return pairs >> KEY, pairs & ((1 << KEY) - 1)


def _pack(a: Ints, differing: Ints, b: Ints) -> Ints:
    """Return one number for each match that sorts by keypoint, then by how near its partner is."""
    return ((a << DIFFERING) | differing) << KEY | b


def _trim(packed: Ints) -> Ints:
    """Keep the `NEAREST` partners of each keypoint, each once."""
    packed = np.sort(packed)
    packed = packed[np.diff(packed, prepend=-1) != 0]
    owner = packed >> (KEY + DIFFERING)
    return packed[_place(owner) < NEAREST]


def _keys(signatures: Bytes, chosen: Ints) -> NDArray[np.uint64]:
    """Return (K,) numbers of 64 bits: the chosen bits of each signature, in that order."""
    keys = np.empty(len(signatures), np.uint64)
    for start in range(0, len(signatures), BLOCK):
        bits = np.take(np.unpackbits(signatures[start : start + BLOCK], axis=1), chosen, axis=1)
        keys[start : start + BLOCK] = np.packbits(bits, axis=1).view(">u8").ravel()
    return keys


_COUNTS = np.array([bin(value).count("1") for value in range(1 << 16)], np.uint8)


def _bits(words: NDArray[np.uint64]) -> Ints:
    """Return (K,) how many bits are set in (K, 2) words."""
    return np.asarray(_COUNTS[words.view(np.uint16)].sum(1, dtype=np.int64))


def _vote(first: Ints, second: Ints, turn: Ints, dy: Ints, dx: Ints) -> Candidates:
    """Count the matches that agree on a placement, in cells that overlap by half so that no border splits them."""
    if not len(first):
        return Candidates(*[np.empty(0, np.int64)] * 6)
    count = int(second.max()) + 1
    pair = (first * count + second) * 8 + turn
    reach = int(max(np.abs(dy).max(), np.abs(dx).max())) + CELL
    cells = 2 * reach // CELL + 2
    columns: list[tuple[Ints, ...]] = []
    for down, right in ((0, 0), (0, CELL // 2), (CELL // 2, 0), (CELL // 2, CELL // 2)):
        key = (pair * cells + (dy + reach + down) // CELL) * cells + (dx + reach + right) // CELL
        order = np.argsort(key, kind="stable")
        start = np.flatnonzero(np.diff(key[order], prepend=-1) != 0)
        votes = np.diff(start, append=len(order))
        middle = order[start + votes // 2]
        enough = votes >= VOTES
        columns.append(tuple(array[enough] for array in (pair[middle], dy[middle], dx[middle], votes)))
    pair, dy, dx, votes = (np.concatenate(column) for column in zip(*columns, strict=True))
    return _strongest(pair, dy, dx, votes, count)


def _strongest(pair: Ints, dy: Ints, dx: Ints, votes: Ints, count: int) -> Candidates:
    """Keep the best placement of each pair and pose, and of these the best few of each image."""
    order = np.lexsort((dx, dy, -votes, pair))
    order = order[np.diff(pair[order], prepend=-1) != 0]
    both, pose = pair[order] // 8, pair[order] % 8
    first, second = both // count, both % count
    keep = np.zeros(len(order), bool)
    for owner in (first, second):
        ranked = np.lexsort((-votes[order], owner))
        keep[ranked[_place(owner[ranked]) < PLACEMENTS]] = True
    order = order[keep]
    return Candidates(first[keep], second[keep], pose[keep], dy[order], dx[order], votes[order])


def _place(owner: Ints) -> Ints:
    """Return (K,) the place of each entry among those of its owner, from 0; entries of one owner stand together."""
    start = np.flatnonzero(np.diff(owner, prepend=-1) != 0)
    return np.arange(len(owner)) - np.repeat(start, np.diff(start, append=len(owner)))
