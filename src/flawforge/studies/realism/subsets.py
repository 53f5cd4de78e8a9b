"""Which images of each set are compared, and whether they are enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.seeds import numpy_stream
from flawforge.studies.sets import HeldOut

LEAST_GROUPS = 12  # in the reference: six a half, so that a ball finds its five neighbours
LEAST_IMAGES = 12  # generated ones


@dataclass(frozen=True)
class Chosen:
    """What is compared.

    Attributes:
        reference: rows of `HeldOut`.
        generated: rows of the synthetic set, in the reference's proportions of classes, and at least one of each.
        classes: the compared classes; empty when the generated images' classes are not the real ones'.
        notes: what was left out and why, a sentence each.
    """

    reference: Ints
    generated: Ints
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def choose(real: HeldOut, generated: list[str], seed: int) -> Chosen:
    """Choose the images to compare.

    The classes that both sets have are compared. A generator that was trained on several classes as one mixture gives
    images of no class; they are compared with all real ones.

    Args:
        real: the real images.
        generated: class of each generated image.
        seed: of the draw that brings the generated classes into the real proportions.
    """
    labels, made = real.labels(real.reference), np.array(generated, dtype=np.str_)
    shared = sorted(set(labels.tolist()) & set(generated))
    if not shared:
        notes = []
        if len(set(labels.tolist())) > 1:
            notes.append("The generated images carry no class, so they are compared with all real classes as one set.")
        return Chosen(real.reference, np.arange(len(made)), (), tuple(notes))
    notes = []
    if missing := sorted(set(labels.tolist()) - set(shared)):
        notes.append(f"Classes without generated images are left out: {', '.join(missing)}.")
    reference = real.reference[np.isin(labels, shared)]
    kept = labels[np.isin(labels, shared)]
    wanted = np.array([(kept == label).mean() for label in shared])
    there = np.array([(made == label).sum() for label in shared])
    size = int((there / wanted).min())
    rows = [
        numpy_stream(seed, "bootstrap", "proportions", label).permutation(np.flatnonzero(made == label))[
            : max(1, count)
        ]
        for label, count in zip(shared, np.floor(wanted * size + 1e-9).astype(int), strict=True)
    ]
    chosen = np.sort(np.concatenate(rows))
    if len(chosen) < len(made):
        notes.append(
            f"{len(chosen):,} of the {len(made):,} generated images are compared: as many of each class as bring them "
            f"into the real proportions. Class by class all of them are compared."
        )
    return Chosen(reference, chosen, tuple(shared), tuple(notes))


def too_few(real: HeldOut, chosen: Chosen) -> str:
    """Return why the images do not suffice for any number, or an empty string."""
    groups, sizes = np.unique(real.groups[chosen.reference], return_counts=True)
    if len(groups) < LEAST_GROUPS:
        return (
            f"there are {len(groups)} different pieces of real material to compare with; it takes {LEAST_GROUPS} or "
            f"more, so that two halves of them can be the scale"
        )
    if len(chosen.generated) < LEAST_IMAGES:
        return f"there are {len(chosen.generated)} generated images to compare; it takes {LEAST_IMAGES} or more"
    if sizes.sum() <= LEAST_IMAGES:
        return f"there are {sizes.sum()} real images to compare with; it takes {LEAST_IMAGES + 1} or more"
    if sizes.sum() - sizes.max() < LEAST_IMAGES:
        return f"all but {sizes.sum() - sizes.max()} of the real images show one piece of material"
    return ""
