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
from numpy.typing import NDArray
from scipy import stats

from flawforge.core.seeds import numpy_stream
from flawforge.metrics.resampling import Resampled
from flawforge.metrics.vectors import Float

LEVEL = 0.95


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


def hierarchical_draws(arm: Resampled, seed: int = 0) -> NDArray[np.float64]:
    """Return (B,) bootstrap means, seeds and groups both drawn anew (Owen's pigeonhole), widened for few seeds.

    For functions of several means, such as where a curve is crossed: the same `seed` gives the same draws of all of
    them. A draw of S seeds varies as S - 1 would, with normal in the place of Student's tails, so the seeds' deviation
    is widened by ``sqrt(S / (S - 1)) t(0.975, S - 1) / 1.96`` (Hesterberg 2015, 1411.5279, section 5.2).

    Raises:
        ValueError: fewer than 2 seeds.
    """
    count = len(arm.values)
    if count < 2:
        raise ValueError(f"there is {count} seed; draws over seeds take at least 2")
    rng = numpy_stream(seed, "bootstrap", "seeds")
    shares = rng.multinomial(count, np.full(count, 1 / count), size=len(arm.draws)) / count
    level = arm.draws.mean(axis=1)
    wide = np.sqrt(count / (count - 1)) * stats.t.ppf(0.975, count - 1) / stats.norm.ppf(0.975)
    return np.asarray(level + wide * ((shares * arm.draws).sum(axis=1) - level), dtype=np.float64)


def _parts(difference: Resampled, spread: float) -> tuple[float, float, float]:
    """Return the variance of the mean from seeds (with what is both), from shared groups, and of both in one seed."""
    count, draws = len(difference.values), difference.draws
    wide = difference.groups / difference.freedom  # a draw of G groups varies as G - K would, K classes
    pooled = wide * float(draws.mean(axis=1).var(ddof=1))
    single = wide * float(draws.var(axis=0, ddof=1).mean())
    both = max(0.0, (single - pooled) * count / (count - 1))
    return spread**2 / count, max(0.0, pooled - both / count), both
