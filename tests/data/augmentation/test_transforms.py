"""The transforms' laws: what they keep, what they change, and where their numbers come from."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from flawforge.core.settings.policies import NONE, POLICIES, ClassicalPolicy
from flawforge.data.augmentation.mixing import mix
from flawforge.data.augmentation.photometry import blur, rectangles
from flawforge.data.augmentation.transforms import CHANGES, ClassicalTransforms

from .waves import wave

ONE_BY_ONE = [ClassicalPolicy(**{name: 0.4}) for name in CHANGES]  # type: ignore[arg-type]
TURNS = ClassicalPolicy(flip_horizontal=True, flip_vertical=True, quarter_turns=True)
CHANGING = [*(p for name, p in POLICIES.items() if name != "none"), *ONE_BY_ONE, TURNS]


def batch(count: int = 6, channels: int = 1, height: int = 24, width: int = 24) -> Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_no_policy_changes_no_bit_and_no_label() -> None:
    images, labels = batch(), torch.eye(6)
    transforms = ClassicalTransforms(NONE, 3)
    changed, mixed = transforms.mix(transforms(images, "real", 5), labels, 5)
    assert changed.equal(images)
    assert mixed.equal(labels)


@pytest.mark.parametrize("chosen", CHANGING)
@pytest.mark.parametrize(("channels", "height", "width"), [(1, 24, 24), (3, 20, 33)])
def test_shape_and_range_stay_and_every_policy_changes_something(
    chosen: ClassicalPolicy, channels: int, height: int, width: int
) -> None:
    images = batch(8, channels, height, width)
    out = ClassicalTransforms(chosen, 0)(images, 0)
    assert (out.shape, out.dtype) == (images.shape, images.dtype)
    assert float(out.abs().max()) <= 1
    assert not out.equal(images)


@pytest.mark.parametrize("chosen", CHANGING)
def test_gray_stays_gray(chosen: ClassicalPolicy) -> None:
    out = ClassicalTransforms(chosen, 1)(batch().repeat(1, 3, 1, 1), 0)
    torch.testing.assert_close(out[:, 0], out[:, 2], rtol=0, atol=1e-6)
    torch.testing.assert_close(out[:, 0], out[:, 1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("chosen", CHANGING)
def test_the_seed_and_the_place_decide_and_nothing_else(chosen: ClassicalPolicy) -> None:
    images = batch(12)
    out = ClassicalTransforms(chosen, 0)(images, "real", 4)
    torch.rand(5)  # a draw from the global generator disturbs nothing
    assert out.equal(ClassicalTransforms(chosen, 0)(images, "real", 4))
    for seed, place in ((1, ("real", 4)), (0, ("real", 5)), (0, ("generated", 4))):
        assert not out.equal(ClassicalTransforms(chosen, seed)(images, *place))


def test_chance_is_the_part_of_images_that_a_change_touches() -> None:
    images = batch(2000, 1, 4, 4)
    out = ClassicalTransforms(ClassicalPolicy(brightness=0.3, chance=0.25), 0)(images, 0)
    touched = (out != images).flatten(1).any(1).float().mean()
    assert float(touched) == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / 2000))


def test_one_change_makes_one_change() -> None:
    """Of brightness and noise, an image is either moved by a constant, or roughened with its mean kept."""
    images = batch(400, 1, 16, 16) * 0.2
    out = ClassicalTransforms(ClassicalPolicy(brightness=0.3, noise=0.1, one_change=True, chance=0), 0)(images, 0)
    moved = (out - images).flatten(1)
    constant = moved.std(1) < 1e-6
    assert float(constant.float().mean()) == pytest.approx(0.5, abs=0.1)
    rough = moved[~constant]
    assert bool((rough.mean(1).abs() < 6 * rough.std(1) / 16).all())


def test_of_all_changes_each_image_gets_the_one_that_it_would_get_alone() -> None:
    """The same numbers drive a change whatever else is allowed, so each image is that of one of eight policies."""
    images = wave(24, 24).repeat(200, 1, 1, 1)
    strengths = {name: 8.0 if name == "degrees" else 0.2 for name in CHANGES}
    out = ClassicalTransforms(ClassicalPolicy(**strengths, one_change=True), 0)(images, 0)  # type: ignore[arg-type]
    alone = [ClassicalTransforms(ClassicalPolicy(**{n: s}), 0)(images, 0) for n, s in strengths.items()]  # type: ignore[arg-type]
    same = torch.stack([(out - one).abs().flatten(1).amax(1) < 1e-5 for one in alone])
    assert bool(same.any(0).all())
    assert bool((same.sum(1) >= 8).all())  # of 25 expected each
    assert int(same.sum()) <= 220  # hardly an image is that of two: a change of next to no strength


def test_the_blur_is_a_gaussian() -> None:
    """A point becomes a bump with the variance asked, and its sum stays."""
    point = torch.zeros(2, 1, 41, 41)
    point[:, 0, 20, 20] = 1
    out = blur(point, torch.tensor([1.5, 0.0]), 2.0)
    assert float(out[0].sum()) == pytest.approx(1, abs=1e-5)
    places = torch.arange(41) - 20.0
    assert float((out[0, 0].sum(1) * places**2).sum()) == pytest.approx(1.5**2, rel=0.02)
    assert out[1].equal(point[1])


@pytest.mark.parametrize("area", [0.0, 0.1, 0.5, 1.0])
def test_rectangles_have_the_area_asked_and_lie_inside(area: float) -> None:
    centre = torch.rand(50, 2, generator=torch.Generator().manual_seed(0))
    inside = rectangles(centre, torch.full((50,), area), torch.ones(50), 60, 90)
    found = inside.float().mean((1, 2, 3))
    torch.testing.assert_close(found, torch.full((50,), area), atol=0.02, rtol=0)


@pytest.mark.parametrize("chosen", [ClassicalPolicy(mixup=0.4), ClassicalPolicy(cutmix=1.0)])
def test_mixed_labels_say_what_the_images_hold(chosen: ClassicalPolicy) -> None:
    """Images of one gray level a class: the mean level and the labels tell the same share."""
    labels = torch.eye(2).repeat(20, 1)
    images = (labels[:, 1] * 2 - 1)[:, None, None, None].expand(-1, 1, 16, 16).clone()
    mixed, soft = mix(images, labels, chosen, torch.Generator().manual_seed(0))
    torch.testing.assert_close(soft.sum(1), torch.ones(40))
    torch.testing.assert_close((mixed.mean((1, 2, 3)) + 1) / 2, soft[:, 1], atol=1e-5, rtol=0)
    assert bool(((soft > 0.01) & (soft < 0.99)).any())


def test_both_mixings_take_turns() -> None:
    images, labels = batch(8), torch.eye(8)
    pasted = []
    for step in range(40):
        out, _ = ClassicalTransforms(ClassicalPolicy(mixup=1, cutmix=1), 0).mix(images, labels, step)
        pasted.append(bool(torch.isin(out, images).all()))
    assert 8 < sum(pasted) < 32


@pytest.mark.parametrize("name", ["mirrors", "strong", "trivial"])
def test_masks_move_with_their_images_and_change_no_image(name: str) -> None:
    shape = torch.zeros(24, 1, 32, 32)
    shape[:, :, 6:20, 10:18] = 1
    still = dict.fromkeys(("brightness", "contrast", "noise", "blur", "erasing"), 0.0)
    transforms = ClassicalTransforms(POLICIES[name].model_copy(update=still), 3)
    images, masks = transforms.with_masks(2 * shape - 1, shape, 7)
    assert torch.allclose((images + 1) / 2, masks, atol=1e-5)
    whole = ClassicalTransforms(POLICIES[name], 3)
    assert torch.equal(whole.with_masks(2 * shape - 1, shape, 7)[0], whole(2 * shape - 1, 7))


def test_what_is_erased_is_no_longer_marked() -> None:
    images = batch()
    changed, masks = ClassicalTransforms(ClassicalPolicy(erasing=0.4), 3).with_masks(images, torch.ones_like(images), 7)
    assert torch.equal(masks == 0, changed != images)
    assert 0 < masks.mean() < 1
