"""Which images of unlike mixes of classes can be compared, so that a class is not taken for a copy of another.

A class whose images lie close together is nearer to training than one whose images differ. Training takes as many of
each class (``--shots``), a synthetic set holds as many of each, and held-out images are what is left: three mixes. So
images are compared within each class.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flawforge.core.seeds import numpy_stream
from flawforge.metrics.memorization import Classes

Names = NDArray[np.str_]
Labels = tuple[Names, Names, Names]  # the classes of training, held-out and generated images
Ints = NDArray[np.int64]
LEAST = 10  # real images that a test needs, training ones and held-out ones
LEAST_MADE = 2  # generated ones


class Comparable(NamedTuple):
    """What can be compared.

    Attributes:
        held: rows of the held-out images.
        made: rows of the generated ones.
        classes: class numbers of all training images, `held` and `made`; None takes them for one class.
        real: the same, where only training and held-out images are compared with each other.
        words: what to add to the numbers of images.
        why: why nothing can be compared, or an empty string.
    """

    held: Ints
    made: Ints
    classes: Classes | None
    real: Classes | None
    words: str
    why: str


def comparable(labels: Labels) -> Comparable:
    """Choose the images of those classes that training, held-out and generated images all have.

    Where the generated images carry no class of the real ones (a generator that learnt several as one mixture), all are
    taken, and the held-out ones must have the classes as often as training (`as_learnt`).
    """
    learnt, there, own = labels
    known = np.unique(np.concatenate([learnt, there]))
    codes = [np.searchsorted(known, side) for side in (learnt, there)]
    if not np.isin(own, known).any():
        every = np.zeros(len(own), dtype=np.int64)
        words = ", which carry no class; the held-out ones keep training's mix of classes" if len(known) > 1 else ""
        why = _too_few(len(learnt), len(there), len(own))
        return Comparable(np.arange(len(there)), np.arange(len(own)), None, (codes[0], codes[1], every), words, why)
    shared = np.intersect1d(np.intersect1d(there, own), learnt)
    held, made = (np.flatnonzero(np.isin(side, shared)) for side in (there, own))
    classes = (codes[0], codes[1][held], np.searchsorted(known, own[made]))
    why = _too_few(int(np.isin(learnt, shared).sum()), len(held), len(made))
    words = "" if why else _words(known, shared, labels, held, made)
    return Comparable(held, made, classes, classes, words, why)


def as_learnt(held: Names, learnt: Names) -> Ints:
    """Return as many rows of held-out images as show the classes as often as the training images do, ascending.

    Args:
        held: (H,) classes of held-out images.
        learnt: (N,) classes of all training images.

    Returns:
        The rows; none where a class of training is not among the held-out images.
    """
    labels, counts = np.unique(learnt, return_counts=True)
    rows = [np.flatnonzero(held == label) for label in labels]
    size = min(len(own) / count for own, count in zip(rows, counts, strict=True))
    taken = [
        numpy_stream(0, "bootstrap", "as learnt", str(label)).permutation(own)[: int(size * count + 1e-9)]
        for label, own, count in zip(labels, rows, counts, strict=True)
    ]
    return np.sort(np.concatenate(taken))


def _too_few(learnt: int, held: int, made: int) -> str:
    if not held:
        return "training, held-out and generated images have no class in common"
    if held < LEAST:
        which = f"held-out image{'s' * (held != 1)} of the generated classes"
        return f"only {held} independent {which}; {LEAST} are needed"
    if learnt < LEAST:
        which = f"training image{'s' * (learnt != 1)} of the generated classes"
        return f"only {learnt} independent {which}; {LEAST} are needed"
    if made < LEAST_MADE:
        return f"only {made} generated image to compare with held-out ones; {LEAST_MADE} are needed"
    return ""


def _words(known: Names, shared: Names, labels: Labels, held: Ints, made: Ints) -> str:
    if len(known) < 2:
        return ""
    how = f", compared within each of {len(shared)} classes" if len(shared) > 1 else f", all of class {shared[0]}"
    left = [
        f"{len(side) - len(rows)} {what}"
        for side, rows, what in ((labels[1], held, "held-out"), (labels[2], made, "generated"))
        if len(rows) < len(side)
    ]
    return how + (f"; {' and '.join(left)} images of other classes left out" if left else "")
