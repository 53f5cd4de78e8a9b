"""Which parts of training images may lie in an image: small patches that match, and agree where the whole would lie.

Found by the keypoints that the search for overlapping images goes by (`flawforge.data.grouping.keypoints`): each has a
canonical pose, so that mirrored and turned copies cost no more than others. Patches are whitened by those of the
training images, and what matches votes for a training image, a symmetry and a shift.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flawforge.core.arrays import Bools, Floats32, Ints
from flawforge.data.grouping.candidates import placed_by, relative_poses, whitening
from flawforge.data.grouping.keypoints import Keypoints

ALIKE = 0.7  # cosine of the angle between two whitened patches from which they match
SURE = 6.0  # a match counts exp(SURE (cosine - 1)): those that only just match say little
CELL = 6  # pixels within which shifts agree
FAR = 1 << 15  # pixels, more than any shift
ROWS = 64  # keypoints of an image that are compared with all others at a time
MATCHES = 1 << 16  # of those that count, at most; the best stay
KEPT = 12  # training images, each in a symmetry, that an image is correlated with


class PatchCandidates:
    """The keypoints of training images, ready to be matched."""

    def __init__(self, points: Sequence[Keypoints]) -> None:
        """Take in the keypoints of each training image."""
        patches = np.concatenate([one.patches for one in points])
        self._mean, self._white = whitening(patches)
        self._described, self._count = self._describe(patches), len(points)
        self._owners = np.repeat(np.arange(len(points)), [len(one.y) for one in points])
        self._y, self._x, self._pose = (
            np.concatenate([getattr(one, name) for one in points]) for name in ("y", "x", "pose")
        )

    def likeliest(self, points: Keypoints, shape: tuple[int, int], excluded: Ints) -> list[tuple[int, int]]:
        """Return the 12 likeliest symmetries that an image is put through, each with a training image; where fewer
        match, any others, so that each image is compared as often.

        Args:
            points: of the image.
            shape: its (height, width).
            excluded: training images that do not count.
        """
        allowed = np.setdiff1d(np.arange(self._count), excluded)
        own, theirs, alike = self._matches(points, np.isin(self._owners, allowed))
        turn = relative_poses(points.pose[own], self._pose[theirs])
        row, column = placed_by(turn, points.y[own], points.x[own], np.broadcast_to(shape, (len(own), 2)))
        pairs = self._owners[theirs] * 8 + turn
        votes = np.zeros(8 * self._count)
        for beside in (0, CELL // 2):  # cells that overlap by half, so that no border splits what agrees
            down, right = ((at + FAR + beside) // CELL for at in (row - self._y[theirs], column - self._x[theirs]))
            cells, which = np.unique((pairs << 32) | (down << 16) | right, return_inverse=True)
            np.maximum.at(votes, cells >> 32, np.bincount(which, np.exp(SURE * (alike - 1))))
        best = np.argsort(-votes, kind="stable")[:KEPT]
        found = [(int(pair) % 8, int(pair) // 8) for pair in best[votes[best] > 0]]
        others = ((symmetry, int(row)) for symmetry in range(8) for row in allowed[: 2 * KEPT])
        return list(dict.fromkeys([*found, *others]))[: min(KEPT, 8 * len(allowed))]

    def _matches(self, points: Keypoints, allowed: Bools) -> tuple[Ints, Ints, Floats32]:
        """Return keypoints of an image, with those of training images that match, and how well."""
        found = []
        described = self._describe(points.patches)
        for start in range(0, len(described), ROWS):
            alike = described[start : start + ROWS] @ self._described.T
            own, theirs = np.divmod(np.flatnonzero(alike > ALIKE), alike.shape[1])  # faster than in two dimensions
            kept = allowed[theirs]
            own, theirs = own[kept], theirs[kept]
            found.append((own + start, theirs, alike[own, theirs]))
        if not found:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
        own, theirs, alike = (np.concatenate(column) for column in zip(*found, strict=True))
        best = np.argsort(-alike, kind="stable")[:MATCHES]
        return own[best], theirs[best], alike[best]

    def _describe(self, patches: Floats32) -> Floats32:
        white = (patches - self._mean) @ self._white
        return np.asarray(white / np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-6), dtype=np.float32)
