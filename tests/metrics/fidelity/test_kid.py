"""House rule 7 for the kernel distance."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from flawforge.metrics.fidelity.kid import kid, kid_interval
from metrics.contract import MetricContract, modes
from metrics.contract import normal as drawn


def normal(n: int, d: int = 8, shift: float = 0.0, seed: int = 0) -> Any:
    return drawn(n, d, shift, seed=seed)


def plain_kid(x: Any, y: Any) -> float:
    """The definition, one pair at a time."""
    d = x.shape[1]

    def k(a: Any, b: Any) -> float:
        return float((sum(p * q for p, q in zip(a, b, strict=True)) / d + 1) ** 3)

    within = [np.mean([k(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j]) for s in (x, y)]
    return float(sum(within) - 2 * np.mean([k(a, b) for a in x for b in y]))


def moments_apart(shift: float) -> float:
    """The true value for N(0, 1) and N(shift, 1) in one dimension.

    (xy + 1)³ = sum of C(3, r) x^r y^r, so the distance is the sum of C(3, r) (difference of the r-th moments)².
    """
    return 3 * shift**2 + 3 * shift**4 + (shift**3 + 3 * shift) ** 2


class TestKid(MetricContract):
    measure = staticmethod(kid)
    reference = staticmethod(plain_kid)

    def identical(self) -> Any:
        # the diagonal k(x_i, x_i) stays in the cross term alone: KID = 2 (mean off the diagonal - mean of all)
        x = normal(30)
        k = (x @ x.T / 8 + 1) ** 3
        return (x, x), 2 * ((k.sum() - np.trace(k)) / (30 * 29) - k.mean())

    def closed_forms(self) -> Any:
        still = np.full((5, 3), 0.25)
        return [((still, still), 0)]

    def one_sided(self) -> Any:
        two, one, again = modes(120, -2, 2), modes(60, -2, seed=1), modes(120, -2, 2, seed=2)
        least = 20 * abs(kid(two, again))
        return [((two, one), least, np.inf), ((one, two), least, np.inf)]


def test_it_is_unbiased_exactly_over_all_samples_of_a_small_population() -> None:
    population = np.array([[-1.0], [0.0], [2.0]])
    true = sum(c * np.mean(population**r) ** 2 for c, r in ((3, 1), (3, 2), (1, 3)))  # against the point 0
    samples = [kid(population[list(pick)], np.zeros((2, 1))) for pick in itertools.product(range(3), repeat=3)]
    assert np.mean(samples) == pytest.approx(true, rel=1e-12)


def test_more_spread_is_seen_and_the_seed_decides_the_interval() -> None:
    x, y = normal(100), normal(100, seed=1)
    values = [kid(x, y * scale) for scale in (1, 1.3, 1.6, 2)]
    assert values == sorted(values)
    assert kid_interval(x, y, seed=3, resamples=50) == kid_interval(x, y, seed=3, resamples=50)
    assert kid_interval(x, y, seed=3, resamples=50) != kid_interval(x, y, seed=4, resamples=50)


def test_closed_form_within_five_standard_errors() -> None:
    for shift in (0.0, 0.5, 1.0):
        values = [kid(normal(20, 1, 0, seed), normal(20, 1, shift, 1000 + seed)) for seed in range(400)]
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - moments_apart(shift)) < 5 * error  # unbiased at n = 20


def test_group_pairs_do_not_count() -> None:
    x, y = normal(12, seed=5), normal(15, shift=0.1, seed=6)
    crops = np.repeat(x, 3, axis=0)  # each image three times, as a group
    groups = np.repeat(np.arange(12), 3)
    assert kid(crops, y, groups) == pytest.approx(kid(x, y), rel=1e-12)
    assert kid(crops, y) > kid(x, y)
    one, other = (kid_interval(s, y, g, seed=1, resamples=200) for s, g in ((crops, groups), (x, None)))
    assert one.groups == other.groups == 12
    assert one[:2] == pytest.approx(other[:2], rel=1e-9)


@pytest.mark.slow
def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    for shift, least in ((1.0, 0.90), (0.0, 0.95)):  # wider than it says where the sets have one distribution
        hits = 0
        for seed in range(200):
            x, y = normal(40, 1, 0, seed), normal(40, 1, shift, 1000 + seed)
            found = kid_interval(x, y, seed=seed, resamples=300)
            hits += found.low <= moments_apart(shift) <= found.high
        assert hits / 200 >= least - 3 * np.sqrt(0.05 * 0.95 / 200), (shift, hits)


def test_float32_input_is_worked_on_in_float64() -> None:
    x, y = torch.randn(30, 16) * 20 + 300, torch.randn(30, 16) * 20 + 300
    assert kid(x, y) == kid(x.double().numpy(), y.double().numpy())


def test_what_does_not_fit_is_told() -> None:
    x = normal(5)
    cases: list[tuple[Any, Any, Any, str]] = [
        (x[:1], x, None, "real has 1 rows; this number needs at least 2"),
        (x, x[:, :3], None, "real has 8 features a row and generated 3; both come from the same extractor"),
        (x, x[0], None, "generated has shape (8,); it is (N, D), a row of D features per image"),
        (x, np.where(np.eye(5, 8) > 0, np.nan, x), None, "generated holds a value that is not finite, first in row 0"),
        (x, x, [0, 0, 1], "real_groups has shape (3,); it is one group number for each of the 5 rows"),
        (x, x, [0] * 5, "real_groups holds 1 groups; this number needs at least 2"),
    ]
    for real, generated, groups, message in cases:
        with pytest.raises(ValueError) as caught:
            kid(real, generated, groups)
        assert str(caught.value) == message


@pytest.mark.slow
def test_torchmetrics_says_the_same() -> None:
    image = pytest.importorskip("torchmetrics.image.kid")

    class Given(torch.nn.Module):
        num_features = 16

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1)

    x = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    y = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(1)) * 1.2
    theirs = image.KernelInceptionDistance(feature=Given(), subsets=1, subset_size=40, normalize=False)
    theirs.set_dtype(torch.float64)
    theirs.update(x, real=True)
    theirs.update(y, real=False)
    assert kid(x.flatten(1), y.flatten(1)) == pytest.approx(float(theirs.compute()[0]), abs=1e-4)
