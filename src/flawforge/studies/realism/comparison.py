"""Two sets compared beside real against real: the same numbers, at the same sizes, over random halves of the reference.

The reference is cut by groups into two halves, A and B, again and again. In each round A is the real set, and into the
place of the generated one come in turn B (real), as many generated images, and as many classically transformed ones. So
each number stands beside what real images of other material get at exactly these sizes. The rounds' spread is that
of the delete-half jackknife (Shao & Wu 1989): for a mean, half the images without replacement vary as much as
another whole sample would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.fidelity.frechet import frechet
from flawforge.metrics.fidelity.histogram import histogram_distance
from flawforge.metrics.fidelity.kid import kid, kid_interval
from flawforge.metrics.fidelity.precision_recall import density_coverage, precision_recall
from flawforge.metrics.fidelity.spectrum import spectrum_distance
from flawforge.runs.scores import Better, Number, Quantity
from flawforge.studies.realism.descriptors import Described
from flawforge.studies.realism.subsets import LEAST_GROUPS, LEAST_IMAGES

QUANTITIES: dict[str, tuple[str, Better]] = {
    "kid": ("", "lower"),
    "fid": ("", "lower"),
    "precision": ("share", "higher"),
    "recall": ("share", "higher"),
    "density": ("", "near 1"),
    "coverage": ("share", "higher"),
    "spectrum": ("dB", "lower"),
    "histogram": ("gray levels of 255", "lower"),
}
HALVES = 40
MOST = 500  # images of a half
MOST_KID = 2000  # images of a set in the interval of the kernel distance
BALLS = 5  # the larger of the two k of precision and coverage
PIECES = LEAST_GROUPS // 2  # groups of a half, at least: one more than `BALLS`, so each image sees so many of others
TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class Cast:
    """The sets of a comparison.

    Attributes:
        reference: real images; groups, labels: (R,) of each.
        generated: generated images, in the classes' real proportions.
        classical: classical transforms of training images; sources: (C,) group of each one's source.
        disjoint: whether the sources are of other groups than the reference.
    """

    reference: Described
    groups: Ints
    labels: Ints
    generated: Described
    classical: Described
    sources: Ints
    disjoint: bool


@dataclass(frozen=True)
class Half:
    """One round: rows of A, of B, of the generated and of the classical images; the last three are equally many.

    Classical images are none where too few stem from material of B.
    """

    a: Ints
    b: Ints
    generated: Ints
    classical: Ints


def draw_halves(cast: Cast, seed: int, count: int = HALVES) -> list[Half]:
    """Draw the rounds; with `LEAST_GROUPS` groups in the reference, A and B have `PIECES` each at least."""
    return list(_halves(cast, seed, count))


def compare(cast: Cast, halves: Sequence[Half], seed: int, names: Sequence[str] = tuple(QUANTITIES)) -> list[Quantity]:
    """Return the quantities. The generated images' kernel distance is that of all, with its bootstrap interval."""
    columns: dict[str, list[dict[str, float]]] = {"real": [], "generated": [], "classical": []}
    for half in halves:
        a, groups = cast.reference.take(half.a), cast.groups[half.a]
        columns["real"].append(_numbers(a, groups, cast.reference.take(half.b), cast.groups[half.b], names))
        own = np.arange(len(half.generated))
        columns["generated"].append(_numbers(a, groups, cast.generated.take(half.generated), own, names))
        sources = cast.sources[half.classical]
        if np.unique(sources).size > 1 and _others(sources) >= BALLS:
            columns["classical"].append(_numbers(a, groups, cast.classical.take(half.classical), sources, names))
    pieces = int(min(np.unique(cast.groups[half.a]).size for half in halves))
    n = min(len(half.b) for half in halves)
    return [_quantity(name, columns, cast, n, pieces, seed) for name in names]


def _quantity(
    name: str, columns: dict[str, list[dict[str, float]]], cast: Cast, n: int, pieces: int, seed: int
) -> Quantity:
    real, generated, classical = (
        _number([row[name] for row in columns[key]], n, pieces) for key in ("real", "generated", "classical")
    )
    unit, better = QUANTITIES[name]
    outside = _outside(generated, real, better)
    if name == "kid":
        generated = _whole_kid(cast, seed)
        outside = None if generated.low is None else generated.low > 0
    return Quantity(
        name=name, unit=unit, better=better, generated=generated, real=real, classical=classical, outside=outside
    )


