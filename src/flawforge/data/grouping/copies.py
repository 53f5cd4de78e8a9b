"""Copies by their names: Roboflow turns, mirrors and darkens an image, and calls each copy after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.data.grouping.overlap import connected

# dent_12_jpg.rf.0f3e...c1.jpg, the last part but one drawn by lot
COPY = re.compile(r"(.+?)(?:[_.](?:jpe?g|png|bmp|tiff?|webp))?\.rf\.[0-9A-Za-z]{8,}\.\w+", re.IGNORECASE)


def join_copies(groups: Ints, files: Sequence[str]) -> Ints:
    """Return (N,) group numbers, 0..G-1 by first appearance, with the copies of an image in one group.

    Copies lie in one folder, because Roboflow copies what it has split.

    Args:
        groups: (N,) group numbers that other signs gave.
        files: the images, as paths below the root.
    """
    first: dict[tuple[str, ...], int] = {}
    pairs = []
    for number, file in enumerate(files):
        path = PurePosixPath(file)
        match = COPY.fullmatch(path.name)
        origin = first.setdefault((str(path.parent), match[1].casefold()), number) if match else number
        pairs += [(origin, number)] if origin != number else []
        pairs.append((first.setdefault((f"{groups[number]}",), number), number))
    return connected(np.array(pairs, dtype=np.int64).reshape(-1, 2), len(files))
