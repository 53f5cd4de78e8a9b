"""Early stopping that keeps its promise: looking several times at growing evidence without more false alarms.

The error that is allowed is spent bit by bit, as a function of the share of the planned seeds that is done (Lan &
DeMets 1983, "Discrete sequential boundaries for clinical trials"). The function is theirs like O'Brien & Fleming's:
next to nothing early, nearly all at the end, so the power at the planned end is that of a trial without looks. Looks
need not be planned, as long as when to look does not depend on what was seen. Before a third of the plan the error that
may be spent is so small that no evidence could decide and an interval at its level spans everything: nothing is spent.

The bounds are those of Student's t over the seeds, drawn: the levels of a normal statistic, taken for those of t
(Pocock 1977, section 3), spend a tenth too much where looks begin at four seeds. The part of the error that all seeds
share (the test groups) makes successive looks more alike than drawn, which spends less.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import stats

LEAST = 1 / 250  # of the error: with less to spend a look decides nothing, and spends nothing
DRAWS = 1 << 19  # trials without a gain that bounds are found by; the error over all looks is good to 0.02 points
SEEN = 30  # of them that a bound must cut off to be found; a smaller share of the error is taken as the level itself


def spent(fraction: float, error: float) -> float:
    """Return how much of a one-sided error may be spent when a share t of the seeds is done: ``2 - 2 Phi(z / sqrt t)``.

    Lan & DeMets 1983, section 2, with z the ``1 - error / 2`` quantile. At fraction 1 it is all of it.
    """
    if fraction <= 0:
        return 0.0
    return float(2 * stats.norm.sf(stats.norm.isf(error / 2) / np.sqrt(min(1.0, fraction))))


@lru_cache(maxsize=256)
def nominal_levels(looks: tuple[int, ...], shares: tuple[float, ...]) -> tuple[float, ...]:
    """Return the one-sided p of Student's t at or below which each look decides.

    Args:
        looks: numbers of seeds, ascending, from 2.
        shares: of the error that each look spends, as chances above 0 whose sum is the error over all looks.

    Raises:
        ValueError: looks that do not ascend from 2, or shares that are no chances of as many looks.
    """
    if not looks or looks[0] < 2 or list(looks) != sorted(set(looks)):
        raise ValueError(f"looks are at {looks} seeds; they ascend, from 2")
    if len(shares) != len(looks) or min(shares) <= 0 or not sum(shares) < 0.5:
        raise ValueError(f"shares are {shares}; each look spends a chance above 0, all of them less than 0.5")
    draws = np.random.Generator(np.random.PCG64(0))
    total, squares, done = np.zeros(DRAWS), np.zeros(DRAWS), 0  # of the trials that no look has ended yet
    levels: list[float] = []
    for seeds, share in zip(looks, shares, strict=True):
        if not levels and len(looks) == 1:
            return (share,)
        new = seeds - done
        added = np.sqrt(new) * draws.standard_normal(len(total))
        between = (added / new - total / done) ** 2 * (new * done / seeds) if done else 0.0
        squares = squares + between + (draws.chisquare(new - 1, len(total)) if new > 1 else 0.0)
        total, done = total + added, seeds
        t = total / np.sqrt(seeds * squares / (seeds - 1))
        cut = round(share * DRAWS)
        bound = float(stats.t.isf(share, seeds - 1))  # of this look alone, which spends no more than the share
        if cut >= SEEN:
            bound = min(bound, float(np.partition(t, -cut)[-cut]))
        levels.append(float(stats.t.sf(bound, seeds - 1)))
        total, squares = total[t < bound], squares[t < bound]
    return tuple(levels)


def level_now(looks: Sequence[int], planned: int, error: float, earlier: Sequence[tuple[int, int]] = ()) -> float:
    """Return the one-sided level of the last of `looks` (numbers of seeds), of `planned` in all.

    One look at all planned seeds has the whole error. Seeds beyond the plan have nothing left to spend. Where the plan
    was changed, a look may spend what its own plan allows less what the looks before it have spent, so that no history
    of looks and plans spends more than the error in all. 0 says that nothing can be decided: less than a 250th of the
    error is there to be spent, which is so before a third of the plan for an error of 0.025, and after the end of one.
    Such looks spend nothing, and do not count later; nor does a look at one seed, which has no spread.

    Args:
        looks: numbers of seeds, this look last.
        planned: seeds in all.
        error: one-sided, over all looks.
        earlier: looks against other plans, (seeds, planned) in the order in which they were made.
    """
    shares: dict[int, float] = {}
    share, done, seeds = 0.0, 0.0, 0
    for seeds, whole in (*earlier, *((look, planned) for look in sorted(looks))):
        share = spent(seeds / whole, error) - done if seeds > 1 else 0.0
        if share >= LEAST * error:
            shares[seeds] = shares.get(seeds, 0.0) + share
            done += share
    if share < LEAST * error:
        return 0.0
    times = sorted(one for one in shares if one <= seeds)
    return nominal_levels(tuple(times), tuple(shares[one] for one in times))[-1]
