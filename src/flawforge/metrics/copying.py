"""The copy score: how much of an image agrees with one other image, however it was disguised.

Placed by correlation over all shifts, eight symmetries and six sizes, refined to an affine map, and judged by how much
better the two agree there than a few pixels beside (`flawforge.metrics.alignment.margin`). It does not change
with brightness and contrast, and little with noise, compression, shifts, crops and small turns. By itself it is no
verdict: `flawforge.metrics.calibration` says how often an honest image scores as high.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flawforge.metrics.alignment import align, margin
from flawforge.metrics.placement import Spectra, place
from flawforge.metrics.relief import relief

HYPOTHESES = 6  # placements of a query that are refined
JUDGED = 2  # of them, those that agree best, are compared with their surroundings
TOGETHER = 8  # queries refined at a time


class Copies(NamedTuple):
    """For each query the reference that it agrees with best.

    Attributes:
        scores: (Q,) float64: Fisher z, about 0 for unlike images, 0.3 and more for copies; -1 where a query had no
            candidate.
        indices: (Q,) int64 into the references; -1 there.
        matrices: (Q, 2, 3) float64 maps of places (x, y), from -1 to 1 over the image, of the query onto the reference.
    """

    scores: NDArray[np.float64]
    indices: NDArray[np.int64]
    matrices: NDArray[np.float64]


def copy_scores(
    queries: Tensor,
    references: Spectra,
    candidates: NDArray[np.int64] | None = None,
    told: Callable[[int], None] = lambda done: None,
) -> Copies:
    """Return the best alignment of each query.

    Args:
        queries: (Q, 64, 64) reliefs, from `relief`.
        references: ``Spectra.of(relief(images))``.
        candidates: (Q, K) references to try for each query, -1 for none; None tries all, which costs about 1.5 ms a
            pair on one core.
        told: called with the number of queries done since the last call.
    """
    count = len(references.reliefs)
    if candidates is None:
        candidates = np.broadcast_to(np.arange(count), (len(queries), count))
    scores, indices = np.full(len(queries), -1.0), np.full(len(queries), -1, dtype=np.int64)
    matrices = np.tile(np.eye(2, 3), (len(queries), 1, 1))
    with torch.inference_mode():
        for start in range(0, len(queries), TOGETHER):
            rows = range(start, min(start + TOGETHER, len(queries)))
            found = _best(queries, references, candidates, [row for row in rows if (candidates[row] >= 0).any()])
            for row, (score, index, matrix) in found.items():
                scores[row], indices[row], matrices[row] = score, index, matrix
            told(len(rows))
    return Copies(scores, indices, matrices)


def _best(
    queries: Tensor, references: Spectra, candidates: NDArray[np.int64], rows: list[int]
) -> dict[int, tuple[float, int, NDArray[np.float64]]]:
    """Return the score, reference and map of each row, refined together."""
    if not rows:
        return {}
    owners: list[int] = []
    chosen, maps = [], []
    for row in rows:
        tried = torch.as_tensor(candidates[row][candidates[row] >= 0], device=queries.device)
        which, matrices = place(queries[row], references, tried, HYPOTHESES)
        owners += [row] * len(which)
        chosen.append(which)
        maps.append(matrices)
    which = torch.cat(chosen)
    own = torch.tensor(owners, device=queries.device)
    agreed, refined = align(queries[own], references.reliefs[which], torch.cat(maps))
    kept = torch.cat([at[agreed[at].topk(min(JUDGED, len(at))).indices] for at in (_of(own, row) for row in rows)])
    own, which, refined = own[kept], which[kept], refined[kept]
    scores = margin(queries[own], references.reliefs[which], refined)
    out: dict[int, tuple[float, int, NDArray[np.float64]]] = {}
    for at, row in enumerate(own.tolist()):
        score = float(scores[at])
        if row not in out or score > out[row][0]:
            out[row] = (score, int(which[at]), refined[at].double().cpu().numpy())
    return out


def _of(owners: Tensor, row: int) -> Tensor:
    return torch.nonzero(owners == row)[:, 0]


def reliefs(images: Tensor, rows: int = 64) -> Tensor:
    """Return (N, 64, 64) reliefs of (N, H, W) gray images 0..255, `rows` at a time."""
    parts = [relief(images[start : start + rows]) for start in range(0, len(images), rows)]
    return torch.cat(parts) if parts else torch.empty(0, 64, 64)
