"""What a look into files says: whether they hold masks or pictures of surfaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from flawforge.core.errors import ImageBrokenError
from flawforge.data.mask_pixels import levels_of, mask_pixels
from flawforge.data.regions import FEW_LEVELS, NOISE
from flawforge.data.threads import in_threads

LOOKS = 8  # files of a kind that are looked into
CLEAN = 0.97  # share of the pixels near the darkest or the brightest level, from which on a blurred picture is a mask
Look = Literal["mask", "picture", "even", "unreadable"]


def look_into(root: Path, files: Sequence[str]) -> Literal["masks", "pictures", "nothing"]:
    """Look into a few of many files; ``nothing`` where each of them has one level alone, or none can be read."""
    steps = np.linspace(0, len(files) - 1, min(LOOKS, len(files))).astype(int)
    seen = Counter(in_threads(lambda step: look(root / files[step]), steps.tolist()))
    if seen["picture"] * 4 > seen["mask"] and seen["picture"]:
        return "pictures"
    return "masks" if seen["mask"] else "nothing"


def look(path: Path) -> Look:
    """Look into one file. A mask has few levels, or JPEG or smoothing has blurred two; ``even`` has one level."""
    try:
        pixels = mask_pixels(path)
    except ImageBrokenError:
        return "unreadable"
    levels, counts = levels_of(pixels)
    low, high = int(levels[0]), int(levels[-1])
    lossy = path.suffix.lower() in (".jpg", ".jpeg")
    if len(levels) == 1 or (lossy and high - low < NOISE // 4):
        return "even"
    if len(levels) <= FEW_LEVELS:
        return "mask"
    near = counts[(levels < low + NOISE // 2) | (levels > high - NOISE // 2)].sum()
    return "mask" if 2 * NOISE <= high - low <= 255 and near >= CLEAN * pixels.size else "picture"


def have_two_levels(root: Path, files: Sequence[str]) -> bool:
    """Whether each of a few of many files has two levels and no more; the first that has not ends the look."""
    steps = np.linspace(0, len(files) - 1, min(LOOKS, len(files))).astype(int)
    try:
        return all(len(levels_of(mask_pixels(root / files[step]))[0]) == 2 for step in steps.tolist())
    except ImageBrokenError:
        return False
