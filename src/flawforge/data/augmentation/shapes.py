"""New shapes of a class from its few: what lies between two of them.

Both outlines are brought to one size between theirs, and their signed distances are averaged (shape-based
interpolation: Raya & Udupa 1990, "Shape-based interpolation of multidimensional objects"). Together with changes of
size, proportion and elastic bends such shapes come nearer to those of unseen defects than copies do
(`benchmarks/placed_defects.py --shapes`).
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from flawforge.core.arrays import Bools, Floats32

THICK = 3.0  # pixels from the outline to the middle of a shape: between thinner ones nothing is left


def is_thick(shape: Bools) -> bool:
    """Return whether a shape (h, w) is thick enough to be blended."""
    return bool(ndimage.distance_transform_edt(np.pad(shape, 1)).max() >= THICK)


def shape_between(first: Bools, second: Bools, weight: float) -> Bools:
    """Return the shape between two, without empty rows and columns around it; `first` where nothing is left.

    Args:
        first, second: (h, w) and (h', w') bool, cropped to what they mark.
        weight: of the second, 0 to 1.
    """
    sides = zip(first.shape, second.shape, strict=True)
    size = [max(1, round(a ** (1 - weight) * b**weight)) for a, b in sides]
    between = (1 - weight) * _distance(first, size) + weight * _distance(second, size) > 0
    return without_margin(between) if between.any() else first


def without_margin(mask: Bools) -> Bools:
    """Return a mask without empty rows and columns around what it marks."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _distance(shape: Bools, size: list[int]) -> Floats32:
    """Return the signed distance to the outline of a shape brought to a size, above 0 inside."""
    image = Image.fromarray(shape.astype(np.float32)).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    plane = np.pad(np.asarray(image), 1)
    inside = plane >= min(0.5, float(plane.max()))
    both = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    return np.asarray(both[1:-1, 1:-1], dtype=np.float32)
