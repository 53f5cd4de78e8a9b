"""Classical transforms: what they keep and how far they go."""

from __future__ import annotations

import numpy as np
import pytest

from flawforge.data.augmentation.classical import BRIGHTNESS, SHIFT, classical


@pytest.mark.parametrize("shape", [(20, 31), (20, 31, 3), (4, 4)])
@pytest.mark.parametrize(("white", "kind"), [(255, np.uint8), (4095, np.uint16)])
def test_shape_type_and_range_stay(shape: tuple[int, ...], white: int, kind: type) -> None:
    image = np.random.default_rng(0).integers(0, white + 1, shape).astype(kind)
    for seed in range(20):
        out = classical(image, white, np.random.default_rng(seed))
        assert (out.shape, out.dtype) == (image.shape, image.dtype)
        assert out.max() <= white


def test_it_is_a_mirror_a_shift_and_a_level() -> None:
    """Undoing the level and the mirror leaves the image, moved by at most 6 % of a side."""
    image = np.random.default_rng(0).integers(60, 190, (50, 40)).astype(np.uint8)
    for seed in range(12):
        out = classical(image, 255, np.random.default_rng(seed)).astype(int)
        found = []
        for flipped in (image, image[::-1], image[:, ::-1], image[::-1, ::-1]):
            for down in range(-3, 4):
                for right in range(-2, 3):
                    a = out[3 + down : 47 + down, 3 + right : 37 + right] - flipped[3:47, 3:37].astype(int)
                    if a.std() == 0:
                        found.append((down, right, int(a[0, 0])))
        assert len(found) == 1
        assert abs(found[0][0]) <= round(SHIFT * 50)
        assert abs(found[0][2]) <= BRIGHTNESS * 255 + 1


def test_the_stream_decides() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16)).astype(np.uint8)
    one, same, other = (classical(image, 255, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
