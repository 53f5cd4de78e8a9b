"""Splits: which samples to train on, to choose settings by, and to test on, with every group on one side."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Floats, Ints
from flawforge.core.errors import DataUnusableError, SettingError
from flawforge.core.seeds import numpy_stream

_URGENCY = (0, 2, 1)  # a class with one group is trained on, with two also tested on, with three in every part


@dataclass(frozen=True)
class Split:
    """A partition of a dataset's samples.

    Attributes:
        train: ascending indices of the samples to train on.
        validation: of those to choose settings by.
        test: of those to judge by, once.
    """

    train: Ints
    validation: Ints
    test: Ints


def propose_split(
    labels: Ints, groups: Ints, *, fractions: tuple[float, float, float] = (0.7, 0.15, 0.15), seed: int = 0
) -> Split:
    """Divide samples into train, validation and test so that no group is parted and each class keeps its proportions.

    Groups are dealt out in random order, large ones first, each to the part whose class counts it brings nearest to
    their targets (iterative stratification, Sechidis et al. 2011, with groups for samples). Where all groups hold one
    class each, every part's count of a class is within four times the class's largest group of its fraction. A class
    with three groups or more is in every part, with two in train and test, with one in train alone. Groups that span
    classes can stand in the way of that, and so can a dataset where no class has three groups: no part is left empty.

    Args:
        labels: (N,) class of each sample, from 0.
        groups: (N,) group of each sample, any integers.
        fractions: share of the samples for train, validation and test; they add up to 1. 0 leaves a part empty, which
            train may not be.
        seed: another seed deals the groups out another way; the same gives the same split.

    Raises:
        SettingError: the fractions are no shares of a whole.
        DataUnusableError: there are fewer groups than parts, so that a part would be empty or share a group.
    """
    _check(fractions)
    wanted = [part for part in range(3) if fractions[part] > 0]
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < len(wanted):
        raise DataUnusableError(
            f"the {len(labels)} images show only {len(names)} different specimens (overlap groups); a split into "
            f"{len(wanted)} parts needs at least {len(wanted)}, because images of one specimen must stay together. Add "
            f"images of other specimens."
        )
    classes, code = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (member, code), 1)
    part = _deal(counts, np.array(fractions), wanted, numpy_stream(seed, "split"))
    _repair(part, counts, [p for p in _URGENCY if p in wanted])
    return Split(*(np.flatnonzero(part[member] == index).astype(np.int64) for index in range(3)))


def _check(fractions: tuple[float, float, float]) -> None:
    whole = len(fractions) == 3 and math.isclose(math.fsum(fractions), 1, abs_tol=1e-6)
    if not whole or min(fractions) < 0 or fractions[0] == 0:
        raise SettingError(
            f"fractions is {fractions}; it takes three shares for train, validation and test, none negative, train "
            f"above 0, that add up to 1, such as (0.7, 0.15, 0.15)."
        )


def _deal(counts: Floats, fractions: Floats, wanted: list[int], draws: np.random.Generator) -> Ints:
    """Return (G,) part of each group, from (G, C) samples of each class in each group."""
    totals = counts.sum(0)
    short = fractions[:, None] * totals  # samples that each part still lacks, of each class
    order = draws.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    only = ((counts > 0).sum(0) == 1)[None, :] & (counts > 0)
    part = np.full(len(counts), -1, np.int64)
    for group in np.r_[order[only[order].any(1)], order[~only[order].any(1)]]:
        cost = [float(((counts[group] - 2 * short[p]) * counts[group] / totals).sum()) for p in wanted]
        part[group] = 0 if only[group].any() else wanted[int(np.argmin(cost))]
        short[part[group]] -= counts[group]
    return part


def _repair(part: Ints, counts: Floats, urgency: list[int]) -> None:
    """Move small groups to parts that lack a class or everything, from parts that can spare them or are less urgent."""
    for label in np.argsort((counts > 0).sum(0), kind="stable"):
        holders = np.flatnonzero(counts[:, label] > 0)
        for rank, needy in enumerate(urgency):
            if (part[holders] == needy).any():
                continue
            later = [p for p in urgency[rank + 1 :] if (part[holders] == p).any()]
            spare = [g for g in holders if part[g] in later or _spared(g, part, counts)]
            if spare:
                best = min(spare, key=lambda g: (not _spared(g, part, counts), counts[g].sum(), g))
                part[best] = needy
    for needy in urgency:
        if not (part == needy).any():
            donor = max(urgency, key=lambda p: int((part == p).sum()))
            members = np.flatnonzero(part == donor)
            part[min(members, key=lambda g: (not _spared(g, part, counts), counts[g].sum(), g))] = needy


def _spared(group: np.integer, part: Ints, counts: Floats) -> bool:
    """Tell whether the group's part has another group of each of its classes."""
    others = (part == part[group]) & (np.arange(len(part)) != group)
    return bool(((counts[others] > 0).any(0) | (counts[group] == 0)).all())
