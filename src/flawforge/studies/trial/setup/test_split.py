"""Fairness: what is tested on is fixed first, by specimens, and nothing that is trained on shows it again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Floats32, Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.images import Pixels, resize, to_gray
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import derive
from flawforge.data.dataset import Dataset
from flawforge.data.grouping.keypoints import flatten
from flawforge.data.grouping.overlap import connected
from flawforge.data.grouping.shots import draw_shots
from flawforge.data.sampling.splits import propose_split
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


MIN_TEST_GROUPS = 2  # groups of a class that the test set needs
SPARE_GROUPS = 2  # more groups than classes that an interval takes: see `metrics.resampling`


@dataclass(frozen=True)
class Division:
    """The test images and the rest.

    Attributes:
        test: ascending indices of the test images, the same for every repeat.
        pool: ascending indices of the images that shots are drawn from.
        groups: (N,) group of every image, after near copies were joined.
        joined: pairs of images that the search for overlaps had kept apart and whose whole pictures are alike.
        sha256: over the sorted content hashes of the test images.
    """

    test: Ints
    pool: Ints
    groups: Ints
    joined: int
    sha256: str


def divide(
    dataset: Dataset,
    textures: Textures,
    share: float,
    most_shots: int,
    seed: int,
    progress: Progress = SILENT,
    targets: int | None = None,
) -> Division:
    """Fix the test set.

    Groups come from the search for overlaps; then every two images are compared whole, under all mirrorings and
    quarter turns, and those of one texture are joined too (the same part photographed again, which shows no common
    corner points).

    Args:
        dataset: all images.
        textures: of all its images.
        share: of the images, to test on.
        most_shots: images a class that the pool must hold.
        seed: of the division.
        progress: where to tell how far it is.
        targets: classes that the classifiers tell apart; None: those of the dataset.

    Raises:
        DataUnusableError: a class has too few images, or a class or all have too few different specimens.
    """
    pairs = textures.same_pairs(dataset.groups(progress), progress)
    groups = joined_groups(dataset.groups(), pairs)
    split = propose_split(dataset.labels, groups, fractions=(1 - share, 0.0, share), seed=seed)
    for code, label in enumerate(dataset.classes):
        tested = np.unique(groups[split.test[dataset.labels[split.test] == code]])
        pool = int((dataset.labels[split.train] == code).sum())
        if len(tested) < MIN_TEST_GROUPS:
            pieces = len(np.unique(groups[dataset.labels == code]))
            raise DataUnusableError(
                f"class '{label}' shows {pieces} different part{'s' * (pieces != 1)}, of which {len(tested)} would be "
                f"tested on and at least {MIN_TEST_GROUPS} must be. Photograph more parts, leave the class out with "
                f"--classes, or set more images aside for testing with --test-share."
            )
        if pool < most_shots:
            raise DataUnusableError(
                f"class '{label}' has {dataset.counts[label]} images; {pool} are left once the test images are set "
                f"aside, and --shots {most_shots} asks for more. Ask for {pool} shots or fewer, leave the class out "
                f"with --classes, or set fewer images aside for testing with --test-share."
            )
    _refuse_few_groups(len(np.unique(groups[split.test])), len(dataset.classes) if targets is None else targets)
    return Division(split.test, split.train, groups, len(pairs), contents_sha256(dataset, split.test))


def _refuse_few_groups(tested: int, classes: int) -> None:
    """Refuse a test set whose pieces are fewer than `metrics.resampling` takes: pieces may show several classes."""
    if tested < classes + SPARE_GROUPS:
        raise DataUnusableError(
            f"the test images show {tested} different parts for {classes} classes, and a confidence interval needs "
            f"{classes + SPARE_GROUPS}: a part that shows several classes counts once. Photograph more parts, leave "
            f"classes out with --classes, or set more images aside for testing with --test-share."
        )


def contents_sha256(dataset: Dataset, indices: Ints) -> str:
    """Return the SHA-256 over the sorted content hashes of some images: it names them whatever their files' names."""
    contents = sorted(dataset.samples[int(i)].sha256 for i in indices)
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()


def shots_of(
    dataset: Dataset, division: Division, shots: int, repeat: int, seed: int, good: tuple[str, int] | None = None
) -> Ints:
    """Return the ascending indices of one repeat's training images, from as many different groups as there are.

    More shots of the same repeat hold the fewer ones, and every arm gets the same.

    Args:
        dataset: all images.
        division: of them.
        shots: images a class.
        repeat: which repeat.
        seed: of the trial.
        good: the good class and how many of it, where it gets another number.
    """
    pool = division.pool
    labels, groups = dataset.labels[pool], division.groups[pool]
    own = derive(seed, "shots", "trial", repeat)
    chosen = draw_shots(labels, dataset.classes, groups, shots, own)
    if good is not None:
        code = dataset.classes.index(good[0])
        chosen = [index for index in chosen if labels[index] != code]
        more = draw_shots(labels, dataset.classes, groups, good[1], own)
        chosen += [index for index in more if labels[index] == code]
    return np.sort(pool[chosen])
