"""Composing: details stay what they are, light comes from elsewhere, and marks go with the details."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats32
from flawforge.core.settings.recipe import Composition
from flawforge.data.augmentation.composition import ENOUGH, Detail, Light, Place, blend_mask, compose, scaling
from flawforge.data.grouping.registration import turned

STILL = Composition(blend=0, relight=0, zoom=1)
RELIT = Composition(blend=0, relight=1, zoom=1, light_power=0)
ALL = range(8)


def texture(seed: int = 0, size: tuple[int, int] = (48, 48), level: float = 0.5) -> Floats32:
    """Draw a texture that stays far from black and white."""
    noise = np.random.default_rng(seed).standard_normal(size)
    return (level + 0.05 * ndimage.gaussian_filter(noise, 1)).astype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def spot(size: tuple[int, int] = (48, 64), where: tuple[int, int, int, int] = (8, 5, 20, 15)) -> tuple[Detail, Bools]:
    """Return a flat image with a white rectangle (left, top, right, bottom) that mask and box mark."""
    left, top, right, bottom = where
    mask = np.zeros(size, dtype=bool)
    mask[top:bottom, left:right] = True
    pixels = np.where(mask, 1.0, 0.4).astype(np.float32)
    return Detail(pixels, mask, (Place("spot", left, top, right, bottom),)), mask


def test_with_nothing_changed_the_image_is_the_real_one() -> None:
    source = Detail(texture())
    made = compose([source], [Light.of(texture(1))], STILL, [0], rng())
    np.testing.assert_allclose(made.pixels, source.pixels, atol=1e-6)
    assert (made.sources, made.symmetries, made.donor, made.clipped) == ((0,), (0,), None, 0.0)


@pytest.mark.parametrize("turn", ALL)
def test_a_turn_turns_the_image_and_all_eight_differ(turn: int) -> None:
    source = Detail(texture())
    made = compose([source], [], STILL, [turn], rng())
    np.testing.assert_allclose(made.pixels, turned(source.pixels, turn), atol=1e-6)
    assert len({turned(source.pixels, one).tobytes() for one in ALL}) == 8


def test_an_oblong_image_is_not_laid_on_its_side() -> None:
    made = [compose([Detail(texture(size=(32, 48)))], [], STILL, ALL, rng(seed)) for seed in range(20)]
    assert {image.pixels.shape for image in made} == {(32, 48)}
    assert {image.symmetries[0] for image in made} == {0, 1, 2, 3}


@pytest.mark.parametrize("size", [(192, 192), (128, 200), (224, 150)])
def test_of_reduced_sources_a_stream_makes_the_same_image_reduced(size: tuple[int, int]) -> None:
    waves = [Detail(20 * ndimage.gaussian_filter(texture(seed, size), 6) - 9.5) for seed in range(4)]
    lights, how = [Light.of(texture(9, size, level)) for level in (0.4, 0.6)], Composition(zoom=1.3)
    for seed in range(12):
        whole = compose(waves, lights, how, range(4), rng(seed))
        small = compose([wave.reduced(0.5) for wave in waves], lights, how, range(4), rng(seed))
        assert small.pixels.shape == (size[0] // 2, size[1] // 2)
        assert (small.sources, small.symmetries, small.donor) == (whole.sources, whole.symmetries, whole.donor)
        halved = whole.pixels.reshape(size[0] // 2, 2, size[1] // 2, 2).mean((1, 3))
        assert np.corrcoef(halved.ravel(), small.pixels.ravel())[0, 1] > 0.95


def test_marks_are_reduced_with_their_image() -> None:
    detail, _ = spot(size=(48, 64), where=(8, 4, 9, 44))
    small = detail.reduced(0.25)
    assert small.mask is not None
    np.testing.assert_array_equal(np.argwhere(small.mask), [[row, 2] for row in range(1, 11)])
    assert small.places == (Place("spot", 2, 1, 3, 11),)
    assert detail.reduced(1.0) is detail is detail.reduced(3.0)


def test_the_light_is_the_donors_and_the_details_are_the_sources() -> None:
    source, donor = texture(level=0.4), texture(1, level=0.6)
    made = compose([Detail(source)], [Light.of(donor)], RELIT, [0], rng())
    changed = made.pixels - source
    assert made.donor == 0
    assert float(made.pixels.mean()) == pytest.approx(0.6 - 0.3 * 0.2, abs=0.01)  # its level keeps a part of its own
    fine = changed - ndimage.gaussian_filter(changed, 1.5)  # what was added has nothing fine
    assert float(np.abs(fine).max()) < 0.02 * float(np.abs(changed).max())


@pytest.mark.parametrize(("power", "factor"), [(0.0, 1.0), (1.0, (0.6 + 8 / 255) / (0.3 + 8 / 255))])
def test_details_follow_the_light_by_its_ratio_to_a_power(power: float, factor: float) -> None:
    own, new = np.full((4, 4), 0.3, np.float32), np.full((4, 4), 0.6, np.float32)
    np.testing.assert_allclose(scaling(own, new, power), factor, rtol=1e-6)
    assert scaling(own * 0, new, 1.0).max() == 2.5
    assert scaling(new, own * 0, 1.0).min() == pytest.approx(0.4)


def test_a_donor_may_have_another_size_and_what_is_marked_in_it_gives_no_light() -> None:
    detail, mask = spot()
    plain, without = Light.of(detail.pixels), Light.of(detail.pixels, mask)
    assert plain.smoothed(0.1, (40, 30)).shape == (40, 30)
    assert float(np.ptp(plain.smoothed(0.1, (48, 64)))) > 0.2
    np.testing.assert_allclose(without.smoothed(0.1, (48, 64)), 0.4, atol=0.02)


def test_a_donor_that_is_nearly_all_marked_gives_its_light_all_the_same() -> None:
    pixels = texture()
    everywhere = np.ones(pixels.shape, dtype=bool)
    np.testing.assert_array_equal(Light.of(pixels, everywhere).grid, Light.of(pixels).grid)


@pytest.mark.parametrize("turn", range(4))
def test_mask_and_box_go_with_the_pixels(turn: int) -> None:
    detail, _ = spot()
    made = compose([detail], [], STILL, [turn], rng())
    white = made.pixels > 0.7
    assert made.mask is not None
    np.testing.assert_array_equal(made.mask, white)
    rows, columns = np.flatnonzero(white.any(1)), np.flatnonzero(white.any(0))
    corners = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert made.places == (Place("spot", *map(int, corners)),)


def test_marks_of_an_enlarged_part_lie_within_a_pixel() -> None:
    detail, _ = spot()
    for seed in range(20):
        made = compose([detail], [], Composition(blend=0, relight=0, zoom=1.5), range(4), rng(seed))
        white = made.pixels > 0.7
        assert made.mask is not None
        assert not (made.mask & ~ndimage.binary_dilation(white)).any()
        assert not (white & ~ndimage.binary_dilation(made.mask)).any()
        assert made.mask.any()


def test_a_blend_shows_both_and_enough_of_a_defect() -> None:
    one, _ = spot(where=(2, 2, 12, 12))
    other, _ = spot(where=(45, 30, 60, 44))
    joined = Composition(blend=1, relight=0, zoom=1)
    made = [compose([one, other], [], joined, [0], rng(seed)) for seed in range(30)]
    assert {image.sources for image in made} >= {(0, 1), (1, 0)}
    for image in made:
        assert image.mask is not None
        np.testing.assert_array_equal(image.mask & (image.pixels < 0.45), np.zeros_like(image.mask))
        assert image.mask.sum() >= ENOUGH * min(100, 15 * 14)


def test_marks_are_not_told_where_one_source_has_none() -> None:
    sources = [spot()[0], Detail(texture(size=(48, 64)))]
    made = [compose(sources, [], Composition(relight=0), [0], rng(seed)) for seed in range(40)]
    both = [image for image in made if len(set(image.sources)) == 2]
    assert both
    assert all(image.mask is None and image.places == () for image in both)
    assert any(image.mask is not None for image in made)


def test_a_box_that_a_blend_cuts_through_is_cut_and_said_to_be() -> None:
    whole = Detail(texture(size=(64, 64)), None, (Place("all", 0, 0, 64, 64),))
    made = [compose([whole, whole], [], Composition(relight=0, zoom=1), [0], rng(seed)) for seed in range(8)]
    joined = [image for image in made if len(image.sources) == 2]
    assert joined
    assert all(len(image.places) == 2 and all(place.cut for place in image.places) for image in joined)
    assert any(not image.places[0].cut for image in made if len(image.sources) == 1)


def test_only_partners_are_joined() -> None:
    sources, partners = [Detail(texture(seed)) for seed in range(3)], ((1,), (0,), ())
    made = [compose(sources, [], Composition(), [0], rng(seed), partners).sources for seed in range(60)]
    assert {pair for pair in made if len(set(pair)) > 1} == {(0, 1), (1, 0)}


def test_an_image_that_is_too_small_to_fill_the_frame_is_not_joined_to_it() -> None:
    sources = [Detail(texture(size=(64, 64))), Detail(texture(1, size=(20, 64)))]
    made = [compose(sources, [], Composition(), [0], rng(seed)) for seed in range(40)]
    large = [image.sources for image in made if image.pixels.shape == (64, 64)]
    assert large
    assert set(large) == {(0,)}
    assert {image.pixels.shape for image in made} == {(64, 64), (20, 64)}


def test_gray_in_three_channels_stays_gray() -> None:
    plane = texture()
    colour = Detail(np.repeat(plane[..., None], 3, axis=2))
    made = compose([colour], [Light.of(texture(1))], Composition(blend=0), [0], rng())
    np.testing.assert_allclose(made.pixels[..., 0], made.pixels[..., 2], atol=1e-5)
    gray = compose([Detail(plane)], [Light.of(texture(1))], Composition(blend=0), [0], rng())
    np.testing.assert_allclose(made.pixels[..., 1], gray.pixels, atol=1e-4)


def test_a_colour_cast_stays_with_the_details() -> None:
    colour = np.stack([texture(level=0.6), texture(level=0.5), texture(level=0.3)], axis=2)
    made = compose([Detail(colour)], [Light.of(texture(1, level=0.5))], Composition(blend=0, light_power=1), [0], rng())
    ratio = made.pixels.mean((0, 1)) / colour.mean((0, 1))
    assert float(np.ptp(ratio)) < 0.02


def test_the_same_draws_give_the_same_image_and_clipping_is_counted() -> None:
    sources = [Detail(texture(seed, level=0.9)) for seed in range(3)]
    donors = [Light.of(texture(9, level=0.99))]
    one, other = (compose(sources, donors, Composition(), ALL, rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert 0 < one.clipped < 1
    assert one.pixels.dtype == np.float32
    assert (float(one.pixels.min()) >= 0, float(one.pixels.max())) == (True, 1.0)


def test_the_mask_of_a_blend_is_mostly_one_or_the_other() -> None:
    masks = np.stack([blend_mask((60, 90), rng(seed)) for seed in range(60)])
    assert masks.shape[1:] == (60, 90)
    assert abs(float(masks.mean()) - 0.5) < 0.05
    assert float(((masks < 0.1) | (masks > 0.9)).mean()) > 0.5
    step = np.abs(np.diff(masks, axis=2)).max()
    assert float(step) < 0.35


def test_a_blend_keeps_contrast_at_its_border_and_each_side_its_own_light() -> None:
    sources = [Detail(texture(seed, (96, 96))) for seed in range(2)]
    own = np.mean([source.pixels.std() for source in sources])
    blends = [compose(sources, [], Composition(relight=0, zoom=1), [0, 1], rng(seed)) for seed in range(40)]
    assert np.mean([blend.pixels.std() for blend in blends]) == pytest.approx(own, rel=0.02)
    flat = [Detail(np.full((32, 32), level, np.float32)) for level in (0.3, 0.6)]
    for seed in range(10):
        pixels = compose(flat, [], Composition(relight=0, zoom=1), [0], rng(seed)).pixels
        assert (pixels.min() >= 0.299, pixels.max() <= 0.601) == (True, True)


def test_a_small_defect_is_not_cut_out_of_sight() -> None:
    detail, mask = spot(where=(0, 0, 6, 6))
    for seed in range(20):
        made = compose([detail], [], Composition(blend=0, relight=0, zoom=2), [0], rng(seed))
        assert made.mask is not None
        assert made.mask.sum() >= ENOUGH * mask.sum()


def test_what_fills_a_larger_frame_keeps_its_proportions() -> None:
    frame, narrow = Detail(np.full((48, 48), 0.4, np.float32)), spot(size=(48, 40), where=(15, 19, 25, 29))[0]
    square = []
    for seed in range(150):
        made = compose([frame, narrow], [], Composition(relight=0, zoom=1.2), [0], rng(seed))
        white = made.pixels > 0.7
        if made.sources == (0, 1) and white.sum() >= 140:
            square.append((np.flatnonzero(white.any(0)).size, np.flatnonzero(white.any(1)).size))
    assert len(square) >= 5
    assert abs(np.median([across - down for across, down in square])) <= 1  # stretched ones: more than 2
