"""Each generated image beside the training image that it agrees with best, and what follows for the set."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch

from flawforge.core.arrays import Floats, Ints
from flawforge.core.progress import Progress
from flawforge.metrics.copying.calibration import NullScale
from flawforge.metrics.copying.copy_score import BestAlignments
from flawforge.metrics.copying.normalised_texture import INVERSE, SYMMETRIES
from flawforge.runs.judged.audits import Alignment, Copying
from flawforge.studies.copies.search import BLOCK, CopySearch, blocks, copied, outcome_of
from flawforge.studies.sets import MatchedImages

LOOKED_AT = 512  # images that are aligned at a time, the likest one training image first, until none is a copy


def find_copies(
    matched: MatchedImages,
    groups: Ints,
    exact: list[int],
    declared: list[Ints],
    device: torch.device,
    progress: Progress,
    *,
    thorough: bool = False,
) -> tuple[Copying, list[Alignment | None]]:
    """Score every generated image against the training images, and judge the set.

    Args:
        matched: both sides.
        groups: (N,) groups of the training images.
        exact: generated images known to repeat a training image in every pixel: copies whatever their score.
        declared: of each generated image, the training images that it is composed of by design: it is compared with
            the others.
        device: where to compute.
        progress: where to tell how far it is.
        thorough: align all images, however many there are.

    Returns:
        The result, and the best alignment of each generated image; None where there was nothing to align with, or it
        was not looked at.
    """
    search = CopySearch(matched.gray_training, groups, device, progress)
    scale = search.scale()
    count = len(matched.entries)
    looked = LookedAt(search, matched, declared, progress)
    limit = None if thorough or scale is None or count <= LOOKED_AT else looked.likest(scale)
    if limit is None:
        looked.align(np.arange(count))
    best = looked.best
    p, rank, flagged = np.ones(count), np.ones(count), np.zeros(count, dtype=bool)
    flagged[exact] = True
    if scale is not None:
        p, indices = copied(scale, best.scores)
        rank = scale.rank(best.scores)
        flagged[indices] = True
    copying = outcome_of(
        scale,
        best.scores[np.sort(looked.rows)],
        int(flagged.sum()),
        partial(search.recovered, limit=limit),
        search.set_aside,
        of=None if limit is None else count,
    )
    names = [sample.file for sample in matched.training.samples]
    return copying, [_alignment(best, row, names, p[row], rank[row], bool(flagged[row])) for row in range(count)]


class LookedAt:
    """The generated images that were aligned with training images.

    Attributes:
        rows: their indices.
        best: the best alignment of every generated image; score and index are -1 where it was not looked at.
    """

    def __init__(self, search: CopySearch, matched: MatchedImages, declared: list[Ints], progress: Progress) -> None:
        """Begin with none."""
        count = len(matched.entries)
        self._search, self._matched, self._declared, self._progress = search, matched, declared, progress
        self.rows: Ints = np.zeros(0, dtype=np.int64)
        self.best = BestAlignments(
            np.full(count, -1.0),
            np.full(count, -1, dtype=np.int64),
            np.tile(np.eye(2, 3), (count, 1, 1)),
            np.zeros(count, dtype=bool),
        )

    def align(self, rows: Ints) -> None:
        """Align these images."""
        with self._progress.task("looking for altered copies", len(rows), "images") as task:
            for part, grays in self._blocks(rows):
                for values, found in zip(self.best, self._search.look(grays, self._excluded(part), task), strict=True):
                    values[part] = found
        self.rows = np.concatenate([self.rows, rows])

    def likest(self, scale: NullScale) -> float:
        """Align the images that are likest one training image, until of so many none is a copy; return how unlike the
        last of them is.
        """
        unlike = []
        with self._progress.task("choosing images to align", len(self.best.scores), "images") as task:
            for part, grays in self._blocks(np.arange(len(self.best.scores))):
                unlike.append(self._search.unlikeness(grays, self._excluded(part)))
                task.advance(len(part))
        values = np.concatenate(unlike)
        order = np.argsort(values, kind="stable")
        for start in range(0, len(order), LOOKED_AT):
            chosen = order[start : start + LOOKED_AT]
            self.align(chosen)
            if not np.isin(copied(scale, self.best.scores)[1], chosen).any():
                break
        return float(values[self.rows[-1]])

    def _blocks(self, rows: Ints) -> Iterator[tuple[Ints, torch.Tensor]]:
        parts = (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))
        return zip(parts, blocks(self._matched.gray_generated, rows), strict=True)

    def _excluded(self, rows: Ints) -> list[Ints] | None:
        found = [self._declared[row] for row in rows]
        return found if any(len(one) for one in found) else None


def _alignment(
    best: BestAlignments, row: int, names: list[str], p: float, rank: float, copied: bool
) -> Alignment | None:
    real, matrix = int(best.indices[row]), best.matrices[row]
    if real < 0:
        return None
    symmetry, scale, shift = describe_placement(matrix)
    return Alignment(
        file=names[real],
        score=float(best.scores[row]),
        rank_p=float(rank),
        p=float(p),
        copied=copied,
        symmetry=symmetry,
        tilt=tilt(matrix),
        negative=bool(best.negatives[row]),
        scale=scale,
        shift=shift,
        matrix=matrix.flatten().tolist(),
    )


def describe_placement(matrix: Floats) -> tuple[str, float, tuple[float, float]]:
    """Return how a training image lies on the generated one: symmetry, scale, and shift (right, down) in percent.

    Args:
        matrix: (2, 3) map of places, -1 to 1, of the generated image onto the training image.
    """
    linear, offset = matrix[:, :2], matrix[:, 2]
    transposed = abs(linear[0, 1]) + abs(linear[1, 0]) > abs(linear[0, 0]) + abs(linear[1, 1])
    across, down = (linear[1, 0], linear[0, 1]) if transposed else (linear[0, 0], linear[1, 1])
    symmetry = (across < 0) + 2 * (down < 0) + 4 * int(transposed)
    symmetry = INVERSE.get(symmetry, symmetry)
    determinant = abs(float(np.linalg.det(linear)))
    if determinant < 1e-6:
        return SYMMETRIES[symmetry], 0.0, (0.0, 0.0)
    middle = -np.linalg.solve(linear, offset) * 50
    return SYMMETRIES[symmetry], determinant**-0.5, (float(middle[0]), float(middle[1]))


def tilt(matrix: Floats) -> float:
    """Return by how many degrees a (2, 3) map turns, beside the nearest of the eight symmetries: 0 to 45."""
    a, b, c, d = np.abs(matrix[:, :2]).flatten()
    straight, crossed = max(a + d, b + c), min(a + d, b + c)
    return float(np.degrees(np.arctan2(crossed, straight)))
