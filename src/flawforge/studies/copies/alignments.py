"""Alignment: each generated image beside the training image that it agrees with best, and what follows for the set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from flawforge.core.arrays import Floats, Floats32, Ints
from flawforge.core.images import Pixels, to_gray
from flawforge.core.progress import Progress
from flawforge.metrics.copying.copy_score import BestAlignments
from flawforge.metrics.copying.normalised_texture import SYMMETRIES
from flawforge.runs.copying import Alignment, Copying
from flawforge.studies.copies.search import ALARM, BLOCK, CopySearch, blocks, copied, detectable, lowest_copy
from flawforge.studies.copies.sentences import audit_sentence, verdict
from flawforge.studies.sets import MatchedImages

IMAGE_RATE = 0.01  # false-alarm rate of `image_threshold`


@dataclass(frozen=True)
class Alignments:
    """What `find_copies` found for each generated image, in the manifest's order.

    Attributes:
        found: the best alignment; None where there was nothing to align with.
        scores: (N,) copy scores.
    """

    found: list[Alignment | None]
    scores: Floats


def find_copies(
    matched: MatchedImages, groups: Ints, exact: list[int], device: torch.device, progress: Progress
) -> tuple[Copying, Alignments]:
    """Score every generated image against the training images, and judge.

    Args:
        matched: both sides.
        groups: (N,) groups of the training images.
        exact: generated images known to repeat a training image in every pixel: copies whatever their score.
        device: where to compute.
        progress: where to tell how far it is.
    """
    search = CopySearch(lambda index: gray(matched, matched.training.read(index)), groups, device, progress)
    scale = search.scale()
    parts = []
    count = len(matched.entries)
    with progress.task("looking for disguised copies", count, "images") as task:
        for grays in blocks(lambda index: gray(matched, matched.read_generated(index)), range(count), BLOCK):
            parts.append(search.look(grays, None, task))
    copies = BestAlignments(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    p, rank, called = np.ones(count), np.ones(count), np.zeros(count, dtype=bool)
    called[exact] = True
    threshold = image_threshold = float("inf")
    planted = recovered = 0
    if scale is not None:
        p, which = copied(scale, copies.scores)
        rank = scale.rank(copies.scores)
        called[which] = True
        threshold = lowest_copy(scale, count)
        image_threshold = scale.threshold(IMAGE_RATE)
        planted, recovered = search.recovered(threshold)
    share = detectable(count, planted, recovered)
    number, total = int(called.sum()), scale.groups if scale is not None else 1
    names = [sample.file for sample in matched.training.samples]
    copying = Copying(
        verdict=verdict(count, number, total, share),
        found=number,
        alarm_rate=ALARM,
        threshold=threshold if np.isfinite(threshold) else None,
        image_threshold=image_threshold if np.isfinite(image_threshold) else None,
        real=scale.scores.tolist() if scale is not None else [],
        generated=copies.scores.tolist(),
        groups=total,
        set_aside=search.set_aside,
        planted=planted,
        recovered=recovered,
        detectable=share,
    )
    found = [_likeness(copies, index, names, p[index], rank[index], bool(called[index])) for index in range(count)]
    return copying, Alignments(found, copies.scores)


def audit_outcome(copying: Copying, exact: int) -> str:
    """Return the audit's sentence."""
    count = len(copying.generated)
    return audit_sentence(count, copying.found, exact, copying.groups, copying.detectable, copying.verdict)


def gray(matched: MatchedImages, pixels: Pixels) -> Floats32:
    """Return an image as the network saw it, in gray levels 0..255: (H, W)."""
    seen = matched.seen(pixels)
    plane = to_gray(seen) if seen.ndim == 3 else seen
    return plane.astype(np.float32) * np.float32(255 / matched.training.white)


def describe_placement(matrix: Floats) -> tuple[str, float, tuple[float, float]]:
    """Return how a training image lies on the generated one: symmetry, scale, and shift (right, down) in percent.

    Args:
        matrix: (2, 3) map of places, -1 to 1, of the generated image onto the training image.
    """
    linear, offset = matrix[:, :2], matrix[:, 2]
    transposed = abs(linear[0, 1]) + abs(linear[1, 0]) > abs(linear[0, 0]) + abs(linear[1, 1])
    across, down = (linear[1, 0], linear[0, 1]) if transposed else (linear[0, 0], linear[1, 1])
    symmetry = (across < 0) + 2 * (down < 0) + 4 * int(transposed)
    symmetry = {5: 6, 6: 5}.get(symmetry, symmetry)  # the inverse: a quarter turn back
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


def _likeness(
    copies: BestAlignments, index: int, names: list[str], p: float, rank: float, called: bool
) -> Alignment | None:
    real = int(copies.indices[index])
    if real < 0:
        return None
    symmetry, scale, shift = describe_placement(copies.matrices[index])
    return Alignment(
        file=names[real],
        score=float(copies.scores[index]),
        rank_p=float(rank),
        p=float(p),
        copied=called,
        symmetry=symmetry,
        tilt=tilt(copies.matrices[index]),
        negative=bool(copies.negatives[index]),
        scale=scale,
        shift=shift,
        matrix=copies.matrices[index].flatten().tolist(),
    )
