from __future__ import annotations

import numpy as np
import pytest

from flawforge.metrics.inference.multiple_testing import holm, rejected


def test_holms_own_steps() -> None:
    # sorted .005 .01 .03 .04 times 4 3 2 1 = .02 .03 .06 .04, never below the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []
    assert holm([0.02]).tolist() == [0.02]
    assert holm([0.04, 0.001, 0.03, 0.5, 0.011]) == pytest.approx([0.09, 0.005, 0.09, 0.5, 0.044])


def test_rejecting_at_a_level_is_the_same_as_correcting() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = (rng.uniform(size=5) ** 4).tolist()
        assert rejected(p, lambda m: 0.05 / m) == [q <= 0.05 for q in holm(p)]


def test_a_false_rejection_among_ten_true_hypotheses_is_as_rare_as_promised() -> None:
    rng = np.random.default_rng(1)
    families = rng.uniform(size=(2000, 10))
    wrong = np.mean([any(q <= 0.05 for q in holm(p)) for p in families.tolist()])
    assert 0.03 < wrong <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)
