"""Registration: the same material laid on itself agrees, whatever the light; other material does not."""

from __future__ import annotations

import numpy as np
import pytest

from flawforge.data.grouping.registration import measure_overlap, shared, turned

PICTURE = np.random.default_rng(0).standard_normal((120, 140)).astype(np.float32)


def crops(noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Return two crops of one picture; the second lies 20 rows below and 25 columns right of the first."""
    grain = noise * np.random.default_rng(1).standard_normal(PICTURE.shape).astype(np.float32)
    return PICTURE[:80, :90], (PICTURE + grain)[20:110, 25:130]


def test_the_correlation_is_that_of_the_overlap_whatever_the_brightness() -> None:
    first, second = crops()
    expected = np.corrcoef(first[20:, 25:].ravel(), second[:60, :65].ravel())[0, 1]
    for one, other in ((0.0, 0.0), (3.0, -2.0), (-1.0, 5.0)):
        found = measure_overlap(first + np.float32(one), second + np.float32(other), 21, 24)
        assert (found.dy, found.dx, found.same) == (20, 25, True)
        assert found.correlation == pytest.approx(expected, abs=1e-4)
        assert found.share == pytest.approx(60 * 65 / first.size)


def test_other_material_and_too_little_of_it_are_not_the_same() -> None:
    first, second = crops()
    assert not measure_overlap(first, np.roll(second, 40, 0), 20, 25).same
    assert not measure_overlap(first, second, 70, 25).same  # ten rows in common
    assert shared(first, second, 70, 25) is None


@pytest.mark.parametrize("pose", range(8))
def test_a_turned_image_is_mirrored_then_transposed(pose: int) -> None:
    image = PICTURE[:3, :5]
    expected = image[:, :: -1 if pose & 1 else 1][:: -1 if pose & 2 else 1]
    assert (turned(image, pose) == (expected.T if pose & 4 else expected)).all()
