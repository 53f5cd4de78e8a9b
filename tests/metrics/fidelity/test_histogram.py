"""House rule 7 for the gray levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from flawforge.metrics.fidelity.histogram import brightness_difference, gray_histograms, histogram_distance
from metrics.contract import MetricContract, Sets


def levels(n: int, seed: int = 0, low: int = 50, high: int = 150) -> torch.Tensor:
    return torch.randint(low, high, (n, 1, 8, 8), generator=torch.Generator().manual_seed(seed)) / 127.5 - 1


def test_every_level_of_8_bits_is_its_own_bin() -> None:
    image = torch.arange(256).reshape(1, 1, 16, 16) / 127.5 - 1
    assert np.array_equal(gray_histograms(image), np.full((1, 256), 1 / 256))
    assert gray_histograms(torch.tensor([-3.0, 3.0]).reshape(1, 1, 1, 2))[0, [0, 255]].tolist() == [0.5, 0.5]


def gray(*values: float) -> torch.Tensor:
    return torch.tensor(values).reshape(1, 1, 1, -1) / 127.5 - 1


class TestHistograms(MetricContract):
    """The distance and the brightness of two sets of images."""

    faults = (0, 5, 10, 20)

    def measure(self, *sets: Any) -> Any:
        histograms = [np.concatenate([gray_histograms(part) for part in torch.split(x, 3)]) for x in sets]  # in batches
        return [metric(*histograms) for metric in (histogram_distance, brightness_difference)]

    def sets(self, seed: int, fault: float, sizes: tuple[int, ...] = (20, 30)) -> Sets:
        return levels(sizes[0], seed), levels(sizes[1], seed + 1) + fault / 127.5

    def identical(self) -> Any:
        x = levels(10)
        return (x, torch.cat([x, x])), [0, 0]

    def swapped(self, real: Any, generated: Any) -> Any:
        distance, brighter = self.measure(real, generated)
        return (generated, real), [distance, -brighter]

    def closed_forms(self) -> Any:
        x = levels(6)  # all levels shifted; more contrast is no brightness
        return [((x, x + 10 / 127.5), [10, 10]), ((gray(100, 140), gray(90, 150)), [10, 0])]

    def reference(self, *sets: Any) -> Any:
        pixels = [((x.double() + 1) * 127.5).round().flatten().numpy() for x in sets]
        return [wasserstein_distance(*pixels), float(pixels[1].mean() - pixels[0].mean())]

    def test_one_sided(self) -> None:
        x = levels(20)
        assert [self.measure(x, x + step / 127.5)[1] for step in (10, -10)] == pytest.approx([10, -10])
