"""The numbers of whole sets: measured once for the same content."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flawforge.core.progress import SILENT
from flawforge.studies.realism import set_numbers
from flawforge.studies.realism.comparison import ComparedSets, draw_halves
from flawforge.studies.realism.descriptors import DescribedImages
from flawforge.studies.realism.set_numbers import SetNumbers, measure_sets

pytestmark = pytest.mark.usefixtures("own_cache")


def described(seed: int) -> DescribedImages:
    features = np.random.default_rng(seed).standard_normal((40, 4))
    flat = np.full((40, 8), 1.0), np.full((40, 256), 1 / 256)
    return DescribedImages(features, *flat, np.arange(40), tuple(map(str, range(40))))


def sets() -> ComparedSets:
    return ComparedSets(described(0), np.zeros(40, np.int64), described(1), described(2), disjoint=True)


def measured(one: ComparedSets, seed: int = 0) -> SetNumbers:
    return measure_sets(one, one, ["a"] * 40, one.generated, draw_halves(one, seed, 3), seed, SILENT)


def test_the_same_sets_are_measured_once_and_others_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    first = measured(one := sets())

    def anew(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(set_numbers, "compare_sets", anew)
    assert measured(sets()) == first
    with pytest.raises(InterruptedError):
        measured(one, seed=1)
    for side in ("reference", "generated", "classical"):
        for name in ("features", "spectra", "histograms", "groups"):
            values = getattr(getattr(one, side), name).copy()
            values[0] += 1  # of groups: it joins another
            with pytest.raises(InterruptedError):
                measured(replace(one, **{side: replace(getattr(one, side), **{name: values})}))
    other = replace(set_numbers.QUANTITIES["kid"], label="another word")
    monkeypatch.setitem(set_numbers.QUANTITIES, "kid", other)
    with pytest.raises(InterruptedError):
        measured(one)
