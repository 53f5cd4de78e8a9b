"""Power: what gain could so many repeats and test groups detect, and how many repeats detect a wanted gain?"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from flawforge.metrics.inference.paired import Gain, Parts, Student

POWER = 0.9
ERROR = 0.025  # one-sided, over all comparisons and analyses: of a false "helps", and of a false "hurts"


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

    @classmethod
    def of(cls, gain: Gain, error: float, rivals: int = 1) -> Design:
        """Return what limits a comparison that was measured."""
        return cls(gain.parts, int(gain.student.shared_freedom + 1e-9), error, rivals)

    def student(self, repeats: int) -> Student:
        """Return the two parts of the squared standard error of the mean over `repeats`.

        Raises:
            ValueError: fewer than 2 repeats, or no spread at all.
        """
        if repeats < 2:
            raise ValueError(f"repeats is {repeats}; an interval takes at least 2")
        own, shared = (self.parts.repeat**2 + self.parts.both**2) / repeats, self.parts.group**2
        if own + shared <= 0:
            raise ValueError("the parts are all 0; a difference without any spread cannot be planned for")
        return Student(own, repeats - 1, shared, self.freedom)

    def power(self, gain: float, repeats: int) -> float:
        """Return the chance that a true gain (a share: 0.03 is 3 points) is detected with `repeats` repeats, 2 or more.

        For one rival the noncentral t (Cohen 1988, section 2.5) with Satterthwaite's freedom; for more, the chance that
        all of equally correlated differences pass the same bound.
        """
        student = self.student(repeats)
        whole = student.own + student.shared
        freedom = whole**2 / (student.own**2 / student.own_freedom + student.shared**2 / student.shared_freedom)
        single = float(stats.nct.sf(student.quantile(self.error), freedom, gain / np.sqrt(whole)))
        if self.rivals == 1:
            return single
        nodes, shares = np.polynomial.hermite_e.hermegauss(40)
        centre = stats.norm.ppf(min(max(single, 1e-12), 1 - 1e-12))
        each = stats.norm.cdf((centre + np.sqrt(0.5) * nodes) / np.sqrt(0.5)) ** self.rivals
        return float(shares @ each / shares.sum())

    def detectable(self, repeats: int, power: float = POWER) -> float | None:
        """Return the gain (a share) that is detected with chance `power`; None: not even one from 0 to 1 is."""
        student = self.student(repeats)
        high = min(1.0, 4 * float(np.sqrt(student.own + student.shared)))
        while not self.power(high, repeats) >= power:
            if high >= 1:
                return None
            high = min(1.0, 2 * high)
        return float(optimize.brentq(lambda gain: self.power(gain, repeats) - power, 0.0, high, xtol=1e-7))

    def repeats_wanted(self, gain: float, limit: int) -> int | None:
        """Return the least number of repeats that detects `gain` with a chance of 90%; None: not even `limit` do.

        None mostly means that the test images are of too few groups: their part does not shrink with repeats.

        Raises:
            ValueError: a gain of 0 or less.
        """
        if gain <= 0:
            raise ValueError(f"gain is {gain}; it is a share above 0, as 0.03 for 3 points")
        if self.power(gain, limit) < POWER:
            return None
        return 2 + bisect_left(range(2, limit), POWER, key=lambda repeats: self.power(gain, repeats))
