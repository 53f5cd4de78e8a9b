"""House rule 7 for the Fréchet distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch

from flawforge.metrics.fidelity.frechet import frechet, frechet_infinity
from metrics.contract import MetricContract, modes, normal


def whitened(n: int, d: int, seed: int = 0) -> Any:
    """A set whose mean is 0 and whose covariance is the unit matrix, both to rounding."""
    x = normal(n, d, seed=seed)
    x = x - x.mean(axis=0)
    return np.linalg.qr(x)[0] * np.sqrt(n - 1)


def plain_frechet(x: Any, y: Any) -> float:
    """The definition, with the root of the product of covariances."""
    a, b = np.cov(x.T), np.cov(y.T)
    root = scipy.linalg.sqrtm(a @ b)
    shift = x.mean(axis=0) - y.mean(axis=0)
    return float(shift @ shift + np.trace(a + b - 2 * np.real(root)))


class TestFrechet(MetricContract):
    measure = staticmethod(frechet)
    reference = staticmethod(plain_frechet)

    def closed_forms(self) -> Any:
        # covariances I and diag(s²) commute: |shift|² + sum of (1 - s)²; the sets have these moments to rounding
        scales = np.array([0.5, 1, 2, 3])
        x, y = whitened(40, 4), whitened(25, 4, 1) * scales + 0.5
        # a rotated singular one: rank 1 against I in 4 dimensions, trace of the root is the one standard deviation
        line = np.outer(whitened(20, 1)[:, 0], np.full(4, 0.5)) * 3
        return [((x, y), 4 * 0.25 + np.square(1 - scales).sum()), ((x, line), 4 + 9 - 2 * 3)]

    def one_sided(self) -> Any:
        # a distance cannot tell the two directions apart (precision and recall do); it must be blind to neither
        two, one, again = modes(120, -2, 2), modes(120, -2, seed=1), modes(120, -2, 2, seed=2)
        least = 20 * frechet(two, again)
        return [((two, one), least, np.inf), ((one, two), least, np.inf)]


@pytest.mark.parametrize("fault", [lambda y, t: y * (1 + t), lambda y, t: y + t * normal(100, 6, seed=2)])
def test_other_faults_are_seen_too(fault: Any) -> None:
    x, y = normal(100, 6), normal(100, 6, seed=1)
    values = [frechet(x, fault(y, t)) for t in (0, 0.3, 0.6, 1, 2)]
    assert values == sorted(values)


def test_a_singular_covariance_is_no_trouble() -> None:
    x = normal(4, 6, 100)
    assert frechet(x, x) <= 1e-12


def test_the_seed_decides_the_subsets_alone() -> None:
    x, y = normal(60), normal(60, seed=1)
    assert frechet_infinity(x, y, seed=1) == frechet_infinity(x, y, seed=1)
    assert frechet_infinity(x, y, seed=1) != frechet_infinity(x, y, seed=2)
    assert frechet_infinity(x, y, seed=1).at_full == frechet_infinity(x, y, seed=2).at_full == frechet(x, y)


def test_fewer_images_than_features_are_no_trouble() -> None:
    x, y = normal(10, 112), normal(12, 112, seed=1)
    a, b = x - x.mean(0), y - y.mean(0)
    gram = (a @ b.T) @ (b @ a.T) / (9 * 11)  # the same non-zero eigenvalues as the product of the covariances
    root = np.sqrt(np.clip(np.linalg.eigvalsh(gram), 0, None)).sum()
    shift = x.mean(0) - y.mean(0)
    expected = shift @ shift + np.square(a).sum() / 9 + np.square(b).sum() / 11 - 2 * root
    assert frechet(x, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_extrapolation_takes_the_bias_away(shift: float) -> None:
    truth = 6 * shift**2
    found = [
        frechet_infinity(normal(150, 6, 0, seed=s), normal(100, 6, shift, seed=900 + s), seed=s) for s in range(40)
    ]
    plain = np.array([one.at_full for one in found])
    freed = np.array([one.value for one in found])
    assert plain.mean() - truth > 5 * plain.std() / np.sqrt(40)  # biased, plainly
    assert abs(freed.mean() - truth) < 0.2 * (plain.mean() - truth) + 3 * freed.std() / np.sqrt(40)
    assert all(one.bias == pytest.approx(one.at_full - one.value) for one in found)


def test_groups_stay_whole_in_the_subsets() -> None:
    groups = np.repeat(np.arange(40), 5)
    x, y = normal(40)[groups] + 0.1 * normal(200, seed=3), normal(200, seed=1)
    apart, together = frechet_infinity(x, y), frechet_infinity(x, y, groups)
    assert together.bias > 1.5 * apart.bias  # 40 independent groups, not 200 images


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(ValueError, match="real has 1 rows; this number needs at least 2"):
        frechet(normal(1), normal(5))
    with pytest.raises(ValueError, match="generated_groups holds 2 groups; this number needs at least 10"):
        frechet_infinity(normal(20), normal(20), None, np.arange(20) % 2)


@pytest.mark.slow
def test_torchmetrics_says_the_same() -> None:
    image = pytest.importorskip("torchmetrics.image.fid")

    class Given(torch.nn.Module):
        num_features = 16

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1)

    x = torch.rand(80, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    y = torch.rand(60, 1, 4, 4, generator=torch.Generator().manual_seed(1)) * 1.2
    theirs = image.FrechetInceptionDistance(feature=Given(), normalize=True, input_img_size=(1, 4, 4))
    theirs.set_dtype(torch.float64)
    theirs.update(x, real=True)
    theirs.update(y, real=False)
    assert frechet(x.flatten(1), y.flatten(1)) == pytest.approx(float(theirs.compute()), abs=1e-4)
