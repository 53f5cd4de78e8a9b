"""The set as a whole: is it diverse, and does it lie nearer to the training images than unseen real ones do?"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from flawforge.core.arrays import Floats, Ints
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream
from flawforge.data.dataset import Dataset
from flawforge.metrics.copying import memorization
from flawforge.metrics.copying.memorization import Classes, SetTestResult
from flawforge.metrics.fidelity.vendi import clusters, vendi
from flawforge.metrics.inference.multiple_testing import holm
from flawforge.models.efficientnet import load_backbone
from flawforge.models.features import features
from flawforge.runs.copying import Diversity, SetTest
from flawforge.studies.copies.alignments import gray
from flawforge.studies.copies.search import ALARM, blocks, spread
from flawforge.studies.sets import MatchedImages

SIZE = 128  # pixels at which the network looks
REPEAT = 0.5  # of the distance that 1 % of real images have to the next: nearer ones are called repeats
MOST = 10_000  # images of each set that are looked at: time grows with their square, memory does not
VENDI = 1000  # images that the Vendi score is taken of, at most

TESTS: tuple[tuple[str, Callable[..., SetTestResult], str], ...] = (
    ("C_T", memorization.data_copying, "probability that a generated image is farther from training than a held-out"),
    ("authenticity", memorization.authenticity, "share not nearer to a training image than training images are"),
    ("DCR share", memorization.closest_record_share, "share nearer to training than to held-out images"),
    ("FID triangle", memorization.frechet_triangle, "Fréchet distance to training, generated less held-out images"),
    ("calibrated distance", memorization.calibrated_distance, "as C_T, with distances relative to the neighbourhood"),
)


def measure_set(
    matched: MatchedImages, groups: Ints, unseen: Dataset, device: torch.device, progress: Progress
) -> tuple[Diversity, list[SetTest]]:
    """Measure diversity, and test the set against held-out images, one of each group, where there are any."""
    described = _describer(matched, device, progress)
    own = drawn(len(matched.entries), MOST, "generated")
    made = described(lambda index: gray(matched, matched.read_generated(index)), own)
    chosen = spread(groups, min(len(np.unique(groups)), MOST))  # one image of each group
    real = described(lambda index: gray(matched, matched.training.read(index)), chosen)
    judged = diversity(made, real)
    learnt = _labels(matched.training)
    names = np.array([matched.entries[index].label for index in own])
    taken, why = _unseen_rows(unseen, learnt, names)
    if why or len(real) < LEAST:
        return judged, _not_measured(why or f"only {len(real)} independent training images; {LEAST} are needed")
    held = described(lambda index: gray(matched, unseen.read(index)), taken)
    return judged, compare_with_held_out(real, held, made, (learnt[chosen], _labels(unseen)[taken], names))


def drawn(count: int, most: int, what: str) -> Ints:
    """Return all indices below `count`, or `most` of them, each as likely as any other, ascending.

    The manifest goes class by class, so that its first 10,000 images would be of the first classes alone.
    """
    if count <= most:
        return np.arange(count)
    return np.sort(numpy_stream(0, "bootstrap", "looked at", what).permutation(count)[:most])


def diversity(made: Floats, real: Floats) -> Diversity:
    """Judge how much the generated images differ among themselves.

    Args:
        made: (N, D) features of generated images.
        real: (G, D) of training images, one of each group.
    """
    if len(real) < LEAST:
        return Diversity(
            looked_at=len(made), repeats=None, clusters=None, largest=None, vendi=None, vendi_real=None, vendi_n=0,
            sentence=f"Diversity not measured: {len(real)} independent training images give no scale, {LEAST} would.",
        )  # fmt: skip
    nearest = memorization.to_nearest(real, real, itself=False)[0]
    width = max(float(np.median(nearest)) / 2, 1e-9)
    found = clusters(made, REPEAT * float(np.quantile(nearest, 0.01)))
    size = min(len(made), len(real), VENDI)
    own = vendi(made[np.linspace(0, len(made) - 1, size).astype(int)], width)
    reals = vendi(real[np.linspace(0, len(real) - 1, size).astype(int)], width)
    n = len(made)
    sentence = (
        f"{found.repeats} of {n} generated images repeat another one ({found.number} clusters, the largest of "
        f"{found.largest}); {size} of them are worth {own:.1f} different images (Vendi score), {size} training images "
        f"{reals:.1f}."
    )
    return Diversity(
        looked_at=n, repeats=found.repeats, clusters=found.number, largest=found.largest, vendi=own, vendi_real=reals,
        vendi_n=size, sentence=sentence,
    )  # fmt: skip


def compare_with_held_out(real: Floats, held: Floats, made: Floats, labels: Labels | None = None) -> list[SetTest]:
    """Do the tests on features of training, held-out and generated images, and correct them for their number.

    Args:
        real: (T, D) of training images, one of each group.
        held: (H, D) of held-out ones, one of each group.
        made: (N, D) of generated ones.
        labels: the classes of all three, within which they are compared, see `comparable`. None takes all for one
            class: with several in unlike shares, an honest set is then accused.
    """
    one: Labels = (np.repeat("", len(real)), np.repeat("", len(held)), np.repeat("", len(made)))
    chosen = comparable(labels if labels is not None else one)
    if chosen.why:
        return _not_measured(chosen.why)
    held, made = held[chosen.held], made[chosen.made]
    outcomes = [
        test(real, held, made, classes=chosen.real if test is memorization.closest_record_share else chosen.classes)
        for _, test, _ in TESTS
    ]
    adjusted = holm([outcome.p for outcome in outcomes])
    counts = f"{len(real)} training, {len(held)} held-out, {len(made)} generated images{chosen.words}"
    return [
        SetTest(name=name, effect=outcome.effect, expected=outcome.expected, p=outcome.p, adjusted=float(corrected),
                note=f"{note}; {counts}")
        for (name, _, note), outcome, corrected in zip(TESTS, outcomes, adjusted, strict=True)
    ]  # fmt: skip


def _unseen_rows(unseen: Dataset, learnt: Names, names: Names) -> tuple[Ints, str]:
    """Return which held-out images to compare with, and why not, if so."""
    taken = drawn(len(unseen), MOST, "held-out")
    if not len(unseen):
        return taken, "there are no held-out images"
    if len(unseen) < LEAST:
        return taken, f"only {len(unseen)} independent held-out images; {LEAST} are needed"
    if not np.isin(names, learnt).any():
        taken = taken[as_learnt(_labels(unseen)[taken], learnt)]
        if len(taken) < LEAST:
            return taken, (
                f"only {len(taken)} of {len(unseen)} independent held-out images have the mix of classes that the "
                f"generator learnt; {LEAST} are needed"
            )
    return taken, ""


def _not_measured(why: str) -> list[SetTest]:
    return [SetTest(name=name, effect=None, expected=None, p=None, note=why) for name, _, _ in TESTS]


def _labels(data: Dataset) -> Names:
    return np.array([sample.label for sample in data.samples], dtype=np.str_)


def whole_sentence(tests: list[SetTest]) -> str:
    """Return what the tests say together, or nothing where none speaks for copying at the rate of the verdict."""
    spoken = [test for test in tests if test.adjusted is not None and test.adjusted <= ALARM]
    if not spoken:
        return ""
    names = ", ".join(f"{test.name} p = {test.adjusted:.2g}" for test in spoken)
    return (
        f" As a whole the set lies nearer to the training images than unseen real ones do ({len(spoken)} of "
        f"{len(tests)} tests: {names}, corrected for {len(tests)} tests)."
    )


def _describer(
    matched: MatchedImages, device: torch.device, progress: Progress
) -> Callable[[Callable[[int], NDArray[np.floating]], Ints], Floats]:
    backbone = load_backbone().to(device)

    def described(read: Callable[[int], NDArray[np.floating]], indices: Ints) -> Floats:
        images = (grays[:, None] / 127.5 - 1 for grays in blocks(read, indices))
        return features(images, backbone, size=(SIZE, SIZE), progress=progress).double().numpy()

    return described


Names = NDArray[np.str_]
Labels = tuple[Names, Names, Names]  # the classes of training, held-out and generated images
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
