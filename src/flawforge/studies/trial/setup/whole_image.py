"""Whole images compared by their texture: a second look for the same specimen, beside the search for overlaps.

The search for overlaps follows corner points. The same part photographed again under another light may show none in
common, and yet agree as a whole. Here two images are correlated as wholes, after light, contrast and slow changes are
gone, and after what the images of this dataset have in common (busbars of solar cells, rims of tiles) is taken away:
the first principal components of one image of each group.
"""

from __future__ import annotations

import numpy as np

from flawforge.core.arrays import Floats32, Ints
from flawforge.core.images import Pixels, resize, to_gray
from flawforge.core.progress import SILENT, Progress
from flawforge.data.grouping.keypoints import flatten
from flawforge.data.grouping.overlap import connected
from flawforge.data.threads import in_threads

SAME = 0.85  # correlation from which two images show the same material
SIDE = 64  # pixels at which whole images are compared
SHARED = 64  # components that are taken away
LEARNED = 400  # images, of different groups, that these come from
POSES = 8  # mirrored and turned by quarters
BLOCK = 512


class Textures:
    """The textures of a dataset's images, and what they have in common.

    Attributes:
        raw: (N, SIDE, SIDE) flattened images.
    """

    def __init__(self, images: Pixels | list[Pixels], groups: Ints) -> None:
        """Take (H, W) gray or (H, W, 3) images, 0..255, of any sizes, and their (N,) groups."""
        self.raw = textures_of(images)
        flat = self.raw.reshape(len(self.raw), -1)
        first = np.unique(groups, return_index=True)[1]
        if len(first) > LEARNED:
            first = first[np.linspace(0, len(first) - 1, LEARNED).astype(int)]
        self._mean = flat[first].mean(0) if len(first) else np.zeros(SIDE * SIDE, np.float32)
        kept = min(SHARED, max(0, len(first) // 4))
        spread = flat[first] - self._mean
        vectors = np.linalg.eigh(spread @ spread.T)[1] if kept else np.zeros((len(first), 0))
        basis = vectors[:, ::-1][:, :kept].T @ spread
        self._basis = basis / (np.linalg.norm(basis, axis=1, keepdims=True) + 1e-6)

    def prints(self, raw: Floats32, pose: int = 0) -> Floats32:
        """Return (n, SIDE * SIDE) of length 1: what is particular to each flattened and turned image."""
        flat = _posed(raw, pose).reshape(len(raw), -1) - self._mean
        own = flat - (flat @ self._basis.T) @ self._basis
        return np.asarray(own / (np.linalg.norm(own, axis=1, keepdims=True) + 1e-3), dtype=np.float32)

    def best(self, raw: Floats32, among: Ints) -> tuple[Floats32, Ints]:
        """Return the best correlation of each flattened image with any of these images of ours, and which it is.

        Args:
            raw: (n, SIDE, SIDE) from `textures_of`.
            among: (m,) indices of ours. With none, the correlation is -1.
        """
        value, index = np.full(len(raw), -1, np.float32), np.full(len(raw), -1, np.int64)
        if len(among):
            mine = self.prints(self.raw[among]).T
            for start in range(0, len(raw), BLOCK):
                rows = np.arange(start, min(start + BLOCK, len(raw)))
                for pose in range(POSES):
                    found = self.prints(raw[rows], pose) @ mine
                    top = found.argmax(1)
                    here = found[np.arange(len(rows)), top]
                    better = here > value[rows]
                    value[rows[better]], index[rows[better]] = here[better], among[top[better]]
        return value, index

    def same_pairs(self, groups: Ints, progress: Progress = SILENT) -> list[tuple[int, int]]:
        """Return the pairs of our images that are alike and in different groups."""
        pairs: list[tuple[int, int]] = []
        mine = self.prints(self.raw).T
        with progress.task("comparing whole images", len(self.raw), "images") as task:
            for start in range(0, len(self.raw), BLOCK):
                block = self.raw[start : start + BLOCK]
                for pose in range(POSES):
                    rows, columns = np.nonzero(self.prints(block, pose) @ mine >= SAME)
                    rows = rows + start
                    new = (rows < columns) & (groups[rows] != groups[columns])
                    pairs += zip(rows[new].tolist(), columns[new].tolist(), strict=True)
                task.advance(len(block))
        return sorted(set(pairs))


def textures_of(images: Pixels | list[Pixels]) -> Floats32:
    """Return (N, SIDE, SIDE) flattened images of (H, W) gray or (H, W, 3) ones, 0..255, of any sizes."""

    def one(image: Pixels) -> Floats32:
        gray = to_gray(image) if image.ndim == 3 else image
        return flatten(resize(gray, SIDE, SIDE).astype(np.float32))

    found = list(in_threads(one, list(images)))
    return np.stack(found) if found else np.zeros((0, SIDE, SIDE), np.float32)


def joined_groups(groups: Ints, pairs: list[tuple[int, int]]) -> Ints:
    """Return (N,) groups, 0.. by first appearance, with those united that a pair connects."""
    first: dict[int, int] = {}
    links = [(first.setdefault(group, index), index) for index, group in enumerate(groups.tolist())]
    return connected(np.array(links + pairs, dtype=np.int64).reshape(-1, 2), len(groups))


def _posed(raw: Floats32, pose: int) -> Floats32:
    raw = raw[:, :, ::-1] if pose & 1 else raw
    raw = raw[:, ::-1] if pose & 2 else raw
    return raw.transpose(0, 2, 1) if pose & 4 else raw
