"""Power: what gain could so many seeds and test groups find, and how many seeds find a wanted gain?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from flawforge.metrics.inference.paired import Parts, Student

POWER = 0.9  # "found 9 times in 10"
ERROR = 0.025  # one-sided, of a false "helps"
MOST_SEEDS = 400


@dataclass(frozen=True)
class Design:
    """What limits a trial.

    Attributes:
        parts: standard deviations of a paired difference, from a pilot (`paired.Gain.parts`) or stated; shares.
        freedom: test groups less classes.
        error: one-sided error of one comparison; several comparisons divide it.
        rivals: arms that must be beaten at once (the control is one). Their differences share the arm with generated
            images, so they are taken to correlate by one half.
    """

    parts: Parts
    freedom: int
    error: float = ERROR
    rivals: int = 1

    def on(self, groups: int, classes: int) -> Design:
        """Return the design on another number of test groups: the groups' parts shrink as ``1 / sqrt(groups)``."""
        scale = float(np.sqrt((self.freedom + classes) / groups))
        parts = Parts(self.parts.seed, self.parts.group * scale, self.parts.both * scale)
        return Design(parts, groups - classes, self.error, self.rivals)

    def student(self, seeds: int) -> Student:
        """Return the two parts of the squared standard error of the mean over `seeds`.

        Raises:
            ValueError: fewer than 2 seeds, or no spread at all.
        """
        if seeds < 2:
            raise ValueError(f"seeds is {seeds}; an interval takes at least 2")
        own, shared = (self.parts.seed**2 + self.parts.both**2) / seeds, self.parts.group**2
        if own + shared <= 0:
            raise ValueError("the parts are all 0; a difference without any spread cannot be planned for")
        return Student(own, seeds - 1, shared, self.freedom)

    def power(self, gain: float, seeds: int) -> float:
        """Return the chance that a true gain (a share: 0.03 is 3 points) is found with `seeds` seeds, 2 or more.

        For one rival the noncentral t (Cohen 1988, section 2.5) with Satterthwaite's freedom; for more, the chance that
        all of equally correlated differences pass the same bound.
        """
        found = self.student(seeds)
        whole = found.own + found.shared
        freedom = whole**2 / (found.own**2 / found.own_freedom + found.shared**2 / found.shared_freedom)
        one = float(stats.nct.sf(found.quantile(self.error), freedom, gain / np.sqrt(whole)))
        if self.rivals == 1:
            return one
        nodes, shares = np.polynomial.hermite_e.hermegauss(40)
        centre = stats.norm.ppf(min(max(one, 1e-12), 1 - 1e-12))
        each = stats.norm.cdf((centre + np.sqrt(0.5) * nodes) / np.sqrt(0.5)) ** self.rivals
        return float(shares @ each / shares.sum())

    def detectable(self, seeds: int, power: float = POWER) -> float | None:
        """Return the gain (a share) that is found with chance `power`; None: not even one from 0 to 1 is."""
        found = self.student(seeds)
        high = min(1.0, 4 * float(np.sqrt(found.own + found.shared)))
        while not self.power(high, seeds) >= power:
            if high >= 1:
                return None
            high = min(1.0, 2 * high)
        return float(optimize.brentq(lambda gain: self.power(gain, seeds) - power, 0.0, high, xtol=1e-7))

    def seeds_wanted(self, gain: float, power: float = POWER, most: int = MOST_SEEDS) -> int | None:
        """Return the least number of seeds that finds `gain` with chance `power`; None: not even `most` do.

        None mostly means that the test images are of too few groups: their part does not shrink with seeds.

        Raises:
            ValueError: a gain of 0 or less.
        """
        if gain <= 0:
            raise ValueError(f"gain is {gain}; it is a share above 0, as 0.03 for 3 points")
        if self.power(gain, most) < power:
            return None
        low, high = 1, most
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.power(gain, middle) >= power else (middle, high)
        return high
