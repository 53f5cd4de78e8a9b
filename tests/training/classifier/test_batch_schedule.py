"""What a classifier is shown: exact counts, equal turns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flawforge.core.errors import SettingError
from flawforge.training.classifier.batch_schedule import balanced_order, generated_counts


def test_the_share_is_exact_in_every_step() -> None:
    assert generated_counts(5, 48, share=0.5).tolist() == [24] * 5
    assert generated_counts(5, 48, share=0.15).tolist() == [7] * 5
    assert generated_counts(3, 48, share=0).tolist() == [0] * 3
    assert generated_counts(3, 48, share=1).tolist() == [48] * 3


def test_pretraining_comes_first_and_takes_no_step_more() -> None:
    assert generated_counts(10, 8, share=0.25, pretrain=0.3).tolist() == [8] * 3 + [2] * 7


def test_the_share_falls_to_nothing() -> None:
    counts = generated_counts(12, 40, share=0.5, falls_from=2 / 3)
    assert counts[:8].tolist() == [20] * 8
    assert counts[8:].tolist() == [15, 10, 5, 0]


@pytest.mark.parametrize("wrong", [{"share": 1.2}, {"share": 0.5, "pretrain": -0.1}])
def test_parts_outside_0_to_1_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingError, match="it is a part, from 0 to 1"):
        generated_counts(5, 8, **wrong)  # type: ignore[arg-type]


def test_classes_come_equally_often_and_images_within_them() -> None:
    labels = torch.tensor([0] * 2 + [1] * 7 + [3] * 4)  # class 2 has none
    order = balanced_order(labels, 300, np.random.default_rng(0))
    shown = torch.bincount(order, minlength=13)
    assert torch.bincount(labels[order]).tolist() == [100, 100, 0, 100]
    for code in (0, 1, 3):
        times = shown[labels == code]
        assert int(times.max() - times.min()) <= 1
    for first in range(0, 300, 3):
        assert len(set(labels[order[first : first + 3]].tolist())) == 3


def test_soft_labels_count_by_their_largest() -> None:
    soft = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    order = balanced_order(soft, 40, np.random.default_rng(0))
    assert int((order == 2).sum()) == 20


def test_nothing_may_be_asked_for() -> None:
    assert len(balanced_order(torch.tensor([0, 1]), 0, np.random.default_rng(0))) == 0
