from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawforge.data.dataset import Dataset
from flawforge.data.sample import Sample
from flawforge.data.sampling import held_out
from flawforge.data.sampling.held_out import hold_out

PLAIN: Any = {"width": 8, "height": 8, "mode": "L", "encoding": "PNG", "gray": True, "peak": 255}


def dataset(monkeypatch: pytest.MonkeyPatch, counts: dict[str, int], in_group: int = 2) -> Dataset:
    """Make a dataset without files, whose neighbours show the same material, `in_group` at a time."""
    samples = tuple(
        Sample(f"{label}/{i}.png", label, **PLAIN, sha256=f"{label}{i}")
        for label in sorted(counts)
        for i in range(counts[label])
    )
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self)) // in_group)
    return Dataset("data", Path(), "classes", samples)


def test_where_there_are_plenty_one_in_eight_is_held_out_by_whole_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset(monkeypatch, {"a": 240, "b": 800})
    division = hold_out(data, 0)
    groups = data.groups()
    assert not set(groups[division.training]) & set(groups[division.held_out])
    assert sorted([*division.training, *division.held_out]) == list(range(1040))
    assert [int((data.labels[division.held_out] == code).sum()) for code in (0, 1)] == [30, 64]
    assert division.held_out.tolist() == hold_out(data, 0).held_out.tolist()
    assert division.held_out.tolist() != hold_out(data, 1).held_out.tolist()


@pytest.mark.parametrize(("counts", "in_group"), [({"a": 20}, 1), ({"a": 300, "b": 199}, 1), ({"a": 300}, 4)])
def test_where_images_or_pieces_are_few_none_is_taken_away(
    monkeypatch: pytest.MonkeyPatch, counts: dict[str, int], in_group: int
) -> None:
    data = dataset(monkeypatch, counts, in_group)
    division = hold_out(data, 0)
    assert len(division.held_out) == 0
    assert len(division.training) == len(data)


def test_the_rule_says_its_numbers() -> None:
    for number in (held_out.PLENTY, held_out.SPECIMENS, held_out.SHARE, held_out.CLASS_LIMIT):
        assert str(number) in held_out.RULE
