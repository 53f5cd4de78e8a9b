"""The pictures of the nearest pairs, as they were compared."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as nd

from flawforge.core.images import Pixels
from flawforge.runs.records import Pair
from flawforge.studies.sets import MatchedImages, RecordPictures, flip_pixels


def keep_pictures(pictures: RecordPictures, matched: MatchedImages, pairs: list[Pair], count: int) -> list[Pair]:
    """Write pictures of the first `count` pairs and return all pairs, those with the paths.

    The pictures have the network's size and channels; training images are flipped as they were compared.
    """
    generated = {entry.file: index for index, entry in enumerate(matched.entries)}
    real = {sample.file: index for index, sample in enumerate(matched.training.samples)}

    def training(file: str) -> Pixels:
        return matched.seen(matched.training.read(real[file]))

    kept = []
    for pair in pairs[:count]:
        picture = pictures.keep(matched.seen(matched.read_generated(generated[pair.file])))
        neighbours = [
            near.model_copy(update={"picture": pictures.keep(flip_pixels(training(near.file), near.transform))})
            for near in pair.neighbours
        ]
        likeness = pair.likeness
        if likeness is not None:
            aligned = pictures.keep(align_picture(training(likeness.file), likeness.matrix))
            likeness = likeness.model_copy(update={"picture": aligned})
        kept.append(pair.model_copy(update={"picture": picture, "neighbours": neighbours, "likeness": likeness}))
    return kept + pairs[count:]


def align_picture(image: Pixels, matrix: list[float]) -> Pixels:
    """Return a training image laid onto the generated one, of its own size; what lies beyond its edge is black.

    Args:
        image: (H, W) or (H, W, 3).
        matrix: six numbers, as `Alignment.matrix`.
    """
    height, width = image.shape[:2]
    y, x = (2 * (np.arange(side) + 0.5) / side - 1 for side in (height, width))
    a, b, c, d, e, f = matrix
    across = ((a * x[None] + b * y[:, None] + c) + 1) * width / 2 - 0.5
    down = ((d * x[None] + e * y[:, None] + f) + 1) * height / 2 - 0.5
    planes = np.moveaxis(np.atleast_3d(image).astype(np.float32), 2, 0)
    laid = np.stack(
        [nd.map_coordinates(plane, [down, across], order=1, mode="grid-constant") for plane in planes], axis=-1
    )
    out: Pixels = np.rint(laid).astype(image.dtype).reshape(image.shape)
    return out
