"""Which images of each set are compared, and whether they are enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.plural import plural
from flawforge.core.seeds import numpy_stream
from flawforge.studies.sets import HeldOut

ENOUGH_GROUPS = 12  # in the reference: six in each half, so that every image has five neighbours of other groups
GROUPS_OF_HALF = ENOUGH_GROUPS // 2
ENOUGH_IMAGES = 12  # generated ones


@dataclass(frozen=True)
class ComparedRows:
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


def choose_rows(real: HeldOut, generated: list[str], seed: int) -> ComparedRows:
    """Choose the images to compare.

    The classes that both sets have are compared. A generator that was trained on several classes as one mixture gives
    images of no class; they are compared with all real ones.

    Args:
        real: the real images.
        generated: class of each generated image.
        seed: of the draw that brings the generated classes into the real proportions.
    """
    labels, labels_generated = real.labels(real.reference), np.array(generated, dtype=np.str_)
    shared = sorted(set(labels.tolist()) & set(generated))
    if not shared:
        notes = []
        if len(set(labels.tolist())) > 1:
            own = sorted(set(generated))
            theirs = f" (theirs: {', '.join(own)})" if len(own) > 1 else ""
            notes.append(
                f"The generated images have no class of the real ones{theirs}, so they are compared with real images "
                f"of all classes."
            )
        return ComparedRows(real.reference, np.arange(len(generated)), (), tuple(notes))
    notes = []
    if missing := sorted(set(labels.tolist()) - set(shared)):
        notes.append(f"Classes without generated images were left out: {_named(missing)}.")
    of_shared = int(np.isin(labels_generated, shared).sum())
    if unknown := sorted(set(generated) - set(shared)):
        notes.append(
            f"{len(generated) - of_shared:,} of the {len(generated):,} generated images were left out, as no real "
            f"image has their class: {_named(unknown)}."
        )
    reference = real.reference[np.isin(labels, shared)]
    kept = labels[np.isin(labels, shared)]
    wanted = np.array([(kept == label).mean() for label in shared])
    available = np.array([(labels_generated == label).sum() for label in shared])
    size = int((available / wanted).min())
    rows = [
        numpy_stream(seed, "bootstrap", "proportions", label).permutation(np.flatnonzero(labels_generated == label))[
            : max(1, count)
        ]
        for label, count in zip(shared, np.floor(wanted * size + 1e-9).astype(int), strict=True)
    ]
    chosen = np.sort(np.concatenate(rows))
    if len(chosen) < of_shared:
        notes.append(
            f"{len(chosen):,} of the {'other ' * bool(unknown)}{of_shared:,} generated images are compared, so that "
            f"the classes have the same proportions as in the real images. The numbers per class use all of them."
        )
    return ComparedRows(reference, chosen, tuple(shared), tuple(notes))


def _named(labels: list[str]) -> str:
    return ", ".join(label or "those without a class" for label in labels)


def too_few(real: HeldOut, chosen: ComparedRows) -> str:
    """Return why the images do not suffice for any number, or an empty string."""
    groups, sizes = np.unique(real.groups[chosen.reference], return_counts=True)
    if len(groups) < ENOUGH_GROUPS:
        return (
            f"there are real images of only {plural(len(groups), 'specimen')} to compare with, and at least "
            f"{ENOUGH_GROUPS} are needed, in {ENOUGH_IMAGES + 1} images, so that one half of them can be compared with "
            f"the other"
        )
    if len(chosen.generated) < ENOUGH_IMAGES:
        are = (
            "is only 1 generated image"
            if len(chosen.generated) == 1
            else f"are only {len(chosen.generated)} generated images"
        )
        return f"there {are}, and at least {ENOUGH_IMAGES} are needed"
    if sizes.sum() <= ENOUGH_IMAGES:
        return f"there are only {sizes.sum()} real images to compare with, and at least {ENOUGH_IMAGES + 1} are needed"
    if sizes.sum() - sizes.max() < ENOUGH_IMAGES:
        return f"all but {sizes.sum() - sizes.max()} of the real images show the same specimen"
    return ""


def draw_rows(rows: Ints, groups: Ints, size: int, rng: np.random.Generator) -> Ints:
    """Return `size` of the rows at most, ascending, at random; of `GROUPS_OF_HALF` groups at least, if they have them.

    Where chance takes too few groups, as it does where one holds nearly all rows, one row each of others comes first.
    """
    order = rng.permutation(rows)
    kept = order[:size]
    if np.unique(groups[kept]).size < GROUPS_OF_HALF:
        first = np.sort(np.unique(groups[order], return_index=True)[1])[:GROUPS_OF_HALF]
        kept = np.concatenate([order[first], np.delete(order, first)])[:size]
    return np.sort(kept)


def in_turns(rows: Ints, groups: Ints, rng: np.random.Generator) -> Ints:
    """Return the rows in a random order in which each group comes once before any comes again.

    Args:
        rows: (N,) to order. groups: by row. rng: of the order.
    """
    order = rng.permutation(rows)
    _, member = np.unique(groups[order], return_inverse=True)
    together = np.argsort(member, kind="stable")
    times = np.empty(len(order), dtype=np.int64)
    times[together] = np.arange(len(order)) - np.searchsorted(member[together], member[together])
    found: Ints = order[np.argsort(times, kind="stable")]
    return found
