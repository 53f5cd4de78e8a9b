"""Two sets compared beside real against real: the same numbers, at the same sizes, over random halves of the reference.

The reference is cut by groups into two halves, A and B, again and again. In each round A is the real set, and three
others take the place of the generated one: B (real), as many generated images, and as many classical transforms. So
each number stands beside what real images of other material get at exactly these sizes. The rounds' spread is that
of the delete-half jackknife (Shao & Wu 1989): for a mean, half the images without replacement vary as much as
another whole sample would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.seeds import numpy_stream
from flawforge.runs.judged.scores import Finding, MeasuredQuantity, Number
from flawforge.studies.realism.descriptors import DescribedImages
from flawforge.studies.realism.quantities import QUANTITIES, Quantity, SetPair
from flawforge.studies.realism.sentences import in_unit
from flawforge.studies.realism.subsets import ENOUGH_IMAGES, GROUPS_OF_HALF, draw_rows

HALVES = 40
HALF_SIZE = 500  # images of a half, at most
NEIGHBOURS = 5  # the larger of the two k of precision and coverage
TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class ComparedSets:
    """The sets of a comparison.

    Attributes:
        reference: real images.
        labels: (R,) class numbers of the reference.
        generated: generated images, in the classes' real proportions.
        classical: classical transforms of training images, each in the group of its source.
        disjoint: whether the sources are of other groups than the reference.
        classes: name of each class number.
    """

    reference: DescribedImages
    labels: Ints
    generated: DescribedImages
    classical: DescribedImages
    disjoint: bool
    classes: tuple[str, ...] = ()

    @property
    def whole(self) -> SetPair:
        """All reference images beside all generated ones."""
        return SetPair(self.reference, self.generated)


@dataclass(frozen=True)
class Halves:
    """One round: rows of A, of B, of the generated and of the classical images; the last three are equally many.

    Classical images are none where too few stem from material of B.
    """

    a: Ints
    b: Ints
    generated: Ints
    classical: Ints


def draw_halves(sets: ComparedSets, seed: int, count: int = HALVES) -> list[Halves]:
    """Draw the rounds; with `ENOUGH_GROUPS` groups in the reference, A and B have `GROUPS_OF_HALF` each at least."""
    groups, halves = sets.reference.groups, []
    for number in range(count):
        rng = numpy_stream(seed, "bootstrap", "halves", number)
        a, b = _cut(groups, sets.labels, rng)
        pool = np.arange(len(sets.classical))
        if not sets.disjoint:  # a transform of an image of A would be a copy of it
            pool = pool[np.isin(sets.classical.groups, groups[b])]
        size = min(len(b), len(sets.generated), HALF_SIZE)
        if len(pool) < min(size, ENOUGH_IMAGES):  # too few transforms do not make the other sets small
            pool = pool[:0]
        elif len(pool) < size:
            size = len(pool)
        own, other = draw_rows(a, groups, HALF_SIZE, rng), draw_rows(b, groups, size, rng)
        generated = np.sort(rng.permutation(len(sets.generated))[:size])
        halves.append(Halves(own, other, generated, np.sort(rng.permutation(pool)[:size])))
    return halves


def compare_sets(
    sets: ComparedSets, halves: Sequence[Halves], seed: int, names: Sequence[str] | None = None
) -> list[MeasuredQuantity]:
    """Measure the quantities of these names, all of the registry by default."""
    quantities = [QUANTITIES[name] for name in names or QUANTITIES]
    rounds: dict[str, list[list[float]]] = {"real": [], "generated": [], "classical": []}
    for half in halves:
        a = sets.reference.take(half.a)
        others = {"real": sets.reference.take(half.b), "generated": sets.generated.take(half.generated)}
        classical = sets.classical.take(half.classical)
        if np.unique(classical.groups).size > 1 and _others(classical.groups) >= NEIGHBOURS:
            others["classical"] = classical
        for side, other in others.items():
            pair = SetPair(a, other)
            rounds[side].append([quantity.measure(pair) for quantity in quantities])
    n = min(len(half.b) for half in halves)
    groups = int(min(np.unique(sets.reference.groups[half.a]).size for half in halves))
    measured = []
    for column, quantity in enumerate(quantities):
        numbers = {side: _number([row[column] for row in rows], n, groups) for side, rows in rounds.items()}
        outside = _is_outside(numbers["generated"], numbers["real"], quantity)
        if quantity.interval is not None:
            numbers["generated"] = quantity.interval(sets.whole, seed)
            outside = None if numbers["generated"].low is None else numbers["generated"].low > 0
        measured.append(_described(quantity, numbers, outside))
    return measured


def unmeasured(name: str, n: int, groups: int) -> MeasuredQuantity:
    """Return a quantity without numbers."""
    none = Number(value=None, low=None, high=None, n=n, groups=groups)
    return _described(QUANTITIES[name], {"generated": none, "real": none, "classical": none}, None)


def find_faults(sets: ComparedSets, measured: Sequence[MeasuredQuantity]) -> tuple[list[Finding], str]:
    """Return in what the generated images are worse than nearly all real ones, and the first as half a sentence."""
    found, clauses = [], []
    for one in measured:
        quantity = QUANTITIES[one.name]
        generated, real = one.generated.value, one.real.value
        if one.outside and quantity.finding is not None and generated is not None and real is not None:
            text = quantity.finding(sets.whole)
            values = {"generated": in_unit(generated, one.unit), "real": in_unit(real, one.unit)}
            found.append(Finding(text=text, **values))
            clauses.append(quantity.clause.format(finding=text, **values))
    return found, clauses[0] if clauses else ""


def _described(quantity: Quantity, numbers: dict[str, Number], outside: bool | None) -> MeasuredQuantity:
    said = {name: getattr(quantity, name) for name in ("name", "label", "unit", "better", "meaning")}
    return MeasuredQuantity.model_validate({**said, **numbers, "outside": outside})


def _number(values: list[float], n: int, groups: int) -> Number:
    if not values:
        return Number(value=None, low=None, high=None, n=n, groups=groups)
    low, high = np.quantile(values, TAILS)
    return Number(value=float(np.mean(values)), low=float(low), high=float(high), n=n, groups=groups)


def _is_outside(generated: Number, real: Number, quantity: Quantity) -> bool | None:
    """Say whether generated images are worse than nearly all real halves, and a share by one image at least: of few
    images nearly all halves are covered wholly, and 99% would be less than all of them.
    """
    if generated.value is None or real.value is None or real.low is None or real.high is None:
        return None
    too_low, too_high = generated.value < real.low, generated.value > real.high
    if quantity.unit == "share":
        too_low = too_low and real.value - generated.value >= 1 / generated.n
    return {"lower": too_high, "higher": too_low, "near 1": too_low or too_high}[quantity.better]


def _cut(groups: Ints, labels: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Cut rows into two by whole groups, each class's groups evenly; a group of several classes goes by its first.

    The odd group of each class goes to either side by chance. Where that leaves a side too few, the cut is drawn again.
    """
    numbers, first = np.unique(groups, return_index=True)
    least = min(GROUPS_OF_HALF, len(numbers) // 2)
    chosen = np.zeros(len(numbers), dtype=bool)
    while not least <= chosen.sum() <= len(numbers) - least:
        chosen[:] = False
        for label in np.unique(labels[first]):
            members = rng.permutation(np.flatnonzero(labels[first] == label))
            half = (len(members) + int(rng.integers(2))) // 2
            chosen[members[:half]] = True
    into_a = chosen[np.searchsorted(numbers, groups)]
    return np.flatnonzero(into_a), np.flatnonzero(~into_a)


def _others(groups: Ints) -> int:
    """Return how many rows of other groups the largest group sees."""
    return len(groups) - int(np.unique(groups, return_counts=True)[1].max())
