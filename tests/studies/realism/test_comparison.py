"""Whatever `too_few` lets through can be measured: each round's halves hold pieces enough for every number."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from flawforge.studies.realism.comparison import NEIGHBOURS, ComparedSets, compare_sets, draw_halves
from flawforge.studies.realism.descriptors import DescribedImages
from flawforge.studies.realism.extras import class_scores, confusion_of, extrapolated, without_transforms
from flawforge.studies.realism.quantities import QUANTITIES
from flawforge.studies.realism.run import _sources
from flawforge.studies.realism.subsets import GROUPS_OF_HALF, choose_rows, too_few
from flawforge.studies.sets.held_out import HeldOut

Sizes = list[list[int]]  # of the groups of each class, in images
ONE_PHOTO: list[Sizes] = [[[big] + [1] * singles] for big in (120, 600, 5000) for singles in (12, 13, 20, 50)]
FEW_EACH: list[Sizes] = [
    [[1] * each] * classes
    for classes, each in ((12, 1), (13, 1), (15, 1), (25, 1), (5, 3), (7, 2), (2, 7), (3, 5), (1, 13))
]
BOTH: list[Sizes] = [
    [[40, 1, 1]] * 4,
    [[40, 1, 1], *[[1, 1, 1]] * 4],
    [[300, 1], [280, 2], *[[1]] * 9],
    [[1] * 3, [1] * 40],
    [[1] * 11, [30]],
    [[40] + [1] * 11] * 3,
]


def described(groups: np.ndarray) -> DescribedImages:
    count = len(groups)
    rng = np.random.default_rng(count)
    features, spectra, histograms = rng.standard_normal((count, 2)), rng.random((count, 4)), rng.random((count, 256))
    return DescribedImages(features, spectra, histograms, groups, tuple(map(str, range(count))))


def sets_of(classes: Sizes, made: int, against: Any = "held-out") -> tuple[ComparedSets, list[str]] | str:
    """A reference of these groups and `made` generated images a class, or why they are too few."""
    reference = sum(map(sum, classes))
    training = [] if against == "training" else [[1] * 10] * len(classes)
    sizes = [(f"c{label}", size) for part in (classes, training) for label, own in enumerate(part) for size in own]
    labels = [label for label, size in sizes for _ in range(size)]
    groups = np.repeat(np.arange(len(sizes)), [size for _, size in sizes])
    data: Any = SimpleNamespace(samples=[SimpleNamespace(label=label) for label in labels])
    rows = np.arange(len(labels))
    seen = rows if against == "training" else rows[reference:]
    real = HeldOut(data, groups, seen, rows[:reference], against, "", ())
    entries = [f"c{label}" for label in range(len(classes)) for _ in range(made)]
    chosen = choose_rows(real, entries, 0)
    if why := too_few(real, chosen):
        return why
    taken = _sources(real, chosen, min(1000, max(2 * len(seen), len(chosen.generated))), 0)
    names, codes = np.unique(real.labels(chosen.reference), return_inverse=True)
    sets = ComparedSets(
        described(groups[chosen.reference]),
        codes.reshape(-1),
        described(np.arange(len(chosen.generated))),
        described(groups[taken]),
        against != "training",
        tuple(names.tolist()),
    )
    return sets, [entries[row] for row in chosen.generated]


def others(groups: np.ndarray) -> int:
    return len(groups) - int(np.unique(groups, return_counts=True)[1].max())


@pytest.mark.parametrize("against", ["held-out", "training"])
@pytest.mark.parametrize("made", [12, 64])
def test_each_half_holds_enough_pieces_whatever_the_groups_and_classes(made: int, against: str) -> None:
    measured = 0
    for classes in (*ONE_PHOTO, *FEW_EACH, *BOTH):
        found = sets_of(classes, made, against)
        if isinstance(found, str):
            continue
        measured += 1
        sets = found[0]
        for half in draw_halves(sets, 0, 20):
            for rows in (half.a, half.b):
                assert np.unique(sets.reference.groups[rows]).size >= GROUPS_OF_HALF, classes
                assert others(sets.reference.groups[rows]) >= NEIGHBOURS, classes
            assert not set(sets.reference.groups[half.a]) & set(sets.reference.groups[half.b])
            assert len(half.b) == len(half.generated), classes
            assert len(half.classical) in (0, len(half.b)), classes
    assert measured >= 20


@pytest.mark.parametrize("against", ["held-out", "training"])
@pytest.mark.parametrize("made", [12, 64])
def test_what_is_not_too_few_is_measured(made: int, against: str) -> None:
    """One photo's many crops, or three images in each of five classes, once ended in a ValueError after training."""
    for classes in (*ONE_PHOTO[:-3:3], *FEW_EACH[::2], *BOTH):
        found = sets_of(classes, made, against)
        if isinstance(found, str):
            continue
        sets, own = found
        halves = draw_halves(sets, 0, 3)
        quantities = compare_sets(sets, halves, 0)
        for one in quantities:
            assert one.generated.value is not None, (one.name, classes)
            assert one.real.value is not None, (one.name, classes)
        assert bool(without_transforms(quantities)) == any(one.classical.value is None for one in quantities), classes
        class_scores(sets, own, 0)
        extrapolated(sets.whole, 0)
        confusion_of(sets, own)


