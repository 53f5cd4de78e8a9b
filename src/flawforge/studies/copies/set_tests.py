"""The set as a whole: is it diverse, and does it lie nearer to the training images than held-out real ones do?"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from flawforge.core.arrays import Floats, Floats32, Ints
from flawforge.core.images import to_unit
from flawforge.core.plural import plural
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream
from flawforge.data.dataset import Dataset
from flawforge.metrics.copying import memorization
from flawforge.metrics.copying.memorization import Classes, SetTestResult
from flawforge.metrics.fidelity.vendi import clusters, vendi
from flawforge.metrics.inference.multiple_testing import holm
from flawforge.models.extractors import DEFAULT, Extractor, find_extractor
from flawforge.runs.judged.audits import Diversity, SetTest
from flawforge.studies.copies.search import Reader, blocks, spread
from flawforge.studies.copies.sentences import diversity_sentence
from flawforge.studies.sets import MatchedImages, kept_features, pixel_key

FEATURE_SIDE = 128  # pixels at which the network looks
DUPLICATE = 0.5  # of the distance that 1 % of real images have to the next: nearer ones are near-duplicates
IMAGES_COMPARED = 10_000  # of each set, at most: time grows with their square, memory does not
VENDI_IMAGES = 1000  # that the Vendi score is taken of, at most
FEWEST_REAL = 10  # real images that a test needs, training ones and held-out ones
FEWEST_GENERATED = 2

TESTS: tuple[tuple[str, Callable[..., SetTestResult], str], ...] = (
    ("C_T", memorization.data_copying, "probability that a generated image is farther from training than a held-out"),
    ("authenticity", memorization.authenticity, "share not nearer to a training image than training images are"),
    ("DCR share", memorization.closest_record_share, "share nearer to training than to held-out images"),
    ("FID triangle", memorization.frechet_triangle, "Fréchet distance to training, generated less held-out images"),
    ("calibrated distance", memorization.calibrated_distance, "as C_T, with distances relative to the neighbourhood"),
)

Names = NDArray[np.str_]
Labels = tuple[Names, Names, Names]  # the classes of training, held-out and generated images


def measure_set(
    matched: MatchedImages, groups: Ints, unseen: Dataset, device: torch.device, progress: Progress
) -> tuple[Diversity, list[SetTest]]:
    """Measure diversity, and test the set against held-out images, one of each group, where there are any."""
    extractor = find_extractor(DEFAULT, device)

    def described(read: Reader, rows: Ints) -> Floats:
        parts = []
        with progress.task("features", len(rows), "images") as task:
            for grays in blocks(read, rows):
                parts.append(_features(grays, extractor))
                task.advance(len(grays))
        return np.concatenate(parts).astype(np.float64)

    rows = drawn(len(matched.entries), "generated")
    generated = described(matched.gray_generated, rows)
    chosen = spread(groups, min(len(np.unique(groups)), IMAGES_COMPARED))  # one image of each group
    real = described(matched.gray_training, chosen)
    learnt, names = _labels(matched.training), np.array([matched.entries[row].label for row in rows], dtype=np.str_)
    held_rows = drawn(len(unseen), "held-out")
    if not np.isin(names, learnt).any():
        held_rows = held_rows[as_learnt(_labels(unseen)[held_rows], learnt)]
    if not len(held_rows):
        why = "there are no held-out images"
        why += " of every class that the generator learnt" if len(unseen) else ""
        return diversity(generated, real), _not_measured(why)
    held = described(lambda row: matched.gray(unseen.read(row)), held_rows)
    labels = learnt[chosen], _labels(unseen)[held_rows], names
    return diversity(generated, real), compare_with_held_out(real, held, generated, labels)


def _features(grays: torch.Tensor, extractor: Extractor) -> Floats32:
    """Return (n, D) features of (n, H, W) gray images, 0..255: of whole gray levels at this size those of the score."""
    size = (FEATURE_SIDE, FEATURE_SIDE)
    if tuple(grays.shape[1:]) != size:
        grays = F.interpolate(grays[:, None], size, mode="bilinear", antialias=True)[:, 0]
    levels = grays.numpy()
    if (np.rint(levels) == levels).all():
        levels = levels.astype(np.uint8)
    return kept_features(
        lambda: torch.from_numpy(to_unit(levels))[:, None], [pixel_key(x[None], 255) for x in levels], extractor
    )


def drawn(count: int, what: str) -> Ints:
    """Return all indices below `count`, or 10,000 of them, each as likely as any other, ascending.

    The manifest goes class by class, so that its first 10,000 images would be of the first classes alone.
    """
    if count <= IMAGES_COMPARED:
        return np.arange(count)
    return np.sort(numpy_stream(0, "bootstrap", "looked at", what).permutation(count)[:IMAGES_COMPARED])


def diversity(generated: Floats, real: Floats) -> Diversity:
    """Measure how much the generated images differ among themselves.

    Args:
        generated: (N, D) features of generated images.
        real: (G, D) of training images, one of each group.
    """
    n = len(generated)
    if len(real) < FEWEST_REAL:
        why = (
            f"there are real images of only {plural(len(real), 'specimen')} to compare with ({FEWEST_REAL} are needed)"
        )
        return Diversity(looked_at=n, sentence=f"Diversity not measured: {why}.")
    nearest = memorization.to_nearest(real, real, itself=False)[0]
    width = max(float(np.median(nearest)) / 2, 1e-9)
    found = clusters(generated, DUPLICATE * float(np.quantile(nearest, 0.01)))
    size = min(n, len(real), VENDI_IMAGES)
    own, reals = (vendi(x[np.linspace(0, len(x) - 1, size).astype(int)], width) for x in (generated, real))
    counts = found.repeats, found.number, found.largest
    return Diversity(
        looked_at=n,
        repeats=found.repeats,
        clusters=found.number,
        largest=found.largest,
        vendi=own,
        vendi_real=reals,
        vendi_n=size,
        sentence=diversity_sentence(n, *counts, size, own, reals),
    )


def compare_with_held_out(real: Floats, held: Floats, generated: Floats, labels: Labels | None = None) -> list[SetTest]:
    """Do the tests on features of training, held-out and generated images, and correct them for their number (Holm).

    Args:
        real: (T, D) of training images, one of each group.
        held: (H, D) of held-out ones, one of each group.
        generated: (N, D) of generated ones.
        labels: the classes of all three, within which they are compared, see `comparable`. None takes all for one
            class: with several in unlike shares, a set without copies is then accused.
    """
    none = tuple(np.repeat("", len(side)) for side in (real, held, generated))
    chosen = comparable(*(labels or none))
    if isinstance(chosen, str):
        return _not_measured(chosen)
    held, generated = held[chosen.held], generated[chosen.generated]
    results = [
        test(real, held, generated, classes=chosen.real_classes if name == "DCR share" else chosen.classes)
        for name, test, _ in TESTS
    ]
    counts = f"{len(real)} training, {len(held)} held-out, {len(generated)} generated images{chosen.words}"
    return [
        SetTest(name=name, **result._asdict(), adjusted=float(adjusted), note=f"{note}; {counts}")
        for (name, _, note), result, adjusted in zip(TESTS, results, holm([one.p for one in results]), strict=True)
    ]


class Comparable(NamedTuple):
    """What can be compared.

    Attributes:
        held: rows of the held-out images.
        generated: rows of the generated ones.
        classes: class numbers of all training images, `held` and `generated`; None takes them for one class.
        real_classes: the same, where only training and held-out images are compared with each other.
        words: what to add to the numbers of images.
    """

    held: Ints
    generated: Ints
    classes: Classes | None
    real_classes: Classes
    words: str


def comparable(learnt: Names, held: Names, generated: Names) -> Comparable | str:
    """Choose the images of those classes that training, held-out and generated images all have.

    Where the generated images carry no class of the real ones (a generator that learnt several as one mixture), all are
    taken, and the held-out ones must have the classes as often as training (`as_learnt`).

    Args:
        learnt: (T,) classes of the training images.
        held: (H,) of the held-out ones.
        generated: (N,) of the generated ones.

    Returns:
        The choice, or why nothing can be compared.
    """
    known = np.unique(np.concatenate([learnt, held]))
    shared = np.intersect1d(np.intersect1d(held, generated), learnt)
    mixture = not np.isin(generated, known).any()
    every = [np.ones(len(side), dtype=bool) for side in (learnt, held, generated)]
    own = every if mixture else [np.isin(side, shared) for side in (learnt, held, generated)]
    if why := _too_few(*(int(side.sum()) for side in own)):
        return why
    rows, others = np.flatnonzero(own[1]), np.flatnonzero(own[2])
    codes = np.searchsorted(known, learnt), np.searchsorted(known, held[rows])
    if mixture:
        words = (
            ", which carry no class of the real ones; the held-out ones keep training's mix of classes"
            if len(known) > 1
            else ""
        )
        return Comparable(rows, others, None, (*codes, np.zeros(len(others), dtype=np.int64)), words)
    words = ""
    if len(known) > 1:
        words = f", compared within each of {len(shared)} classes" if len(shared) > 1 else f", all of class {shared[0]}"
        left = {"held-out": len(held) - len(rows), "generated": len(generated) - len(others)}
        left_out = " and ".join(f"{count} {what}" for what, count in left.items() if count)
        words += f"; {left_out} images of other classes left out" if left_out else ""
    classes = (*codes, np.searchsorted(known, generated[others]))
    return Comparable(rows, others, classes, classes, words)


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


def _too_few(learnt: int, held: int, generated: int) -> str:
    """Return why so many images of the common classes are too few, or an empty string."""
    if not held:
        return "training, held-out and generated images have no class in common"
    for count, what in ((held, "held-out"), (learnt, "training")):
        if count < FEWEST_REAL:
            images = plural(count, f"independent {what} image")
            return f"only {images} of the generated classes; {FEWEST_REAL} are needed"
    if generated < FEWEST_GENERATED:
        return f"only {generated} generated image to compare with held-out ones; {FEWEST_GENERATED} are needed"
    return ""


def _not_measured(why: str) -> list[SetTest]:
    return [SetTest(name=name, note=why) for name, _, _ in TESTS]


def _labels(data: Dataset) -> Names:
    return np.array([sample.label for sample in data.samples], dtype=np.str_)
