"""The most and the least realistic generated images, with their pictures."""

from __future__ import annotations

import hashlib

import numpy as np

from flawforge.core.files import explain_os_errors, remove_parts, write_bytes
from flawforge.core.images import encode_png, to_pixels, to_unit
from flawforge.metrics.fidelity.precision_recall import realism
from flawforge.runs.folder import Run
from flawforge.runs.scores import Realism
from flawforge.studies.realism.comparison import Cast
from flawforge.studies.realism.descriptors import Described
from flawforge.studies.sets import MatchedImages

FOLDER = "score"  # below the run's records


def ranked_realism(matched: MatchedImages, cast: Cast, generated: Described) -> list[Realism]:
    """Return every generated image with its realism score, the most realistic first."""
    scores = realism(cast.reference.features, generated.features, cast.groups)
    order = np.argsort(-scores, kind="stable")
    return [
        Realism(
            file=matched.entries[row].file,
            label=matched.entries[row].label,
            score=float(scores[row]) if np.isfinite(scores[row]) else None,
        )
        for row in order
    ]


def keep_realism(
    run: Run, matched: MatchedImages, ranked: list[Realism], count: int
) -> tuple[list[Realism], list[Realism]]:
    """Write pictures of the first and the last `count` images at most, and return them, the worst first in the second.

    Pictures of an older score are removed.
    """
    folder = run.records / FOLDER
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        remove_parts(folder)
    count = min(count, len(ranked) // 2)
    places = {entry.file: place for place, entry in enumerate(matched.entries)}
    named = set()

    def keep(one: Realism) -> Realism:
        image = matched.seen(matched.read_generated(places[one.file]))
        if image.dtype != np.uint8:
            image = to_pixels(to_unit(image, matched.training.white))
        data = encode_png(image, "L" if image.ndim == 2 else "RGB")
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.png"
        write_bytes(folder / name, data, durable=False)
        named.add(name)
        return one.model_copy(update={"picture": f"{run.records.name}/{FOLDER}/{name}"})

    best = [keep(one) for one in ranked[:count]]
    worst = [keep(one) for one in reversed(ranked[len(ranked) - count :])]
    for path in folder.glob("*.png"):
        if path.name not in named:
            path.unlink(missing_ok=True)
    return best, worst
