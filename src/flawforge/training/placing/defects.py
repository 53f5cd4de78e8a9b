"""The defects that can be cut out of a class's training images, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from flawforge.data.augmentation.pasting import Defect, cut_defects
from flawforge.data.augmentation.positions import Ground, Occurrence
from flawforge.data.dataset import Dataset
from flawforge.data.sampling.material import Material

LARGEST_SHARE = 0.5  # of an image: a defect that fills more has no ground to be told from
GAP = 0.05  # of the shorter side: marks that lie nearer to each other are one defect, as a cluster of pits is


@dataclass(frozen=True)
class Shot:
    """A training image with defects that can be cut out: its row, the defects (the largest first), where each lies."""

    row: int
    defects: list[Defect]
    occurrences: list[Occurrence]

    @cached_property
    def shares(self) -> list[float]:
        """How often each of its defects is taken: by the root of its area, so that specks are rare."""
        roots = np.sqrt([defect.mask.sum() for defect in self.defects])
        shares: list[float] = (roots / roots.sum()).tolist()
        return shares


def find_shots(material: Material, label: str) -> list[Shot]:
    """Return the training images of a class whose marked defects can be cut out."""
    found = []
    for row in material.rows(label):
        if not marks_of(material.training, row):
            continue
        marked = material.training.mask(row, label)
        if not 0 < marked.mean() <= LARGEST_SHARE:
            continue
        pixels = material[row].pixels
        ground, defects = Ground(pixels), cut_defects(pixels, marked, round(GAP * min(marked.shape)))
        if defects:
            found.append(Shot(row, defects, [Occurrence.of(defect.mask, ground) for defect in defects]))
    return found


def marks_of(data: Dataset, row: int) -> bool:
    """Say whether the labels of an image say where its own class's defects are."""
    sample = data.samples[row]
    return any(mark.label in ("", sample.label) for mark in sample.marks)
