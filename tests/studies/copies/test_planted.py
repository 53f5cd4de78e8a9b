from __future__ import annotations

import numpy as np
import pytest

from flawforge.studies.copies.planted import ALTERATIONS, altered_copy


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(20, 220, (64, 50)).astype(np.float32)


@pytest.mark.parametrize("kind", list(ALTERATIONS))
def test_an_alteration_keeps_the_shape_and_changes_the_image(kind: str) -> None:
    image, other = noise(1), noise(2)
    made = altered_copy(image, kind, other, np.random.default_rng(0))
    assert (made.shape, made.dtype) == (image.shape, np.uint8)
    assert np.array_equal(made, image) == (kind == "exact")
    assert np.array_equal(made, altered_copy(image, kind, other, np.random.default_rng(0)))
