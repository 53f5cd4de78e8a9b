"""Paired differences over seeds and test groups: how much better is one arm, and how sure is that?

Both arms share seeds (the same shots) and test images. A seed's difference varies with the seed; all seeds share the
test images, which come in groups of one piece of material. So the two factors are crossed, and a gain has the variance

    Vs / S + Vg / G + Vsg / (S G)

of seeds, groups and both together (Owen 2007, "The pigeonhole bootstrap", equation 3). Repeating the seeds cannot
remove the groups' part; forgetting it is how one test set gives "significant" gains that the next one takes back.

Groups are drawn by the bootstrap, for all seeds and arms alike, which serves any statistic. Seeds are few, and the
percentiles of a bootstrap over 3 to 10 of them are far too narrow. Their part is therefore exact (the variance of the
seeds' differences over S), both parts are freed of the third, which each of them holds, and the interval is Student's
with Satterthwaite's degrees of freedom. `benchmarks/trial_calibration.py` says how often it holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from flawforge.core.seeds import numpy_stream
from flawforge.metrics.classification import Labels, Statistic
from flawforge.metrics.vectors import Float, as_groups

RESAMPLES = 1000
LEVEL = 0.95
ROWS = 250  # resamples at a time: what is held is a few matrices of ROWS x N float64


@dataclass(frozen=True)
class Resampled:
    """A statistic for each seed, on all test images and on resamples of their groups. Subtract two to pair them.

    Attributes:
        values: (S,) on all test images.
        draws: (B, S) on B draws of groups, the same draws for every seed.
        groups: of the test images. freedom: groups less the classes they are spread over: degrees of freedom of the
            groups' part.
        step: by how much one test image can move the value of one seed.
    """

    values: Float
    draws: Float
    groups: int
    freedom: int
    step: float

    def __sub__(self, other: Resampled) -> Resampled:
        """Pair two arms, seed by seed and draw by draw."""
        if self.draws.shape != other.draws.shape:
            raise ValueError(f"draws have shapes {self.draws.shape} and {other.draws.shape}; pairs have equal ones")
        return Resampled(self.values - other.values, self.draws - other.draws, self.groups, self.freedom, self.step)

    def of(self, seeds: ArrayLike) -> Resampled:
        """Return the seeds at these places alone."""
        places = np.asarray(seeds, dtype=np.int64)
        return Resampled(self.values[places], self.draws[:, places], self.groups, self.freedom, self.step)


@dataclass(frozen=True)
class Parts:
    """Variance components of one difference, as standard deviations; what planning needs.

    Attributes:
        seed: of a seed's true difference. group: of the test set as a whole, that all seeds share: it stands for
            ``sqrt(Vg / G)``. both: what is neither, for one seed on this test set: ``sqrt(Vsg / G)``.
    """

    seed: float
    group: float
    both: float


@dataclass(frozen=True)
class Gain:
    """The mean over seeds, with its interval over seeds and groups.

    Attributes:
        value: the mean. low, high: ends at confidence `level`. error: standard error. freedom: of Student's t.
        p: two-sided, of no difference. effect: Cohen's d_z with Hedges' correction; None where seeds do not differ.
        differences: (S,). parts: where the variance comes from.
    """

    value: float
    low: float
    high: float
    level: float
    error: float
    freedom: float
    p: float
    effect: float | None
    differences: Float
    parts: Parts

    def at(self, level: float) -> tuple[float, float]:
        """Return the interval's ends at another confidence."""
        reach = float(stats.t.ppf((1 + level) / 2, self.freedom)) * self.error
        return self.value - reach, self.value + reach


