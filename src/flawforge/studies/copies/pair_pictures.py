"""Pictures of generated images beside the training images that they repeat, as the audit's record keeps them."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as nd

from flawforge.core.images import Pixels
from flawforge.data.grouping.registration import turned
from flawforge.metrics.copying.normalised_texture import SYMMETRIES
from flawforge.runs.judged.audits import CopiedDefect, Pair
from flawforge.studies.sets import MatchedImages, RecordPictures, flip_pixels


def keep_pictures(pictures: RecordPictures, matched: MatchedImages, pairs: list[Pair], count: int) -> list[Pair]:
    """Write pictures of the first `count` pairs and return all pairs, those with the paths.

    The pictures have the network's size and channels; training images are flipped as they were compared. Those of
    patches have the size at which details are compared.
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
        patch = pair.patch
        if patch is not None:
            seen = matched.detailed(matched.read_generated(generated[pair.file]))
            source = matched.detailed(matched.training.read(real[patch.file]))
            where = {"picture": pictures.keep(seen), "source_picture": pictures.keep(source)}
            patch = patch.model_copy(update=where)
        changed = {"picture": picture, "neighbours": neighbours, "likeness": likeness, "patch": patch}
        kept.append(pair.model_copy(update=changed))
    return kept + pairs[count:]


def keep_windows(
    pictures: RecordPictures, matched: MatchedImages, found: list[CopiedDefect], count: int
) -> list[CopiedDefect]:
    """Write pictures of the first `count` copied defects, both images and both windows at their own size, and return
    all, those with the paths.
    """
    generated = {entry.file: index for index, entry in enumerate(matched.entries)}
    real = {sample.file: index for index, sample in enumerate(matched.training.samples)}
    kept = []
    for one in found[:count]:
        made = matched.stored(matched.read_generated(generated[one.file]))
        source = matched.stored(matched.training.read(real[one.source]))
        alike = turned(_window(source, one.source_box), SYMMETRIES.index(one.symmetry))
        shown = {"picture": made, "source_picture": source, "window": _window(made, one.box), "source_window": alike}
        kept.append(one.model_copy(update={name: pictures.keep(pixels) for name, pixels in shown.items()}))
    return kept + found[count:]


def _window(image: Pixels, box: tuple[float, float, float, float]) -> Pixels:
    """Return a window of an image (H, W, ...), from its left, top, width and height in percent."""
    left, top, width, height = (
        round(share * side / 100) for share, side in zip(box, 2 * image.shape[1::-1], strict=True)
    )
    return image[top : top + height, left : left + width]


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
