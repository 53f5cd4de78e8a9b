"""The most and the least realistic generated images, with their pictures."""

from __future__ import annotations

import hashlib

import numpy as np

from flawforge.core.files import explain_os_errors, remove_parts, write_bytes
from flawforge.core.images import encode_png, to_pixels, to_unit
from flawforge.metrics.fidelity.precision_recall import realism
from flawforge.runs.folder import Run
from flawforge.runs.scores import RatedImage
from flawforge.studies.realism.descriptors import DescribedImages
from flawforge.studies.sets import MatchedImages

FOLDER = "score"  # below the run's records


def keep_extremes(
    run: Run, matched: MatchedImages, reference: DescribedImages, generated: DescribedImages, count: int
) -> tuple[list[RatedImage], list[RatedImage]]:
    """Rate every generated image, write pictures of the `count` most and least realistic ones, and return both lists.

    The least realistic comes first in the second list. Pictures of an older score are removed.
    """
    folder = run.records / FOLDER
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_parts(folder)
    scores = realism(reference.features, generated.features, reference.groups)
    order = np.argsort(-scores, kind="stable").tolist()
    count = min(count, len(order) // 2)
    names = set()

    def rated(row: int) -> RatedImage:
        image = matched.seen(matched.read_generated(row))
        if image.dtype != np.uint8:
            image = to_pixels(to_unit(image, matched.training.white))
        data = encode_png(image, "L" if image.ndim == 2 else "RGB")
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.png"
        write_bytes(folder / name, data, durable=False)
        names.add(name)
        entry, score = matched.entries[row], float(scores[row]) if np.isfinite(scores[row]) else None
        return RatedImage(
            file=entry.file, label=entry.label, score=score, picture=f"{run.records.name}/{FOLDER}/{name}"
        )

    best, worst = [rated(row) for row in order[:count]], [rated(row) for row in order[: -count - 1 : -1]]
    for path in folder.glob("*.png"):
        if path.name not in names:
            path.unlink(missing_ok=True)
    return best, worst