def resampled(
    outputs: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None,
    statistic: Statistic,
    seed: int = 0,
    *,
    resamples: int = RESAMPLES,
) -> Resampled:
    """Return a statistic of every seed on all test images and on draws of their groups.

    Arms that are to be paired take the same groups and `seed`: then they take the same draws.

    Args:
        outputs: (S, N, ...) of each seed for each test image: (S, N, K) probabilities, or (S, N) outcomes with
            `classification.weighted_mean` or `weighted_class_mean`.
        labels: (N,) true classes.
        groups: (N,) group numbers; None: each image is its own.
        statistic: of ``classification.STATISTICS``, or any function like them.
        seed: of the stream ``bootstrap``.
        resamples: draws, 100 or more; 1,000 know the groups' standard error to 2 %.

    Raises:
        ValueError: shapes that do not fit, no seed, or fewer than 2 groups more than there are classes.
    """
    values = np.asarray(outputs, dtype=np.float64)
    true = np.asarray(labels, dtype=np.int64)
    if values.ndim < 2 or not len(values) or values.shape[1] != len(true):
        raise ValueError(f"outputs have shape {values.shape}; they are (seeds, {len(true)} test images, ...)")
    if not np.isfinite(values).all():
        raise ValueError("outputs hold a value that is not finite")
    if resamples < 100:
        raise ValueError(f"resamples is {resamples}; a standard error takes 100 draws or more")
    member = as_groups(groups, len(true), "groups")
    number, classes = int(member.max()) + 1, len(np.unique(true))
    if number < classes + 2:
        raise ValueError(
            f"the test images are of {number} groups and {classes} classes; an interval takes {classes + 2} groups"
        )
    whole = np.array([float(statistic(one, true, np.ones((1, len(true))))[0]) for one in values])
    if not np.isfinite(whole).all():
        raise ValueError("the statistic cannot be measured on these test images: a class has none")
    draws = np.concatenate(
        [np.stack([statistic(one, true, weights) for one in values], axis=1)
         for weights in _weights(member, number, seed, resamples)]
    )  # fmt: skip
    step = 1 / (classes * int(np.bincount(true)[np.unique(true)].min()))
    return Resampled(whole, draws[np.isfinite(draws).all(axis=1)], number, number - classes, step)


def gain(difference: Resampled, level: float = LEVEL) -> Gain:
    """Return the mean difference with its interval; `difference` is ``resampled(arm) - resampled(control)``.

    Seeds that all agree to less than one test image count as if they differed by one: equal values on a finite test
    set do not prove that there is no spread.

    Raises:
        ValueError: fewer than 2 seeds, or a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it is a confidence above 0 and below 1, as 0.95")
    count = len(difference.values)
    if count < 2:
        raise ValueError(f"there is {count} seed; an interval takes at least 2, and means something from 5")
    mean, spread = float(difference.values.mean()), float(difference.values.std(ddof=1))
    seeds, shared, both = _parts(difference, max(spread, difference.step))
    variance = seeds + shared
    freedom = variance**2 / (seeds**2 / (count - 1) + shared**2 / difference.freedom)
    error = float(np.sqrt(variance))
    reach = float(stats.t.ppf((1 + level) / 2, freedom)) * error
    effect = None if spread == 0 else mean / spread * (1 - 3 / (4 * count - 5))
    parts = Parts(float(np.sqrt(max(0.0, seeds * count - both))), float(np.sqrt(shared)), float(np.sqrt(both)))
    p = float(2 * stats.t.sf(abs(mean) / error, freedom))
    return Gain(mean, mean - reach, mean + reach, level, error, freedom, p, effect, difference.values, parts)


def estimate(arm: Resampled, level: float = LEVEL) -> tuple[float, float, float]:
    """Return the mean over seeds of one arm with its interval's ends, for a learning curve's band."""
    found = gain(arm, level)
    return found.value, found.low, found.high


def hierarchical_draws(difference: Resampled, seed: int = 0) -> NDArray[np.float64]:
    """Return (B,) bootstrap means, seeds and groups both drawn anew (Owen's pigeonhole), widened for few seeds.

    For functions of several means, such as where a curve is crossed: take the same draws of all of them. A draw of S
    seeds varies as S - 1 would, so its deviation is widened by ``sqrt(S / (S - 1))`` (Hesterberg 2015, section 5.2).
    """
    count = len(difference.values)
    rng = numpy_stream(seed, "bootstrap", "seeds")
    shares = rng.multinomial(count, np.full(count, 1 / count), size=len(difference.draws)) / count
    level = difference.draws.mean(axis=1)
    wide = np.sqrt(count / (count - 1)) if count > 1 else 1.0
    return np.asarray(level + wide * ((shares * difference.draws).sum(axis=1) - level), dtype=np.float64)


def _parts(difference: Resampled, spread: float) -> tuple[float, float, float]:
    """Return the variance of the mean from seeds (with what is both), from shared groups, and of both in one seed."""
    count, draws = len(difference.values), difference.draws
    wide = difference.groups / difference.freedom  # a draw of G groups varies as G - K would, K classes
    pooled = wide * float(draws.mean(axis=1).var(ddof=1))
    single = wide * float(draws.var(axis=0, ddof=1).mean())
    both = max(0.0, (single - pooled) * count / (count - 1))
    return spread**2 / count, max(0.0, pooled - both / count), both


def _weights(member: Labels, number: int, seed: int, resamples: int) -> list[Float]:
    rng = numpy_stream(seed, "bootstrap", "groups")
    even = np.full(number, 1 / number)
    sizes = [min(ROWS, resamples - start) for start in range(0, resamples, ROWS)]
    return [rng.multinomial(number, even, size=size)[:, member].astype(np.float64) for size in sizes]
