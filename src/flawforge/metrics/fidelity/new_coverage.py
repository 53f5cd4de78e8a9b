"""New coverage: which unseen real images do generated ones come near to that changed copies of the shots do not?

A generated set that only repeats its training images, mirrored, shifted and brightened, covers what such copies cover
and costs more. So held-out images count that some generated image reaches and none of as many changed copies does. A
held-out image is reached by what lies within its ball, to its k-th neighbour among held-out images of other groups
(coverage: Naeem et al. 2020, 2002.09797). Two numbers stand beside it: a second draw of copies in the place of the
generated images (what chance brings), and other real images in their place (the most that can be hoped for).

The more held-out images, the smaller their balls: compare at equal numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from flawforge.core.arrays import Bools, Floats, Ints
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.fidelity.kid import group_weights, kid, percentile_interval
from flawforge.metrics.fidelity.precision_recall import inside, radii
from flawforge.metrics.vectors import Vectors, as_groups, as_pair

NEIGHBOURS = 5
ROUNDS = 20  # random halves over which the number of other real images is averaged
FEWEST_GROUPS = 2 * (NEIGHBOURS + 1)  # so that each image of a half has neighbours enough of other groups


class HeldOutShare(NamedTuple):
    """A share of held-out images, or a difference of two, with its 95% interval over groups."""

    value: float
    low: float
    high: float


class NewCoverage(NamedTuple):
    """What sets reach that changed copies do not.

    Attributes:
        generated: share of the held-out images, 0 to 1.
        again: the same for a second draw of copies.
        real: the same for other real images: half of the held-out groups, judged by the other half.
        above: `generated` minus `again`, with the interval of the paired difference.
        kid: kernel distance of the generated images to the held-out ones; None: fewer than two images.
        kid_copies: that of the copies.
        reached: (M,) for each held-out image whether the generated images newly reach it.
        reached_again: (M,) likewise for the second draw of copies.
    """

    generated: HeldOutShare
    again: HeldOutShare
    real: HeldOutShare
    above: HeldOutShare
    kid: float | None
    kid_copies: float | None
    reached: Bools
    reached_again: Bools

    @property
    def kid_ratio(self) -> float | None:
        """Distance of the generated images over that of the copies; None where the copies are at no distance."""
        if self.kid is None or self.kid_copies is None or self.kid_copies <= 0:
            return None
        return self.kid / self.kid_copies


def new_coverage(
    real: Vectors,
    generated: Vectors,
    copies: Vectors,
    again: Vectors,
    real_groups: ArrayLike | None = None,
    seed: int = 0,
) -> NewCoverage:
    """Return what generated images reach of held-out ones that changed copies do not.

    Meant for equally many generated images and copies, about 128. Assumes that near in the features is alike to the
    eye. Below about 50 held-out images its interval is wide.

    Args:
        real: (M, D) features of held-out images, none of a group that the copies were made from.
        generated: (N, D) features.
        copies: (N, D) features of changed copies of the training images.
        again: (N, D) features of a second draw of them.
        real_groups: (M,) group numbers; None: each image is its own.
        seed: of the random halves and the bootstrap.

    Raises:
        ValueError: shapes that do not fit, a value that is not finite, or fewer than 12 groups.
    """
    x, made = as_pair(real, generated, 1)
    groups = as_groups(real_groups, len(x), "real_groups", FEWEST_GROUPS)
    old, other = as_pair(copies, again, 1)
    reach = radii(x, NEIGHBOURS, groups)
    known = _reached(x, old, reach)
    new, second = _reached(x, made, reach) & ~known, _reached(x, other, reach) & ~known
    of_real, judged = _by_others(x, groups, old, len(made), seed)
    few = min(len(made), len(old)) < 2
    weights = group_weights(groups, len(x), seed, "new coverage")
    return NewCoverage(
        _share(new, weights, groups),
        _share(second, weights, groups),
        _share(of_real, weights, groups, judged),
        _share(new.astype(np.float64) - second, weights, groups, least=-1.0),
        None if few else kid(x, made, groups),
        None if few else kid(x, old, groups),
        new,
        second,
    )


def held_out_share(outcomes: ArrayLike, groups: ArrayLike, seed: int) -> HeldOutShare:
    """Return the mean of (M,) outcomes with its bootstrap interval over (M,) groups, whole ones drawn at a time.

    Raises:
        ValueError: fewer than 2 groups.
    """
    members = as_groups(groups, len(np.asarray(outcomes)), "groups", 2)
    return _share(outcomes, group_weights(members, len(members), seed, "new coverage"), members)


def _share(
    outcomes: ArrayLike, weights: Floats, groups: Ints, judged: Floats | None = None, least: float = 0.0
) -> HeldOutShare:
    """Return the mean of (M,) outcomes under (B, M) weights; of rows that were `judged` so often, they are sums.

    Where all outcomes are the same, no resample differs, and the interval is that of as many hits or misses as there
    are groups (Clopper & Pearson 1934); `least` is the lowest outcome there can be.
    """
    values = np.asarray(outcomes, dtype=np.float64)
    total = np.ones(len(values)) if judged is None else judged
    number, mean = int(groups.max()) + 1, float(values.sum() / total.sum())
    if np.array_equal(values, mean * total):
        reach = 1 - 0.025 ** (1 / number)
        return HeldOutShare(mean, max(least, mean - reach), min(1.0, mean + reach))
    low, high, _ = percentile_interval((weights @ values) / np.maximum(weights @ total, 1e-9), number)
    return HeldOutShare(mean, low, high)


def _reached(real: Floats, others: Floats, reach: Floats) -> Bools:
    reached = np.zeros(len(real), dtype=bool)
    for block in inside(others, real, reach):
        reached |= block.any(axis=0)
    return reached


def _by_others(real: Floats, groups: Ints, copies: Floats, most: int, seed: int) -> tuple[Floats, Floats]:
    """Return for each real image how often other real ones newly reached it, and how often it was judged: `ROUNDS`
    times half of the groups, `most` images of them at most, take the place of the generated images.
    """
    numbers = np.unique(groups)
    newly, judged = np.zeros(len(real)), np.zeros(len(real))
    for number in range(ROUNDS):
        rng = numpy_stream(seed, "bootstrap", "new coverage", "halves", number)
        chosen = np.isin(groups, rng.permutation(numbers)[: len(numbers) // 2])
        rest = np.flatnonzero(~chosen)
        others = real[rng.permutation(np.flatnonzero(chosen))[:most]]
        reach = radii(real[rest], NEIGHBOURS, np.unique(groups[rest], return_inverse=True)[1].reshape(-1))
        newly[rest] += _reached(real[rest], others, reach) & ~_reached(real[rest], copies, reach)
        judged[rest] += 1
    return newly, judged
