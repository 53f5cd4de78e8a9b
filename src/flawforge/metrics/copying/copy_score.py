"""The copy score: how much of an image agrees with one other image, however it was altered.

Placed by correlation over all shifts, eight symmetries, six sizes and small turns, as it is or as a negative, refined
to an affine map, and judged by how much better the two agree there than a few pixels beside
(`flawforge.metrics.copying.alignment.margin`). It does not change with brightness and contrast, and little with noise,
compression, shifts, crops and turns of up to 15 degrees. By itself it is no
verdict: `flawforge.metrics.copying.calibration` says how often an image that is no copy scores as high.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Bools, Floats, Ints
from flawforge.metrics.copying.alignment import align, margin
from flawforge.metrics.copying.placement import Placements, TextureSpectra, place

HYPOTHESES = 6  # placements of a query that are refined
JUDGED = 2  # of them, those that agree best, are compared with their surroundings
TOGETHER = 8  # queries refined at a time


class BestAlignments(NamedTuple):
    """For each query the reference that it agrees with best.

    Attributes:
        scores: (Q,) float64: Fisher z, about 0 for unlike images, 0.3 and more for copies; -1 where a query had no
            candidate.
        indices: (Q,) int64 into the references; -1 there.
        matrices: (Q, 2, 3) float64 maps of places (x, y), from -1 to 1 over the image, of the query onto the reference.
        negatives: (Q,) whether the query agrees with the reference's negative.
    """

    scores: Floats
    indices: Ints
    matrices: Floats
    negatives: Bools


def copy_scores(
    queries: Tensor,
    references: TextureSpectra,
    candidates: Ints | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> BestAlignments:
    """Return the best alignment of each query.

    Args:
        queries: (Q, 64, 64) from `normalised_textures`.
        references: ``TextureSpectra.of(normalised_textures(images))``.
        candidates: (Q, K) references to try for each query, -1 for none; None tries all, which costs about 1.5 ms a
            pair on one core.
        advance: called with the number of queries done since the last call.
    """
    count = len(references.textures)
    if candidates is None:
        candidates = np.broadcast_to(np.arange(count), (len(queries), count))
    scores, indices = np.full(len(queries), -1.0), np.full(len(queries), -1, dtype=np.int64)
    matrices = np.tile(np.eye(2, 3), (len(queries), 1, 1))
    negatives = np.zeros(len(queries), dtype=bool)
    with torch.inference_mode():
        for start in range(0, len(queries), TOGETHER):
            rows = range(start, min(start + TOGETHER, len(queries)))
            tried = {row: torch.as_tensor(candidates[row][candidates[row] >= 0], device=queries.device) for row in rows}
            placed = {row: place(queries[row], references, own, HYPOTHESES) for row, own in tried.items() if len(own)}
            for row, best in refine_placements(queries, references, placed).items():
                scores[row], indices[row], matrices[row], negatives[row] = best
            advance(len(rows))
    return BestAlignments(scores, indices, matrices, negatives)


def refine_placements(
    queries: Tensor, references: TextureSpectra, placed: dict[int, Placements]
) -> dict[int, tuple[float, int, Floats, bool]]:
    """Refine the placements of some queries together; return the score, reference, map and sign of the best of each."""
    if not placed:
        return {}
    own = torch.cat([torch.full_like(found.indices, row) for row, found in placed.items()])
    which, maps, signs = (torch.cat(parts) for parts in zip(*placed.values(), strict=True))
    shown = queries[own] * signs[:, None, None]
    agreed, refined = align(shown, references.textures[which], maps)
    rows_of = [torch.nonzero(own == row)[:, 0] for row in placed]
    kept = torch.cat([rows[agreed[rows].topk(min(JUDGED, len(rows))).indices] for rows in rows_of])
    own, which, refined, shown, signs = (part[kept] for part in (own, which, refined, shown, signs))
    scores = margin(shown, references.textures[which], refined)
    out: dict[int, tuple[float, int, Floats, bool]] = {}
    for at, row in enumerate(own.tolist()):
        score = float(scores[at])
        if row not in out or score > out[row][0]:
            out[row] = score, int(which[at]), refined[at].double().cpu().numpy(), bool(signs[at] < 0)
    return out