def _whole_kid(cast: Cast, seed: int) -> Number:
    rng = numpy_stream(seed, "bootstrap", "kid", "rows")
    x, y = cast.reference.features, cast.generated.features
    i = _drawn(np.arange(len(x)), cast.groups, MOST_KID, rng)
    j = np.sort(rng.permutation(len(y))[:MOST_KID])
    groups = cast.groups[i]
    interval = kid_interval(x[i], y[j], groups, seed=seed)
    value = kid(x[i], y[j], groups)
    return Number(value=value, low=interval.low, high=interval.high, n=len(j), groups=interval.groups)


def _numbers(real: Described, groups: Ints, other: Described, others: Ints, names: Sequence[str]) -> dict[str, float]:
    x, y = real.features, other.features
    found: dict[str, float] = {}
    if "kid" in names:
        found["kid"] = kid(x, y, groups, others)
    if "fid" in names:
        found["fid"] = frechet(x, y)
    if "precision" in names or "recall" in names:
        found["precision"], found["recall"], *_ = precision_recall(x, y, groups, others)
    if "density" in names or "coverage" in names:
        found["density"], found["coverage"], *_ = density_coverage(x, y, groups)
    if "spectrum" in names:
        found["spectrum"] = spectrum_distance(real.spectra, other.spectra)
    if "histogram" in names:
        found["histogram"] = histogram_distance(real.histograms, other.histograms)
    return found


def _number(values: list[float], n: int, groups: int) -> Number:
    if not values:
        return Number(value=None, low=None, high=None, n=n, groups=groups)
    low, high = np.quantile(values, TAILS)
    return Number(value=float(np.mean(values)), low=float(low), high=float(high), n=n, groups=groups)


def _outside(generated: Number, real: Number, better: Better) -> bool | None:
    if generated.value is None or real.low is None or real.high is None:
        return None
    too_low, too_high = generated.value < real.low, generated.value > real.high
    return {"lower": too_high, "higher": too_low, "near 1": too_low or too_high}[better]


def _halves(cast: Cast, seed: int, count: int) -> Iterator[Half]:
    for number in range(count):
        rng = numpy_stream(seed, "bootstrap", "halves", number)
        a, b = _cut(cast.groups, cast.labels, rng)
        pool = np.arange(len(cast.classical))
        if not cast.disjoint:  # a transform of an image of A would be a copy of it
            pool = pool[np.isin(cast.sources, cast.groups[b])]
        size = min(len(b), len(cast.generated), MOST)
        if len(pool) < min(size, LEAST_IMAGES):  # too few transforms do not make the other sets small
            pool = pool[:0]
        elif len(pool) < size:
            size = len(pool)
        yield Half(
            _drawn(a, cast.groups, MOST, rng),
            _drawn(b, cast.groups, size, rng),
            np.sort(rng.permutation(len(cast.generated))[:size]),
            np.sort(rng.permutation(pool)[:size]),
        )


def _cut(groups: Ints, labels: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Cut rows into two by whole groups, each class's groups evenly; a group of several classes goes by its first.

    The odd group of each class goes to either side by chance. Where that leaves a side too few, the cut is drawn again.
    """
    numbers, first = np.unique(groups, return_index=True)
    least = min(PIECES, len(numbers) // 2)
    chosen = np.zeros(len(numbers), dtype=bool)
    while not least <= chosen.sum() <= len(numbers) - least:
        chosen[:] = False
        for label in np.unique(labels[first]):
            members = rng.permutation(np.flatnonzero(labels[first] == label))
            half = (len(members) + int(rng.integers(2))) // 2
            chosen[members[:half]] = True
    into_a = chosen[np.searchsorted(numbers, groups)]
    return np.flatnonzero(into_a), np.flatnonzero(~into_a)


def _drawn(rows: Ints, groups: Ints, size: int, rng: np.random.Generator) -> Ints:
    """Return `size` of the rows at most, ascending, by chance; of `PIECES` groups at least, as far as they have them.

    Where chance takes too few groups, as it does where one holds nearly all rows, one row each of others comes first.
    """
    order = rng.permutation(rows)
    kept = order[:size]
    if np.unique(groups[kept]).size < PIECES:
        first = np.sort(np.unique(groups[order], return_index=True)[1])[:PIECES]
        kept = np.concatenate([order[first], np.delete(order, first)])[:size]
    return np.sort(kept)


def _others(groups: Ints) -> int:
    """Return how many rows of other groups the largest group sees."""
    return len(groups) - int(np.unique(groups, return_counts=True)[1].max())
