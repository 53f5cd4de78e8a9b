"""Interim analyses: looking several times at growing evidence without more false alarms.

The error that is allowed is spent bit by bit, as a function of the share of the planned repeats that is done (Lan &
DeMets 1983, "Discrete sequential boundaries for clinical trials"). The function is theirs like O'Brien & Fleming's:
next to nothing early, nearly all at the end, so the power at the planned end is that of a trial without interim
analyses. They need not be planned, as long as when they are made does not depend on what was seen. Before a third of
the plan the error that may be spent is so small that no evidence could decide and an interval at its level spans
everything: nothing is spent.

The bounds are those of Student's t over the repeats, drawn: the levels of a normal statistic, taken for those of t
(Pocock 1977, section 3), spend a tenth too much where analyses begin at four repeats. The part of the error that all
repeats share (the test groups) makes successive analyses more alike than drawn, which spends less.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import stats

SMALLEST_SHARE = 1 / 250  # of the error: with less to spend an analysis decides nothing, and spends nothing
DRAWS = 1 << 19  # trials without a gain that bounds are computed from; the total error is good to 0.02 points
CUT_OFF = 30  # of them that a bound must cut off to be computed; a smaller share is taken as the level itself


def spent(fraction: float, error: float) -> float:
    """Return how much of a one-sided error may be spent at a share t of the repeats: ``2 - 2 Phi(z / sqrt t)``.

    Lan & DeMets 1983, section 2, with z the ``1 - error / 2`` quantile. At fraction 1 it is all of it.
    """
    if fraction <= 0:
        return 0.0
    return float(2 * stats.norm.sf(stats.norm.isf(error / 2) / np.sqrt(min(1.0, fraction))))


@lru_cache(maxsize=256)
def nominal_levels(analyses: tuple[int, ...], shares: tuple[float, ...]) -> tuple[float, ...]:
    """Return the one-sided p-value of Student's t at or below which each analysis decides.

    Args:
        analyses: numbers of repeats, ascending, from 2.
        shares: of the error that each analysis spends, as chances above 0 whose sum is the error over all of them.
    """
    if len(analyses) == 1:
        return shares
    draws = np.random.Generator(np.random.PCG64(0))
    total, squares, done = np.zeros(DRAWS), np.zeros(DRAWS), 0  # of the trials that no analysis has ended yet
    levels: list[float] = []
    for repeats, share in zip(analyses, shares, strict=True):
        new = repeats - done
        added = np.sqrt(new) * draws.standard_normal(len(total))
        between = (added / new - total / done) ** 2 * (new * done / repeats) if done else 0.0
        squares = squares + between + (draws.chisquare(new - 1, len(total)) if new > 1 else 0.0)
        total, done = total + added, repeats
        t = total / np.sqrt(repeats * squares / (repeats - 1))
        cut = round(share * DRAWS)
        bound = float(stats.t.isf(share, repeats - 1))  # of this analysis alone, which spends no more than the share
        if cut >= CUT_OFF:
            bound = min(bound, float(np.partition(t, -cut)[-cut]))
        levels.append(float(stats.t.sf(bound, repeats - 1)))
        total, squares = total[t < bound], squares[t < bound]
    return tuple(levels)


def level_now(analyses: Sequence[int], planned: int, error: float, earlier: Sequence[tuple[int, int]] = ()) -> float:
    """Return the one-sided level of the last of `analyses` (numbers of repeats), of `planned` in all.

    A single analysis at all planned repeats has the whole error. Repeats beyond the plan have nothing left to spend.
    Where the plan was changed, an analysis may spend what its own plan allows less what those before it have spent, so
    that no history of analyses and plans spends more than the error in all. 0 says that nothing can be decided: less
    than a 250th of the error is there to be spent, which is so before a third of the plan for an error of 0.025, and
    after the end of a plan. Such analyses spend nothing, and do not count later; nor does one at a single repeat, which
    has no spread.

    Args:
        analyses: numbers of repeats, this analysis last.
        planned: repeats in all.
        error: one-sided, over all analyses.
        earlier: analyses against other plans, (repeats, planned) in the order in which they were made.
    """
    shares: dict[int, float] = {}
    share, done, repeats = 0.0, 0.0, 0
    for repeats, whole in (*earlier, *((number, planned) for number in sorted(analyses))):
        share = spent(repeats / whole, error) - done if repeats > 1 else 0.0
        if share >= SMALLEST_SHARE * error:
            shares[repeats] = shares.get(repeats, 0.0) + share
            done += share
    if share < SMALLEST_SHARE * error:
        return 0.0
    times = sorted(number for number in shares if number <= repeats)
    return nominal_levels(tuple(times), tuple(shares[number] for number in times))[-1]
