"""The pictures of the nearest pairs, as they were compared."""

from __future__ import annotations

import numpy as np
import scipy.ndimage as nd
from numpy.typing import NDArray

from flawforge.core.files import explain_os_errors, remove_parts, write_bytes
from flawforge.core.images import Pixels, encode_png, to_pixels, to_unit
from flawforge.runs.folder import Run
from flawforge.runs.records import Pair
from flawforge.studies.sets import MatchedImages, flip_pixels

FOLDER = "audit"  # below the run's records


def keep_pictures(run: Run, matched: MatchedImages, pairs: list[Pair], tag: str, count: int) -> list[Pair]:
    """Write pictures of the first `count` pairs and return all pairs, those with the paths.

    The pictures have the network's size and channels; training images are flipped as they were compared. Their names
    start with `tag`, so that a record never shows pictures of another audit.
    """
    folder = run.records / FOLDER
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_parts(folder)
    generated = {entry.file: index for index, entry in enumerate(matched.entries)}
    real = {sample.file: index for index, sample in enumerate(matched.training.samples)}

    def keep(name: str, image: Pixels) -> str:
        write_bytes(folder / name, _eight_bit_png(image, matched.training.white), durable=False)
        return f"{run.records.name}/{FOLDER}/{name}"

    out = []
    for rank, pair in enumerate(pairs[:count]):
        image = matched.seen(matched.read_generated(generated[pair.file]))
        picture = keep(f"{tag}_{rank:03d}_generated.png", image)
        neighbours = []
        for place, neighbour in enumerate(pair.neighbours):
            image = flip_pixels(matched.seen(matched.training.read(real[neighbour.file])), neighbour.transform)
            kept = keep(f"{tag}_{rank:03d}_real_{place + 1}.png", image)
            neighbours.append(neighbour.model_copy(update={"picture": kept}))
        likeness = pair.likeness
        if likeness is not None:
            image = aligned(matched.seen(matched.training.read(real[likeness.file])), likeness.matrix)
            kept = keep(f"{tag}_{rank:03d}_aligned.png", image)
            likeness = likeness.model_copy(update={"picture": kept})
        out.append(pair.model_copy(update={"picture": picture, "neighbours": neighbours, "likeness": likeness}))
    return out + pairs[count:]


def aligned(image: Pixels, matrix: list[float]) -> Pixels:
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
    planes = image[..., None] if image.ndim == 2 else image
    shown = [
        nd.map_coordinates(planes[..., k].astype(np.float32), [down, across], order=1) for k in range(planes.shape[2])
    ]
    out: Pixels = np.rint(np.stack(shown, axis=-1)).astype(image.dtype)
    return out[..., 0] if image.ndim == 2 else out


def clear_pictures(run: Run, pairs: list[Pair]) -> None:
    """Remove the pictures that these pairs do not name: those of an older audit."""
    named = {pair.picture for pair in pairs} | {near.picture for pair in pairs for near in pair.neighbours}
    named |= {pair.likeness.picture for pair in pairs if pair.likeness is not None}
    for path in (run.records / FOLDER).glob("*.png"):
        if f"{run.records.name}/{FOLDER}/{path.name}" not in named:
            path.unlink(missing_ok=True)


def _eight_bit_png(image: Pixels, white: int) -> bytes:
    eight: NDArray[np.unsignedinteger] = image if image.dtype == np.uint8 else to_pixels(to_unit(image, white))
    return encode_png(eight, "L" if eight.ndim == 2 else "RGB")
