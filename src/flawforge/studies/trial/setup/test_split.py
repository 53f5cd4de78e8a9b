"""Fairness: what is tested on is fixed first, by specimens, and nothing that is trained on shows it again."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Bools, Floats32, Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.images import Pixels, in_channels, resize
from flawforge.core.plural import plural
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
        return flatten(resize(in_channels(image, 1), SIDE, SIDE).astype(np.float32))

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
FEWEST_SHOTS = 2  # images that a generator can learn from
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
    least: int | Mapping[str, int],
    seed: int,
    progress: Progress = SILENT,
    targets: int | None = None,
    rare: Collection[str] = (),
) -> Division:
    """Fix the test set.

    Groups come from the search for overlaps; then every two images are compared whole, under all mirrorings and
    quarter turns, and those of one texture are joined too (the same part photographed again, which shows no common
    corner points).

    Args:
        dataset: all images.
        textures: of all its images.
        share: of the images, to test on.
        least: images that the pool must hold, of each class or by class.
        seed: of the division.
        progress: where to tell how far it is.
        targets: classes that the classifiers tell apart; None: those of the dataset.
        rare: classes whose images are few: where the pool got too few of one, it takes more of its groups, down to
            `MIN_TEST_GROUPS` for the test.

    Raises:
        DataUnusableError: a class has too few images, or a class or all have too few different specimens.
    """
    pairs = textures.same_pairs(dataset.groups(progress), progress)
    groups = joined_groups(dataset.groups(), pairs)
    split = propose_split(dataset.labels, groups, fractions=(1 - share, 0.0, share), seed=seed)
    needed = dict.fromkeys(dataset.classes, least) if isinstance(least, int) else least
    test, pool = split.test, split.train
    for label in rare:
        test, pool = _for_rare(dataset.labels == dataset.classes.index(label), groups, test, pool, needed[label])
    for code, label in enumerate(dataset.classes):
        own = dataset.labels == code
        tested, left = len(np.unique(groups[test[own[test]]])), int(own[pool].sum())
        if tested < MIN_TEST_GROUPS or left < needed[label]:
            raise DataUnusableError(
                _too_few_of_rare(label, groups[own], left if tested >= MIN_TEST_GROUPS else 0, needed[label])
                if label in rare
                else _too_few(label, len(np.unique(groups[own])), tested, int(own.sum()), left, needed[label])
            )
    _refuse_few_groups(len(np.unique(groups[test])), len(dataset.classes) if targets is None else targets)
    return Division(test, pool, groups, len(pairs), contents_sha256(dataset, test))


def _for_rare(own: Bools, groups: Ints, test: Ints, pool: Ints, needed: int) -> tuple[Ints, Ints]:
    """Return the test images and the pool with groups of a rare class exchanged, so that both have what they need.

    Where the test has too few of its groups, the smallest of the pool move there; where the pool has too few of its
    images, the largest of the test beyond `MIN_TEST_GROUPS` move back.
    """
    tested, sizes = _largest_first(groups[test[own[test]]])
    if len(tested) < MIN_TEST_GROUPS:
        smallest = _largest_first(groups[pool[own[pool]]])[0][::-1]
        moved = np.isin(groups, smallest[: MIN_TEST_GROUPS - len(tested)])
        return np.union1d(test, pool[moved[pool]]), pool[~moved[pool]]
    lacking = needed - int(own[pool].sum())
    if lacking <= 0:
        return test, pool
    count = int(np.searchsorted(np.cumsum(sizes), lacking)) + 1
    moved = np.isin(groups, tested[: min(count, len(tested) - MIN_TEST_GROUPS)])
    return test[~moved[test]], np.union1d(pool, test[moved[test]])


def _largest_first(groups: Ints) -> tuple[Ints, Ints]:
    """Return the groups and how many images each has, the largest first."""
    names, sizes = np.unique(groups, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    return names[order], sizes[order]


def _too_few(label: str, pieces: int, tested: int, images: int, left: int, needed: int) -> str:
    """Return why a class cannot be learnt from and tested on, and what to do."""
    if tested < MIN_TEST_GROUPS:
        return (
            f"class '{label}' shows {plural(pieces, 'different part')}, of which {tested} would be "
            f"tested on and at least {MIN_TEST_GROUPS} must be. Photograph more parts, leave the class out with "
            f"--classes, or set more images aside for testing with --test-share."
        )
    if left < FEWEST_SHOTS:
        return (
            f"class '{label}' has {plural(images, 'image')}; {left} would be left to learn from once the "
            f"test images are set aside, and at least {FEWEST_SHOTS} must be. Photograph more parts, leave the class "
            f"out with --classes, or set fewer images aside for testing with --test-share."
        )
    return (
        f"class '{label}' has {images} images; {left} are left once the test images are set "
        f"aside, and --shots {needed} asks for more. Where the other classes have more, ask for --rare "
        f"{shlex.quote(label)} --shots {left}, which trains on all of theirs. Or ask for {left} shots or fewer of each "
        f"class, leave the class out with --classes, or set fewer images aside for testing with --test-share."
    )


def _too_few_of_rare(label: str, groups: Ints, possible: int, needed: int) -> str:
    """Return why a rare class of these groups cannot give so many shots, `possible` at most, and what to do."""
    images, pieces = len(groups), len(np.unique(groups))
    fewer = f"Ask for --shots {possible} or fewer, or photograph" if possible >= FEWEST_SHOTS else "Photograph"
    return (
        f"the rare class '{label}' has {plural(images, 'image')} of {plural(pieces, 'different part')}. The trial "
        f"keeps {MIN_TEST_GROUPS} parts of it at least for testing, and --shots {needed} takes {needed} images of "
        f"other parts. {fewer} more parts of it, or leave it out with --classes."
    )


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
    dataset: Dataset,
    division: Division,
    shots: int,
    repeat: int,
    seed: int,
    others: Mapping[str, int | None] | None = None,
) -> Ints:
    """Return the ascending indices of one repeat's training images, from as many different groups as there are.

    More shots of the same repeat hold the fewer ones, and every arm gets the same.

    Args:
        dataset: all images.
        division: of them.
        shots: images a class.
        repeat: which repeat.
        seed: of the trial.
        others: classes of which it is another number; None takes all that the pool has.
    """
    pool = division.pool
    labels, groups = dataset.labels[pool], division.groups[pool]
    own = derive(seed, "shots", "trial", repeat)
    wanted = dict.fromkeys(dataset.classes, shots) | {
        label: len(pool) if number is None else number for label, number in (others or {}).items()
    }
    each, chosen = np.array([wanted[label] for label in dataset.classes]), []
    for number in np.unique(each).tolist():
        drawn = np.array(draw_shots(labels, dataset.classes, groups, number, own), dtype=np.int64)
        chosen.append(drawn[each[labels[drawn]] == number])
    return np.sort(pool[np.concatenate(chosen)])
