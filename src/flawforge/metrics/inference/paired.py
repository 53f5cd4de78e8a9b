"""Paired differences over repeats and test groups: how much better is one arm, and how sure is that?

Both arms share repeats (the same shots) and test images. The difference varies with the repeat; all repeats share the
test images, which come in groups that show one specimen each. So the two factors are crossed, and a gain varies by

    Vs / S + Vg / G + Vsg / (S G)

of repeats, groups and both together (Owen 2007, "The pigeonhole bootstrap", equation 3). More repeats cannot remove the
groups' part; forgetting it is how one test set gives "significant" gains that the next one takes back.

Groups are drawn by the bootstrap, for all repeats and arms alike, which serves any statistic. Repeats are few, and the
percentiles of a bootstrap over 3 to 10 of them are far too narrow. Their part is therefore exact (the variance of the
repeats' differences over S), and the third part, which both hold, is counted once. Each part has its own Student's t:
the quantile is their mean, weighted by the parts (Cochran & Cox 1957, "Experimental Designs", section 4.14), which
errs to the safe side. Satterthwaite's degrees of freedom give intervals that are shorter by up to a tenth, and with 3
repeats wrong up to 4% of the time where 2.5% are promised. `benchmarks/trial_calibration.py` measures ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats
from scipy.stats import permutation_test

from flawforge.core.arrays import Floats
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.inference.resampling import Resampled

LEVEL = 0.95
PATTERNS = 20_000  # of signs: with as many or fewer possible (up to 14 repeats) a permutation test is exact


@dataclass(frozen=True)
class Parts:
    """Variance components of one difference, as standard deviations; what planning needs.

    Attributes:
        repeat: of a repeat's true difference. group: of the test set as a whole, that all repeats share: it stands for
            ``sqrt(Vg / G)``. both: what is neither, for one repeat on this test set: ``sqrt(Vsg / G)``.
    """

    repeat: float
    group: float
    both: float


@dataclass(frozen=True)
class Student:
    """The distribution of a mean over its standard error, where that is made of two parts.

    Attributes:
        own, own_freedom: variance from repeats, and its degrees of freedom. shared, shared_freedom: from test groups.
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
    """The mean difference of two arms over repeats, with all that its interval and tests need. Shares.

    Attributes:
        value: the mean. error: its standard error.
        student: the two parts of the squared error, with the degrees of freedom of each.
        effect: Cohen's d_z with Hedges' correction; None where repeats do not differ.
        differences: (S,). parts: where the variance comes from.
    """

    value: float
    error: float
    student: Student
    effect: float | None
    differences: Floats
    parts: Parts

    def at(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the ends of the interval at a confidence between 0 and 1."""
        reach = self.student.quantile((1 - level) / 2) * self.error
        return self.value - reach, self.value + reach

    @property
    def p(self) -> float:
        """The two-sided p-value of no difference."""
        return 2 * self.student.tail(abs(self.value) / self.error)

    @property
    def p_above(self) -> float:
        """The one-sided p-value of a gain above 0."""
        return self.student.tail(self.value / self.error)

    def sign_flips(self) -> tuple[float, float]:
        """Return the two-sided p-value under exchange of the arms within each repeat, and the smallest possible one.

        Without an effect, swapping the arms of a repeat changes nothing but the sign, so all 2^S patterns are equally
        likely (Fisher 1935, "The Design of Experiments", section 21). Exact up to 14 repeats; beyond, 20,000 random
        patterns. With fewer than 6 repeats it cannot go below 0.05. It speaks of these test images; the interval speaks
        of others like them too.
        """
        signs = numpy_stream(0, "bootstrap", "signs")
        p = permutation_test(
            (self.differences,), np.sum, permutation_type="samples", n_resamples=PATTERNS, rng=signs
        ).pvalue
        return float(p), max(2.0 ** (1 - len(self.differences)), 2 / (PATTERNS + 1))


def gain(difference: Resampled) -> Gain:
    """Return the mean difference over repeats; `difference` is ``resampled(arm) - resampled(control)``.

    Repeats that all agree to less than one test image count as if they differed by one: equal values on a finite test
    set do not prove that there is no spread.

    Raises:
        ValueError: fewer than 2 repeats.
    """
    count = len(difference.values)
    if count < 2:
        raise ValueError(f"there is {count} repeat; an interval takes at least 2, and means something from 5")
    mean = round(float(difference.values.mean()), 12) + 0.0  # -4e-17 is what rounding leaves of 0, and no loss
    spread = float(difference.values.std(ddof=1))
    own, shared, both = _variances(difference, max(spread, difference.step))
    return Gain(
        value=mean,
        error=float(np.sqrt(own + shared)),
        student=Student(own, count - 1, shared, difference.freedom),
        effect=None if spread == 0 else mean / spread * (1 - 3 / (4 * count - 5)),
        differences=difference.values,
        parts=Parts(float(np.sqrt(max(0.0, own * count - both))), float(np.sqrt(shared)), float(np.sqrt(both))),
    )


def hierarchical_draws(arm: Resampled, seed: int = 0) -> Floats:
    """Return (B,) bootstrap means over repeats and groups (Owen's pigeonhole bootstrap), widened for few repeats.

    For functions of several means, such as where a curve is crossed: the same `seed` gives the same draws of all of
    them. A draw of S repeats varies as S - 1 would, with normal in the place of Student's tails, so the repeats'
    deviation is widened by ``sqrt(S / (S - 1)) t(0.975, S - 1) / 1.96`` (Hesterberg 2015, 1411.5279, section 5.2).
    """
    count = len(arm.values)
    rng = numpy_stream(seed, "bootstrap", "seeds")
    shares = rng.multinomial(count, np.full(count, 1 / count), size=len(arm.draws)) / count
    level = arm.draws.mean(axis=1)
    wide = np.sqrt(count / (count - 1)) * stats.t.ppf(0.975, count - 1) / stats.norm.ppf(0.975)
    return np.asarray(level + wide * ((shares * arm.draws).sum(axis=1) - level), dtype=np.float64)


def _variances(difference: Resampled, spread: float) -> tuple[float, float, float]:
    """Return the variance of the mean from repeats (with what is both), from shared groups, of both in one repeat."""
    count, draws = len(difference.values), difference.draws
    wide = difference.wide
    if wide is None:
        wide = difference.groups / difference.freedom  # a draw of G groups varies as G - K would, K classes
    pooled = wide * float(draws.mean(axis=1).var(ddof=1))
    single = wide * float(draws.var(axis=0, ddof=1).mean())
    both = max(0.0, (single - pooled) * count / (count - 1))
    return spread**2 / count, max(0.0, pooled - both / count), both
