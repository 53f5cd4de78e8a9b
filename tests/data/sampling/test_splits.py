from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flawforge.core.errors import DataUnusableError, SettingError
from flawforge.data.sampling.splits import Split, propose_split

FRACTIONS = st.sampled_from(
    [(0.7, 0.15, 0.15), (0.5, 0.25, 0.25), (0.8, 0.0, 0.2), (0.34, 0.33, 0.33), (0.1, 0.1, 0.8)]
)


@st.composite
def datasets(draw, pure: bool = False):
    """Labels and groups: groups of 1 to 12 samples; pure ones hold one class each."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=3, max_size=60))
    classes = draw(st.integers(1, 5))
    groups = np.repeat(np.arange(len(sizes)), sizes)
    if pure:
        of_group = np.array(draw(st.lists(st.integers(0, classes - 1), min_size=len(sizes), max_size=len(sizes))))
        labels = of_group[groups]
    else:
        labels = np.array(draw(st.lists(st.integers(0, classes - 1), min_size=len(groups), max_size=len(groups))))
    order = np.random.Generator(np.random.PCG64(draw(st.integers(0, 9)))).permutation(len(groups))
    return labels[order].astype(np.int64), (groups[order] * 7 - 3).astype(np.int64)


def parts(split: Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


def absent(split: Split, labels: np.ndarray) -> list[list[int]]:
    """Return the classes that train, validation and test lack."""
    return [sorted(set(labels.tolist()) - set(labels[part].tolist())) for part in parts(split)]


@given(datasets(), FRACTIONS, st.integers(0, 5))
def test_every_sample_is_in_one_part_and_every_group_on_one_side(data, fractions, seed):
    labels, groups = data
    split = propose_split(labels, groups, fractions=fractions, seed=seed)
    assert sorted(np.concatenate(parts(split)).tolist()) == list(range(len(labels)))
    for one, other in combinations(parts(split), 2):
        assert not set(groups[one]) & set(groups[other])
    for indices, fraction in zip(parts(split), fractions, strict=True):
        assert (len(indices) > 0) == (fraction > 0)
        assert indices.dtype == np.int64
        assert (np.diff(indices) > 0).all()


@given(datasets(), st.integers(0, 5))
def test_the_same_seed_gives_the_same_split(data, seed):
    one, other = (propose_split(*data, seed=seed) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(parts(one), parts(other), strict=True))


@given(datasets(pure=True), FRACTIONS)
def test_each_class_keeps_its_fraction_within_four_of_its_largest_groups(data, fractions):
    # A group goes where most is lacking, which is at least its share of what is left, so a part overshoots by less than
    # one group and falls short by less than two; seeing to it that no part lacks the class moves at most two more.
    labels, groups = data
    split = propose_split(labels, groups, fractions=fractions)
    for code in set(labels.tolist()):
        largest = max(np.unique(groups[labels == code], return_counts=True)[1])
        for indices, fraction in zip(parts(split), fractions, strict=True):
            assert abs((labels[indices] == code).sum() - fraction * (labels == code).sum()) <= 4 * largest


@given(datasets(pure=True), st.integers(0, 3))
def test_a_class_is_in_as_many_parts_as_it_has_groups(data, seed):
    labels, groups = data
    split = propose_split(labels, groups, seed=seed)
    train, validation, test = absent(split, labels)
    counts = {code: len(set(groups[labels == code].tolist())) for code in set(labels.tolist())}
    for code, count in counts.items():
        if max(counts.values()) >= 3:  # else a part would be empty, and takes what it can get
            assert code not in train
            assert (code in test) == (count < 2)
            assert (code in validation) == (count < 3)


def test_single_images_are_split_by_the_fractions_exactly():
    labels = np.repeat(np.arange(4), 100)
    split = propose_split(labels, np.arange(400))
    assert [np.bincount(labels[part]).tolist() for part in parts(split)] == [[70] * 4, [15] * 4, [15] * 4]
    assert absent(split, labels) == [[], [], []]


def test_another_seed_deals_otherwise():
    labels = np.zeros(100, np.int64)
    assert not np.array_equal(
        propose_split(labels, np.arange(100)).test, propose_split(labels, np.arange(100), seed=1).test
    )


def test_groups_that_span_classes_stay_whole_and_every_part_has_every_class():
    labels = np.tile([0, 1], 60)
    groups = np.arange(120) // 4
    split = propose_split(labels, groups)
    assert absent(split, labels) == [[], [], []]
    assert [len(part) for part in parts(split)] == [84, 16, 20] or [len(p) for p in parts(split)] == [84, 20, 16]


def test_a_class_of_one_group_is_trained_on_and_told():
    labels = np.array([0] * 20 + [1] * 5)
    groups = np.array([*range(20), 50, 50, 50, 50, 50])
    split = propose_split(labels, groups, fractions=(0.2, 0.2, 0.6))
    assert set(range(20, 25)) <= set(split.train.tolist())
    assert absent(split, labels) == [[], [1], [1]]


def test_fewer_groups_than_parts_is_an_error():
    with pytest.raises(DataUnusableError) as raised:
        propose_split(np.zeros(9, np.int64), np.arange(9) % 2)
    assert str(raised.value) == (
        "the 9 images show only 2 different specimens (overlap groups); a split into 3 parts needs at least 3, "
        "because images of one specimen must stay together. Add images of other specimens."
    )


@pytest.mark.parametrize("fractions", [(0.7, 0.2, 0.2), (1.2, -0.1, -0.1), (0.0, 0.5, 0.5), (0.5, 0.5)])
def test_fractions_that_are_no_shares_are_refused(fractions):
    with pytest.raises(SettingError) as raised:
        propose_split(np.zeros(9, np.int64), np.arange(9), fractions=fractions)
    assert str(raised.value) == (
        f"fractions is {fractions}; it takes three shares for train, validation and test, none negative, train above "
        f"0, that add up to 1, such as (0.7, 0.15, 0.15)."
    )
