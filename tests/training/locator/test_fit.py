"""Training of locators: they learn where a defect is, the same call gives the same network, and kinds stay apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from flawforge.core.errors import SettingError
from flawforge.core.settings.locators import LOCATORS, LocatorSettings
from flawforge.training.locator.fit import (
    MaskedBatches,
    MaskedImages,
    fit_locator,
    location_loss,
    predict_maps,
    windows,
)

CPU = torch.device("cpu")


def spots(count: int = 8, seed: int = 0) -> MaskedImages:
    """Noise with a bright square of 6 pixels, every fourth image without one."""
    draws = torch.Generator().manual_seed(seed)
    images = torch.randint(100, 140, (count, 1, 32, 32), generator=draws, dtype=torch.uint8)
    masks, labels = torch.zeros(count, 32, 32, dtype=torch.bool), torch.arange(count) % 4 // 3
    for index in range(count):
        top, left = torch.randint(0, 26, (2,), generator=draws).tolist()
        if not labels[index]:
            masks[index, top : top + 6, left : left + 6] = True
    images[masks[:, None]] = 190
    return MaskedImages(images, masks, labels)


def settings(**changes: Any) -> LocatorSettings:
    return LocatorSettings(resolution=(32, 32), batch=6, policy="mirrors").model_copy(update=changes)


@pytest.mark.parametrize(("model", "steps"), [("unet", 40), ("effnet-dense", 40)])
def test_a_locator_learns_where_the_defect_is(model: str, steps: int) -> None:
    network = fit_locator(settings(model=model, steps=steps), spots(), 0)
    shown = spots(6, seed=9)
    maps = predict_maps(network, shown.images)
    assert maps.shape == (6, 32, 32)
    inside, outside = maps[shown.masks].mean(), maps[~shown.masks].mean()
    assert inside > 4 * outside
    again, same = (fit_locator(settings(model=model, steps=2), spots(), 5) for _ in range(2))
    assert torch.equal(predict_maps(again, shown.images), predict_maps(same, shown.images))


def test_a_map_depends_on_its_image_alone() -> None:
    network = fit_locator(settings(steps=2), spots(), 0)
    images = spots(15, seed=3).images
    assert torch.equal(predict_maps(network, images)[13], predict_maps(network, images[13:14])[0])
    assert predict_maps(network, images[:0]).shape == (0, 32, 32)


def test_the_masks_move_with_their_images_and_new_images_do_not_move_real_ones() -> None:
    shown = spots()
    real = MaskedBatches(shown, "real", 4, settings(steps=3, policy="trivial"), 1, CPU)
    images, masks = real.take(2)
    assert images.shape == masks.shape == (4, 1, 32, 32)
    assert masks.min() >= 0
    assert masks.max() <= 1
    again = MaskedBatches(shown, "real", 4, settings(steps=3, policy="trivial"), 1, CPU)
    MaskedBatches(shown, "generated", 2, settings(steps=3), 1, CPU).take(0)
    assert torch.equal(again.take(2)[0], images)


def test_every_other_window_lies_about_a_defect() -> None:
    masks = torch.zeros(20, 1, 256, 256)
    masks[:, :, 200:203, 10:13] = 1
    cut, marked = windows(masks.clone(), masks, 2, np.random.default_rng(0))
    assert cut.shape == (40, 1, 128, 128)
    assert torch.equal(cut, marked)
    assert (marked[:20].sum((1, 2, 3)) > 0).all()
    assert (marked[20:].sum((1, 2, 3)) > 0).float().mean() < 0.6


def test_the_loss_is_cross_entropy_and_dice_and_0_for_a_certain_right_map() -> None:
    masks = spots().masks[:, None].float()
    assert location_loss(40 * (2 * masks - 1), masks) < 1e-3
    even = torch.zeros_like(masks)
    sizes = masks.sum((1, 2, 3))
    dice = ((sizes + 1) / (0.5 * 32 * 32 + sizes + 1)).mean()
    expected = F.binary_cross_entropy_with_logits(even, masks) + 1 - dice
    assert location_loss(even, masks) == pytest.approx(float(expected))


def test_models_are_named() -> None:
    with pytest.raises(SettingError, match=r"model is 'unit'; with task 'locate' allowed: unet, effnet-dense"):
        fit_locator(settings(model="unit"), spots(), 0)
    assert LOCATORS == ("unet", "effnet-dense")
