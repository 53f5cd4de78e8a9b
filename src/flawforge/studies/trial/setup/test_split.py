"""Fairness: what is tested on is fixed first, by specimens, and nothing that is trained on shows it again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import derive
from flawforge.data.dataset import Dataset
from flawforge.data.grouping.shots import draw_shots
from flawforge.data.sampling.splits import propose_split
from flawforge.studies.trial.setup.whole_image import Textures, joined_groups

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
