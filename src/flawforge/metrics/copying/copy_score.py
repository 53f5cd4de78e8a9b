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
from torch.nn import functional as F

from flawforge.core.arrays import Bools, Floats, Ints
from flawforge.metrics.copying.alignment import align, margin
from flawforge.metrics.copying.normalised_texture import SIDE
from flawforge.metrics.copying.placement import GRID, Placements, TextureSpectra, place_queries

HYPOTHESES = 6  # placements of a query that are refined at half the texture's size, in 6 steps ...
FINE = 3  # ... of them, those that agree best then, at full size, in 4 ...
JUDGED = 2  # ... and of these the best are compared with their surroundings
STEPS = (6, 4)
PLACED = 64  # queries placed at a time, for many share their references
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
    views: Ints | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> BestAlignments:
    """Return the best alignment of each query.

    Args:
        queries: (Q, 64, 64) from `normalised_textures`.
        references: ``TextureSpectra.of(normalised_textures(images))``.
        views: (Q, K) what to try for each query: 8 times the index of a reference, plus the symmetry that the query is
            put through; -1 for none. None tries all of both.
        advance: called with the number of queries done since the last call.
    """
    if views is None:
        views = np.tile(np.arange(8 * len(references.textures)), (len(queries), 1))
    scores, indices = np.full(len(queries), -1.0), np.full(len(queries), -1, dtype=np.int64)
    matrices = np.tile(np.eye(2, 3), (len(queries), 1, 1))
    negatives = np.zeros(len(queries), dtype=bool)
    shown = np.flatnonzero((views >= 0).any(1))
    advance(len(queries) - len(shown))
    with torch.inference_mode():
        for start in range(0, len(shown), PLACED):
            rows = shown[start : start + PLACED]
            found = place_queries(
                queries[rows], references, torch.as_tensor(views[rows], device=queries.device), HYPOTHESES
            )
            placed = list(zip(rows.tolist(), found, strict=True))
            for part in (dict(placed[at : at + TOGETHER]) for at in range(0, len(placed), TOGETHER)):
                for row, best in refine_placements(queries, references, part).items():
                    scores[row], indices[row], matrices[row], negatives[row] = best
                advance(len(part))
    return BestAlignments(scores, indices, matrices, negatives)


def refine_placements(
    queries: Tensor, references: TextureSpectra, placed: dict[int, Placements]
) -> dict[int, tuple[float, int, Floats, bool]]:
    """Refine the placements of some queries together; return the score, reference, map and sign of the best of each."""
    own = torch.cat([torch.full_like(found.indices, row) for row, found in placed.items()])
    which, maps, signs = (torch.cat(parts) for parts in zip(*placed.values(), strict=True))
    for side, steps, most in ((GRID, STEPS[0], FINE), (SIDE, STEPS[1], JUDGED)):
        shown, onto = (F.adaptive_avg_pool2d(part, side) for part in (queries[own], references.textures[which]))
        agreed, maps = align(shown * signs[:, None, None], onto, maps, steps)
        rows_of = [torch.nonzero(own == row)[:, 0] for row in placed]
        kept = torch.cat([rows[agreed[rows].topk(min(most, len(rows))).indices] for rows in rows_of])
        own, which, signs, maps = (part[kept] for part in (own, which, signs, maps))
    scores = margin(queries[own] * signs[:, None, None], references.textures[which], maps)
    out: dict[int, tuple[float, int, Floats, bool]] = {}
    for at, row in enumerate(own.tolist()):
        score = float(scores[at])
        if row not in out or score > out[row][0]:
            out[row] = score, int(which[at]), maps[at].double().cpu().numpy(), bool(signs[at] < 0)
    return out
