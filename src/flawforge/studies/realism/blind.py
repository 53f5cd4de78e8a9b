"""The blind test: images that a person judges without knowing, real or generated?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flawforge.core.images import Pixels
from flawforge.core.seeds import numpy_stream
from flawforge.runs.judged.scores import BlindImage
from flawforge.studies.realism.full_size import FullSizeImages
from flawforge.studies.realism.subsets import in_turns
from flawforge.studies.sets import RecordPictures

IMAGES = 20  # of each side, at most
LARGEST = 384  # pixels of a side, at most


def keep_blind(folder: Path, real: FullSizeImages, generated: FullSizeImages, seed: int) -> list[BlindImage]:
    """Keep pictures for a person to judge: up to 20 of each side, mixed, all cut to one size about their middles;
    none of a ground (or specimen) that is shown again before all others were.

    Args:
        folder: below which they go; those of an older score are removed.
        real: the real images.
        generated: the generated ones.
        seed: of their choice and order.
    """
    rng = numpy_stream(seed, "bootstrap", "blind")
    count = min(IMAGES, len(real.groups), len(generated.groups))
    shown: list[tuple[Pixels, tuple[int, int], bool]] = []
    for side, is_real in ((real, True), (generated, False)):
        for row in in_turns(np.arange(len(side.groups)), side.groups, rng)[:count].tolist():
            image = side.read(row)
            middle = (image.shape[0] // 2, image.shape[1] // 2) if side.middle is None else side.middle(row)
            shown.append((image, middle, is_real))
    size = [min(LARGEST, *(image.shape[axis] for image, _, _ in shown)) for axis in (0, 1)]
    pictures, kept = RecordPictures(folder, "records/blind", real.white), []
    for at in rng.permutation(len(shown)).tolist():
        image, middle, is_real = shown[at]
        top, left = (min(max(0, middle[axis] - size[axis] // 2), image.shape[axis] - size[axis]) for axis in (0, 1))
        part = np.ascontiguousarray(image[top : top + size[0], left : left + size[1]])
        kept.append(BlindImage(picture=pictures.keep(part), real=is_real))
    pictures.remove_others()
    return kept
