"""The most and the least realistic generated images, with their pictures."""

from __future__ import annotations

import numpy as np

from flawforge.metrics.fidelity.precision_recall import realism
from flawforge.runs.folder import Run
from flawforge.runs.scores import RatedImage
from flawforge.studies.realism.descriptors import DescribedImages
from flawforge.studies.sets import MatchedImages, RecordPictures


def keep_extremes(
    run: Run, matched: MatchedImages, reference: DescribedImages, generated: DescribedImages, count: int
) -> tuple[list[RatedImage], list[RatedImage]]:
    """Rate every generated image, write pictures of the `count` most and least realistic ones, and return both lists.

    The least realistic comes first in the second list. Pictures of an older score are removed.
    """
    pictures = RecordPictures(run, "score", matched.training.white)
    scores = realism(reference.features, generated.features, reference.groups)
    order = np.argsort(-scores, kind="stable").tolist()
    count = min(count, len(order) // 2)

    def rated(row: int) -> RatedImage:
        picture = pictures.keep(matched.seen(matched.read_generated(row)))
        entry, score = matched.entries[row], float(scores[row]) if np.isfinite(scores[row]) else None
        return RatedImage(file=entry.file, label=entry.label, score=score, picture=picture)

    best, worst = [rated(row) for row in order[:count]], [rated(row) for row in order[: -count - 1 : -1]]
    pictures.remove_others()
    return best, worst
