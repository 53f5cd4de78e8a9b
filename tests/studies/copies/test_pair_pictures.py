from __future__ import annotations

import numpy as np
import pytest

from flawforge.studies.copies.pair_pictures import align_picture


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3)])
def test_a_training_image_is_laid_on_the_generated_one(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(1, 255, shape).astype(np.uint8)
    assert np.array_equal(align_picture(image, [1, 0, 0, 0, 1, 0]), image)
    assert np.array_equal(align_picture(image, [-1, 0, 0, 0, 1, 0]), image[:, ::-1])
    shifted = align_picture(image, [1, 0, 0.5, 0, 1, 0])  # shows the training image two pixels to the right
    assert np.array_equal(shifted[:, :6], image[:, 2:])
    assert not shifted[:, 6:].any()
    assert shifted.dtype == np.uint8
