"""The mask of an image is that of its defects together."""

from __future__ import annotations

import numpy as np

from flawforge.data.writing.exported_image import Instance
from flawforge.data.writing.patches import Patch

from .test_writing import image


def test_masks_are_laid_over_each_other_and_boxes_have_none() -> None:
    one = Instance("dent", (0, 0, 2, 1), Patch(np.array([[True, True]]), 0, 0))
    other = Instance("dent", (1, 0, 2, 2), Patch(np.array([[True], [True]]), 1, 0))
    box = Instance("dent", (0, 0, 4, 3))
    assert image("a", instances=lambda: (box,)).mask() is None
    mask = image("a", instances=lambda: (one, box, other)).mask()
    assert mask is not None
    assert mask.astype(int).tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_a_folder_for_a_class_is_safe() -> None:
    assert image("a", label="a/b").folder.startswith("a_b-")
    assert image("a").file == "a.png"
