"""The light of other images: what changes, what stays, and whose light it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from skimage.exposure import match_histograms

from flawforge.data.augmentation.reference_light import (
    Change,
    changed_by_others,
    fourier_adapted,
    histogram_matched,
    random_light,
)

CHANGES = (fourier_adapted, histogram_matched, random_light)
SIZES = ((1, 32, 32), (3, 32, 32), (3, 24, 41))


def drawn(value: float) -> Any:
    """Random numbers that are this part of their range."""
    normal = np.random.default_rng(5).standard_normal
    return SimpleNamespace(uniform=lambda low, high: low + value * (high - low), standard_normal=normal)


def noise(size: tuple[int, ...], seed: int, low: int = 60, high: int = 180) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, size).astype(np.uint8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("change", [fourier_adapted, histogram_matched])
@pytest.mark.parametrize("strength", [0.0, 0.7, 1.0])
def test_an_image_changed_by_itself_is_itself(change: Change, size: tuple[int, ...], strength: float) -> None:
    image = noise(size, 0, 0, 256)
    assert np.array_equal(change(image, image, drawn(strength)), image)


@pytest.mark.parametrize("change", CHANGES)
def test_gray_stays_gray_and_the_size_stays(change: Change) -> None:
    image, reference = (np.repeat(noise((1, 24, 41), seed), 3, axis=0) for seed in (0, 1))
    out = change(image, reference, drawn(1.0))
    assert (out.shape, out.dtype) == (image.shape, np.uint8)
    assert (out == out[:1]).all()
    assert not np.array_equal(out, image)


@pytest.mark.parametrize("size", SIZES)
def test_fourier_adaptation_is_the_paper_s(size: tuple[int, ...]) -> None:
    """Eq. 4 as it stands: the shifted spectrum, a square around its centre, channel by channel."""
    image, reference = noise(size, 0), noise(size, 1, 30, 90)
    middle, reach = (size[1] // 2, size[2] // 2), int(min(size[1:]) * 0.1)
    assert reach > 0
    box = tuple(slice(centre - reach, centre + reach + 1) for centre in middle)
    expected = np.empty(size)
    for channel in range(size[0]):
        own, other = (np.fft.fftshift(np.fft.fft2(one[channel])) for one in (image, reference))
        amplitude = np.abs(own)
        amplitude[box] = np.abs(other)[box]
        whole = np.fft.ifft2(np.fft.ifftshift(amplitude * np.exp(1j * np.angle(own))))
        assert np.abs(whole.imag).max() < 1e-9  # the square is symmetric: nothing is thrown away
        expected[channel] = whole.real
    out = fourier_adapted(image, reference, drawn(1.0))
    assert np.abs(out - np.clip(expected, 0, 255)).max() <= 0.5 + 1e-9


def test_the_narrowest_band_changes_the_mean_alone() -> None:
    image, reference = noise((1, 32, 32), 0), noise((1, 32, 32), 1, 80, 140)
    out = fourier_adapted(image, reference, drawn(0.0)).astype(float)
    assert out.mean() == pytest.approx(reference.mean(), abs=0.5)
    assert np.abs((out - out.mean()) - (image - image.mean())).max() < 1.5


@pytest.mark.parametrize("size", SIZES)
def test_histogram_matching_is_that_of_scikit_image(size: tuple[int, ...]) -> None:
    image, reference = noise(size, 0), noise(size, 1, 0, 100)
    for strength, weight in ((0.0, 0.5), (0.4, 0.7), (1.0, 1.0)):
        matched = [
            match_histograms(*both) for both in zip(image, reference, strict=True)
        ]  # with an axis it rounds down
        expected = weight * np.stack(matched) + (1 - weight) * image
        assert np.abs(histogram_matched(image, reference, drawn(strength)) - expected).max() <= 0.5 + 1e-9


def test_all_of_the_weight_gives_the_reference_s_values_in_the_image_s_order() -> None:
    image = np.random.default_rng(0).permutation(256).astype(np.uint8).reshape(1, 16, 16)
    reference = noise((1, 16, 16), 1, 40, 90)
    out = histogram_matched(image, reference, drawn(1.0))
    assert np.abs(np.sort(out.ravel()).astype(int) - np.sort(reference.ravel())).max() <= 1
    assert (np.diff(out.ravel()[np.argsort(image.ravel())].astype(int)) >= 0).all()


@pytest.mark.parametrize("size", SIZES)
def test_random_light_leaves_high_frequencies_and_takes_the_reference_s_low_ones(size: tuple[int, ...]) -> None:
    image, reference = noise(size, 0, 120, 136), noise(size, 1, 90, 160)
    reach = int(min(size[1:]) * 0.1)
    out = random_light(image, reference, drawn(1.0))
    before, light, after = (np.fft.fft2(one) for one in (image, reference, out))
    rows, columns = (np.abs(np.fft.fftfreq(side, 1 / side)) <= reach for side in size[1:])
    low = rows[:, None] & columns
    rounding = 6 * np.sqrt(size[1] * size[2] / 12)  # of the pixels, six standard deviations of a coefficient
    assert np.abs(after - before)[:, ~low].max() < rounding
    assert np.abs(np.abs(after) - np.abs(light))[:, low].max() < rounding
    assert np.abs(after - before)[:, low].max() > 4 * rounding
    others = [random_light(image, reference, np.random.default_rng(seed)) for seed in range(6)]
    for other in (out, *others):
        assert other.mean() == pytest.approx(reference.mean(), abs=0.5)
        assert np.array_equal(other, out) == (other is out)


def test_classes_take_turns_and_references_are_of_another_class() -> None:
    labels = np.array([0] * 9 + [1] * 2 + [2])
    images = noise((12, 1, 16, 16), 0)
    made = changed_by_others(images, labels, 60, 0, "x", fourier_adapted)
    assert np.bincount(made.labels).tolist() == [20, 20, 20]
    assert np.array_equal(labels[made.sources], made.labels)
    assert (labels[made.references] != made.labels).all()
    again = changed_by_others(images, labels, 7, 0, "x", fourier_adapted)
    assert np.array_equal(again.images, made.images[:7])  # an image does not depend on how many are asked for
    for other in (
        changed_by_others(images, labels, 7, 1, "x", fourier_adapted),
        changed_by_others(images, labels, 7, 0, "y", fourier_adapted),
    ):
        assert not np.array_equal(other.images, again.images)


def test_light_of_any_image_is_not_its_own() -> None:
    labels, images = np.array([0, 0, 1]), noise((3, 1, 16, 16), 0)
    made = changed_by_others(images, labels, 60, 0, "x", random_light, other_class=False)
    assert (made.references != made.sources).all()
    assert (labels[made.references] == made.labels).any()
    alone = changed_by_others(images[:1], labels[:1], 2, 0, "x", random_light, other_class=False)
    assert alone.references.tolist() == [0, 0]


def test_a_single_class_has_no_other() -> None:
    with pytest.raises(ValueError, match="no image of another class"):
        changed_by_others(noise((3, 1, 8, 8), 0), np.zeros(3, np.int64), 4, 0, "x", fourier_adapted)
