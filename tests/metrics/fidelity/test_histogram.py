"""House rule 7 for the gray levels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from flawforge.metrics.fidelity.histogram import brightness_difference, gray_histograms, histogram_distance


def levels(n: int, seed: int = 0, low: int = 50, high: int = 150) -> torch.Tensor:
    return torch.randint(low, high, (n, 1, 8, 8), generator=torch.Generator().manual_seed(seed)) / 127.5 - 1


def test_identity_and_swap() -> None:
    x, y = gray_histograms(levels(5)), gray_histograms(levels(9, 1, 60, 180))
    assert histogram_distance(x, x) == 0
    assert histogram_distance(x, y) == histogram_distance(y, x)
    assert brightness_difference(x, y) == -brightness_difference(y, x)


def test_every_level_of_8_bits_is_its_own_bin() -> None:
    image = torch.arange(256).reshape(1, 1, 16, 16) / 127.5 - 1
    assert np.array_equal(gray_histograms(image), np.full((1, 256), 1 / 256))
    assert gray_histograms(torch.tensor([-3.0, 3.0]).reshape(1, 1, 1, 2))[0, [0, 255]].tolist() == [0.5, 0.5]


def test_closed_form_a_shift_of_all_levels() -> None:
    x = levels(6)
    a, b = gray_histograms(x), gray_histograms(x + 10 / 127.5)
    assert histogram_distance(a, b) == pytest.approx(10, abs=1e-9)
    assert brightness_difference(a, b) == pytest.approx(10, abs=1e-9)


def test_closed_form_more_contrast_is_no_brightness() -> None:
    a, b = (
        gray_histograms(torch.tensor(pair).reshape(1, 1, 1, 2) / 127.5 - 1) for pair in ([100.0, 140.0], [90.0, 150.0])
    )
    assert histogram_distance(a, b) == pytest.approx(10)
    assert brightness_difference(a, b) == pytest.approx(0)


def test_it_grows_with_the_fault_and_tells_its_two_directions_apart() -> None:
    x, y = levels(20), levels(20, 1)
    base = gray_histograms(x)
    moved = [gray_histograms(y + step / 127.5) for step in (0, 5, 10, 20)]
    values = [histogram_distance(base, other) for other in moved]
    assert values == sorted(values)
    assert brightness_difference(base, moved[2]) > 0 > brightness_difference(base, gray_histograms(y - 10 / 127.5))


def test_unequal_sizes_and_batches() -> None:
    x = levels(10)
    whole = gray_histograms(x)
    assert np.array_equal(np.concatenate([gray_histograms(x[:3]), gray_histograms(x[3:])]), whole)
    assert histogram_distance(whole, gray_histograms(torch.cat([x, x]))) == pytest.approx(0, abs=1e-12)


def test_scipy_says_the_same() -> None:
    x, y = levels(4), levels(7, 1, 20, 240)
    mine = histogram_distance(gray_histograms(x), gray_histograms(y))
    theirs = wasserstein_distance(*[((one + 1) * 127.5).round().flatten().numpy() for one in (x, y)])
    assert mine == pytest.approx(theirs, rel=1e-9)