def test_one_large_group_among_many_images_leaves_the_interval_its_groups() -> None:
    """2,000 images drawn of 60,000 were once all of one photo, or nearly all."""
    found = sets_of([[60_000] + [1] * 12], 12)
    assert not isinstance(found, str)
    sets = found[0]
    (kid,) = compare_sets(sets, draw_halves(sets, 0, 1), 0, ["kid"])
    assert kid.generated.groups >= GROUPS_OF_HALF


def test_where_no_transform_can_be_compared_the_reason_is_told() -> None:
    found = sets_of([[40, 1, 1]] * 4, 12)
    assert not isinstance(found, str)
    sets = found[0]
    one_source = replace(sets, classical=described(np.zeros_like(sets.classical.groups)))
    quantities = compare_sets(one_source, draw_halves(one_source, 0, 2), 0)
    assert [one.classical.value for one in quantities] == [None] * len(QUANTITIES)
    (note,) = without_transforms(quantities)
    assert note.startswith("Classical transforms were not measured: ")
    assert without_transforms(compare_sets(sets, draw_halves(sets, 0, 2), 0)) == []


def test_shares_of_few_honest_images_are_rarely_worse() -> None:
    """Nearly all halves of few real images are covered wholly, so that 99% was less than nearly all of them have."""
    count, marked = 14, {"coverage": 0, "recall": 0, "precision": 0}
    for seed in range(60):
        features = np.random.default_rng([count, seed]).standard_normal((3 * count, 4))
        real, generated, classical = (
            replace(described(np.arange(count) + count * part), features=features[part * count :][:count])
            for part in range(3)
        )
        sets = ComparedSets(real, np.zeros(count, dtype=np.int64), generated, classical, True)
        for one in compare_sets(sets, draw_halves(sets, seed), seed, list(marked)):
            marked[one.name] += bool(one.outside)
    assert max(marked.values()) <= binom.ppf(0.99, 60, 0.05), marked


def test_few_images_that_lack_half_of_the_variation_are_still_marked() -> None:
    features = np.random.default_rng(0).standard_normal((60, 4)) + 8 * (np.arange(60) % 2)[:, None]
    real, classical = (replace(described(np.arange(20) + 20 * n), features=features[20 * n :][:20]) for n in (0, 1))
    generated = replace(described(np.arange(20) + 40), features=features[40:] - 8 * (np.arange(20) % 2)[:, None])
    sets = ComparedSets(real, np.zeros(20, dtype=np.int64), generated, classical, True)
    (coverage,) = compare_sets(sets, draw_halves(sets, 0), 0, ["coverage"])
    assert coverage.outside
