"""The yardstick and the bookkeeping of the quality benchmarks; what they measure takes hours and is not run here."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from quality_for_time import compare, count_time
from scattering import WIDTH, filters, scattering


def _stripes(frequency: float, upright: bool, count: int = 6) -> torch.Tensor:
    place = torch.arange(64.0)
    phases = torch.linspace(0, 3, count)[:, None]
    wave = 0.5 * torch.sin(2 * torch.pi * frequency * place + phases)
    rows = wave[:, None, :].expand(-1, 64, -1) if upright else wave[:, :, None].expand(-1, -1, 64)
    return rows[:, None].contiguous()


def test_scattering_does_not_see_brightness_beyond_the_mean_and_has_its_width() -> None:
    images = _stripes(0.1, True)
    found, brighter = scattering(images), scattering(images + 0.2)
    assert found.shape == (6, WIDTH)
    assert np.allclose(brighter[:, 0] - found[:, 0], 0.2, atol=1e-5)
    assert np.allclose(brighter[:, 1:], found[:, 1:], atol=1e-4), "filters have no mean"


def test_scattering_is_the_same_wherever_the_texture_lies() -> None:
    images = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    moved = torch.roll(images, (5, 17), (2, 3))
    assert np.allclose(scattering(images), scattering(moved), atol=1e-3)


@pytest.mark.parametrize("scale", range(4))
def test_the_filter_of_a_scale_answers_to_stripes_of_its_size_and_direction(scale: int) -> None:
    frequency = 0.375 / 2**scale
    first = {upright: scattering(_stripes(frequency, upright)).mean(0)[2:18].reshape(4, 4) for upright in (True, False)}
    for upright, direction in ((True, 0), (False, 2)):
        assert np.unravel_index(first[upright].argmax(), (4, 4)) == (scale, direction)


def test_filters_are_blind_to_a_flat_image() -> None:
    assert filters(64, 48)[..., 0, 0].abs().max() < 1e-6


def _found() -> dict[str, object]:
    def points(*kids: float) -> dict[str, object]:
        rows = [{"step": 20.0 * (i + 1), "kid": kid, "coverage": 0.1} for i, kid in enumerate(kids)]
        return {"points": rows, "steps": 107, "data": "x"}

    return {
        "name": "10",
        "training": 20,
        "classes": ["a", "b"],
        "real": {"kid": 1.0, "coverage": 0.9},
        "reference": {"a": points(500.0, 300.0, 200.0), "b": points(700.0, 100.0)},
        "fewshot": [
            {"minutes": m, "mean": {}, "classes": {"a": {"kid": a}, "b": {"kid": b}}}
            for m, a, b in ((1.0, 250.0, 180.0), (2.0, 190.0, 120.0))
        ],
    }


def test_the_reference_is_counted_at_the_plain_loops_step_and_only_where_all_classes_came() -> None:
    found = _found()
    count_time(found, 6.0)
    assert [p["step"] for p in found["dcgan-sn"]] == [20.0, 40.0]  # type: ignore[attr-defined]
    assert found["dcgan-sn"][1]["minutes"] == pytest.approx(40 * 2 * 6 / 60)  # type: ignore[index]
    assert found["dcgan-sn"][1]["mean"]["kid"] == pytest.approx(200.0)  # type: ignore[index]
    assert found["full_steps"] == 2 * 107


def test_speedup_is_against_the_last_point_of_the_reference_and_missing_where_it_was_not_reached() -> None:
    found = _found()
    count_time(found, 6.0)
    against = compare(found)
    assert against["a"]["steps"] == 60
    assert against["a"]["of"] == 107
    assert against["a"]["minutes"] == 2.0
    assert against["a"]["speedup"] == pytest.approx(60 * 2 * 6 / 60 / 2.0)
    assert against["b"]["minutes"] is None
    assert against["b"]["speedup"] is None
