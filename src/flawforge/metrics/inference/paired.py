"""Paired differences over seeds and test groups: how much better is one arm, and how sure is that?

Both arms share seeds (the same shots) and test images. A seed's difference varies with the seed; all seeds share the
test images, which come in groups of one piece of material. So the two factors are crossed, and a gain has the variance

    Vs / S + Vg / G + Vsg / (S G)

of seeds, groups and both together (Owen 2007, "The pigeonhole bootstrap", equation 3). Repeating the seeds cannot
remove the groups' part; forgetting it is how one test set gives "significant" gains that the next one takes back.

Groups are drawn by the bootstrap, for all seeds and arms alike, which serves any statistic. Seeds are few, and the
percentiles of a bootstrap over 3 to 10 of them are far too narrow. Their part is therefore exact (the variance of the
seeds' differences over S), and the third part, which both hold, is counted once. Each part has its own Student's t:
the quantile is their mean, weighted by the parts (Cochran & Cox 1957, "Experimental Designs", section 4.14), which
errs to the safe side. Satterthwaite's degrees of freedom give intervals that are shorter by up to a tenth, and with 3
seeds wrong up to 4 % of the time where 2.5 % are promised. `benchmarks/trial_calibration.py` says how often ours hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from flawforge.core.arrays import Floats
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.inference.resampling import Resampled

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
class Student:
    """The distribution of a mean over its standard error, where that is made of two parts.

    Attributes:
        own, own_freedom: variance from seeds, and its degrees of freedom. shared, shared_freedom: from test groups.
    """

    own: float
    own_freedom: float
    shared: float
    shared_freedom: float

    def quantile(self, tail: float) -> float:
        """Return the value that is exceeded with chance `tail`, from above 0 to 0.5."""
        first, second = (-special.stdtrit(f, tail) for f in (self.own_freedom, self.shared_freedom))
        return float((self.own * first + self.shared * second) / (self.own + self.shared))

    def tail(self, value: float) -> float:
        """Return the chance that `value` is exceeded."""
        if value < 0:
            return 1 - self.tail(-value)
        ends = [float(special.stdtr(f, -value)) for f in (self.own_freedom, self.shared_freedom)]
        low, high = max(min(ends), 1e-15), max(*ends, 1e-15)
        if high - low < 1e-15 or self.quantile(low) <= value:
            return low
        if self.quantile(high) >= value:
            return high
        return float(optimize.brentq(lambda tail: self.quantile(tail) - value, low, high, xtol=1e-16, rtol=1e-10))


@dataclass(frozen=True)
class Gain:
    """The mean over seeds, with its interval over seeds and groups.

    Attributes:
        value: the mean. low, high: ends at confidence `level`. error: standard error.
        student: the two parts of its square, with the degrees of freedom of each.
        p: two-sided, of no difference. effect: Cohen's d_z with Hedges' correction; None where seeds do not differ.
        differences: (S,). parts: where the variance comes from.
    """

    value: float
    low: float
    high: float
    level: float
    error: float
    student: Student
    p: float
    effect: float | None
    differences: Floats
    parts: Parts

    def at(self, level: float) -> tuple[float, float]:
        """Return the interval's ends at another confidence."""
        reach = self.student.quantile((1 - level) / 2) * self.error
        return self.value - reach, self.value + reach

    @property
    def p_above(self) -> float:
        """The one-sided p of a gain above 0."""
        return self.student.tail(self.value / self.error)


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
    student = Student(seeds, count - 1, shared, difference.freedom)
    error = float(np.sqrt(seeds + shared))
    reach = student.quantile((1 - level) / 2) * error
    effect = None if spread == 0 else mean / spread * (1 - 3 / (4 * count - 5))
    parts = Parts(float(np.sqrt(max(0.0, seeds * count - both))), float(np.sqrt(shared)), float(np.sqrt(both)))
    p = 2 * student.tail(abs(mean) / error)
    return Gain(mean, mean - reach, mean + reach, level, error, student, p, effect, difference.values, parts)


def estimate(arm: Resampled, level: float = LEVEL) -> tuple[float, float, float]:
    """Return the mean over seeds of one arm with its interval's ends, for a learning curve's band."""
    found = gain(arm, level)
    return found.value, found.low, found.high


def hierarchical_draws(arm: Resampled, seed: int = 0) -> Floats:
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
