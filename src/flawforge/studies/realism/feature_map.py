"""The map of a score: real and generated images by their features in two dimensions.

Principal components of the real images (Jolliffe 2002), onto which the generated ones are laid: a linear map keeps
what lies apart apart by no more than it is, where t-SNE and UMAP would draw groups that are none (and would move every
point with each new set).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Floats, Ints
from flawforge.runs.judged.maps import MapPoint, PointKind

MOST = 500  # images of a kind


@dataclass(frozen=True)
class MappedImages:
    """Images of one kind: (N, D) features, and the class and the file of each."""

    kind: PointKind
    features: Floats
    labels: Sequence[str]
    files: Sequence[str]


def thinned(rows: Ints) -> Ints:
    """Return at most `MOST` of the rows, evenly spread over them."""
    return rows if len(rows) <= MOST else rows[np.linspace(0, len(rows) - 1, MOST).round().astype(np.int64)]


def draw_map(
    training: MappedImages, held_out: MappedImages | None, generated: MappedImages
) -> tuple[list[MapPoint], tuple[float, float]]:
    """Return a point for each image, and the shares of the real images' variance that both axes have.

    Args:
        training: what the generator was trained on, two images or more.
        held_out: further real images, or None.
        generated: images to look at.
    """
    kinds = [part for part in (training, held_out, generated) if part is not None and len(part.files)]
    real = np.concatenate([part.features for part in kinds if part.kind != "generated"])
    centre = real.mean(0)
    _, spread, axes = np.linalg.svd(real - centre, full_matrices=False)
    axes = axes[:2] * np.sign(axes[:2, np.abs(axes[:2]).argmax(1)].diagonal())[:, None]  # else signs are by chance
    variance = spread**2 / max(float((spread**2).sum()), 1e-12)
    nearest = {part.kind: _nearest(part, training) for part in kinds}
    unit = float(np.median(nearest["held-out" if "held-out" in nearest else "training"][1])) or 1.0
    points = []
    for part in kinds:
        places, (rows, distances) = (part.features - centre) @ axes.T, nearest[part.kind]
        for index, (label, file) in enumerate(zip(part.labels, part.files, strict=True)):
            x, y = (round(float(value), 5) for value in places[index])
            points.append(
                MapPoint(
                    kind=part.kind,
                    label=label,
                    file=file,
                    x=x,
                    y=y,
                    nearest=training.files[rows[index]],
                    distance=round(float(distances[index]) / unit, 4),
                )
            )
    return points, (float(variance[0]), float(variance[1]))


def _nearest(part: MappedImages, training: MappedImages) -> tuple[Ints, Floats]:
    """Return the row of the nearest training image of each image, and its distance; of a training image another's."""
    squares = (
        (part.features**2).sum(1)[:, None] + (training.features**2).sum(1) - 2 * part.features @ training.features.T
    )
    if part is training:
        np.fill_diagonal(squares, np.inf)
    rows = squares.argmin(1)
    return rows, np.sqrt(np.maximum(squares[np.arange(len(rows)), rows], 0))
