"""Early stopping that keeps its promise: looking several times at growing evidence without more false alarms.

The error that is allowed is spent bit by bit, as a function of the share of the planned seeds that is done (Lan &
DeMets 1983, "Discrete sequential boundaries for clinical trials"). The function is theirs like O'Brien & Fleming's:
next to nothing early, nearly all at the end, so the power at the planned end is that of a trial without looks. Looks
need not be planned, as long as when to look does not depend on what was seen. Before a third of the plan the error that
may be spent is so small that no evidence could decide and an interval at its level spans everything: nothing is spent.

The bounds are found for normal statistics of independent increments by numerical integration (Armitage, McPherson &
Rowe 1969), and used as nominal levels of Student's t, which few seeds need (Pocock 1977, section 3). The part of the
error that all seeds share (the test groups) makes successive looks more alike than assumed, which spends less.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import optimize, stats

LEAST = 1 / 250  # of the error: with less to spend a look decides nothing, and spends nothing
GRID = 801  # points of the density between looks; bounds are good to 1e-4


def spent(fraction: float, error: float) -> float:
    """Return how much of a one-sided error may be spent when a share t of the seeds is done: ``2 - 2 Phi(z / sqrt t)``.

    Lan & DeMets 1983, section 2, with z the ``1 - error / 2`` quantile. At fraction 1 it is all of it.
    """
    if fraction <= 0:
        return 0.0
    return float(2 * stats.norm.sf(stats.norm.isf(error / 2) / np.sqrt(min(1.0, fraction))))


def nominal_levels(fractions: tuple[float, ...], error: float) -> tuple[float, ...]:
    """Return the one-sided p at or below which each look decides.

    Args:
        fractions: share of the planned seeds at each look, ascending, to 1 at most.
        error: one-sided error over all looks, e.g. 0.025.

    Raises:
        ValueError: fractions that do not ascend in 0 to 1, or an error that is not between 0 and 0.5.
    """
    if not fractions or min(fractions) <= 0 or max(fractions) > 1 or list(fractions) != sorted(set(fractions)):
        raise ValueError(f"fractions are {fractions}; they ascend, above 0, to 1 at most")
    if not 0 < error < 0.5:
        raise ValueError(f"error is {error}; it is a chance above 0 and below 0.5, as 0.025")
    whole = [spent(fraction, error) for fraction in fractions]
    return _levels(fractions, tuple(now - before for now, before in zip(whole, [0.0, *whole], strict=False)))


@lru_cache(maxsize=256)
def _levels(fractions: tuple[float, ...], shares: tuple[float, ...]) -> tuple[float, ...]:
    """Return the level of each look at which a share of the error is spent."""
    levels, before = [], 0.0
    grid = density = np.zeros(0)
    for fraction, share in zip(fractions, shares, strict=True):
        sd = np.sqrt(fraction - before)
        first = not len(grid)
        bound = float(stats.norm.isf(share) * sd) if first else _bound(grid, density, sd, share)
        new = np.linspace(-8 * np.sqrt(fraction), bound, GRID)
        steps = new if first else new[:, None] - grid
        shape = stats.norm.pdf(steps / sd) / sd
        density = shape if first else _integral(density * shape, grid)
        grid, before = new, fraction
        levels.append(float(stats.norm.sf(bound / np.sqrt(fraction))))
    return tuple(levels)


def level_now(looks: Sequence[int], planned: int, error: float, earlier: Sequence[tuple[int, int]] = ()) -> float:
    """Return the one-sided level of the last of `looks` (numbers of seeds), of `planned` in all.

    One look at all planned seeds has the whole error. Seeds beyond the plan have nothing left to spend. Where the plan
    was changed, a look may spend what its own plan allows less what the looks before it have spent, so that no history
    of looks and plans spends more than the error in all. 0 says that nothing can be decided: less than a 250th of the
    error is there to be spent, which is so before a third of the plan for an error of 0.025, and after the end of one.
    Such looks spend nothing, and do not count later.

    Args:
        looks: numbers of seeds, this look last.
        planned: seeds in all.
        error: one-sided, over all looks.
        earlier: looks against other plans, (seeds, planned) in the order in which they were made.
    """
    shares: dict[int, float] = {}
    share, done, seeds = 0.0, 0.0, 0
    for seeds, whole in (*earlier, *((look, planned) for look in sorted(looks))):
        share = spent(seeds / whole, error) - done
        if share >= LEAST * error:
            shares[seeds] = shares.get(seeds, 0.0) + share
            done += share
    if share < LEAST * error:
        return 0.0
    times = sorted(one for one in shares if one <= seeds)
    scale = max(planned, seeds)
    return _levels(tuple(one / scale for one in times), tuple(shares[one] for one in times))[-1]


def _bound(grid: np.ndarray, density: np.ndarray, sd: float, share: float) -> float:
    def excess(bound: float) -> float:
        return float(_integral(density * stats.norm.sf((bound - grid) / sd), grid)) - share

    return float(optimize.brentq(excess, -8.0, 12.0, xtol=1e-10))


def _integral(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    return np.asarray(np.trapezoid(values, grid, axis=-1))
