"""Drawn defects: what each pattern marks, and what it changes."""

from __future__ import annotations

import numpy as np
import pytest

from flawforge.core.settings.recipe import PATTERNS
from flawforge.data.augmentation.pasting import lay_on
from flawforge.data.augmentation.positions import Ground
from flawforge.data.augmentation.procedural import draw_pattern, fill_pattern, perlin


def even(seed: int, channels: int = 1, size: tuple[int, int] = (96, 128)) -> Ground:
    shape = size if channels == 1 else (*size, 3)
    return Ground(np.clip(np.random.default_rng(seed).normal(0.5, 0.05, shape), 0, 1).astype(np.float32))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_marks_something_that_it_changes(name: str, channels: int) -> None:
    ground, other = even(0, channels), even(1, channels)
    for seed in range(12):
        cutout = draw_pattern(name, ground, other, np.random.default_rng(seed))
        made = lay_on(ground.pixels, cutout, (0, 0), 1.0, light=ground.light)
        assert made.mask.any()
        assert np.array_equal(made.pixels[~made.support], ground.pixels[~made.support])
        assert float(np.abs(made.pixels - ground.pixels)[made.mask].mean()) > 0.01
        assert made.mask.mean() < 0.3


@pytest.mark.parametrize("name", PATTERNS)
def test_what_is_marked_can_be_seen_on_a_rough_ground(name: str) -> None:
    grain = 0.12
    planes = np.random.default_rng(0).normal(0.5, grain, (2, 192, 256)).clip(0, 1).astype(np.float32)
    ground, other = Ground(planes[0]), Ground(planes[1])
    for seed in range(40):
        cutout = draw_pattern(name, ground, other, np.random.default_rng(seed))
        made = lay_on(ground.pixels, cutout, (0, 0), 1.0, light=ground.light)
        moved = abs(float((made.pixels - ground.pixels)[made.mask].mean()))
        assert moved > 0.6 * grain or made.mask.sum() < 100, seed


@pytest.mark.parametrize("name", PATTERNS)
def test_strength_scales_it_and_a_small_ground_holds_it(name: str) -> None:
    ground, other = even(0, size=(32, 40)), even(1, size=(20, 24))
    cutout = draw_pattern(name, ground, other, np.random.default_rng(3))
    weak, strong = (lay_on(ground.pixels, cutout, (0, 0), strength) for strength in (0.25, 0.5))
    changes = [float(np.abs(one.pixels - ground.pixels).sum()) for one in (weak, strong)]
    assert changes[1] == pytest.approx(2 * changes[0], rel=0.02)


@pytest.mark.parametrize("name", PATTERNS)
def test_a_given_mask_is_filled(name: str) -> None:
    ground, alpha = even(0), np.ones((20, 30), np.float32)
    made = lay_on(ground.pixels, fill_pattern(name, alpha, ground, even(1), np.random.default_rng(0)), (5, 6), 1.0)
    assert made.mask.sum() == 600
    assert float(np.abs(made.pixels - ground.pixels)[5:25, 6:36].mean()) > 0.01


def test_perlin_noise_is_smooth_zero_at_its_corners_and_holds_its_range() -> None:
    noise = perlin((64, 96), (4, 6), np.random.default_rng(0))
    assert noise.shape == (64, 96)
    assert np.abs(noise[::16, ::16]).max() < 1e-6
    assert 0.3 < np.abs(noise).max() <= 1
    assert np.abs(np.diff(noise, axis=0)).max() < 0.25
