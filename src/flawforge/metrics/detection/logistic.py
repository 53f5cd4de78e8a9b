"""Logistic curves below an upper asymptote, fitted to many vectors of hits and misses at once.

The chance of a hit is ``c / (1 + exp(-eta))`` with ``eta = offset + design @ beta``; the asymptote c is given. Fitted
by Fisher scoring with a Levenberg-Marquardt damping for each row, so that no step lowers a likelihood. Separated rows,
whose coefficients have no end, stop where the likelihood does not rise any more: their likelihood is right to `ENOUGH`,
their coefficients are only large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from flawforge.core.arrays import Bools, Floats

STEEPEST = 30.0  # |eta| is held below it: beyond, a chance is 0 or 1 to 13 digits
STEPS = 60
ENOUGH = 1e-4  # rise of a log-likelihood below which a row is done


@dataclass(frozen=True)
class LogisticFits:
    """Maximum-likelihood fits: `beta` (B, P), and `log_likelihood` (B,) there."""

    beta: Floats
    log_likelihood: Floats


def chances(design: Floats, beta: Floats, asymptote: Floats | float = 1.0, offset: Floats | float = 0.0) -> Floats:
    """Return (B, N) chances of a hit, for a design (N, P), coefficients (B, P), and asymptotes and offsets (B, 1)."""
    eta = np.clip(offset + beta @ design.T, -STEEPEST, STEEPEST)
    return asymptote / (1 + np.exp(-eta))


def fit_logistic(
    design: Floats,
    hits: Bools,
    asymptote: Floats | float = 1.0,
    offset: Floats | float = 0.0,
    rising: int | None = None,
    start: Floats | None = None,
) -> LogisticFits:
    """Fit each row of hits by maximum likelihood.

    Args:
        design: (N, P), P from 0.
        hits: (B, N) bool.
        asymptote: chance of a hit far up the curve, above 0, up to 1; or (B,) of them.
        offset: added to eta; or (B,) of them.
        rising: column whose coefficient may not be negative; rows that would have it so are fitted without it.
        start: (P,) where the search begins; it decides how long it takes, not where it ends. None: at 0.
    """
    ceiling, shift = (np.broadcast_to(np.asarray(part, np.float64), len(hits))[:, None] for part in (asymptote, offset))
    begin = np.zeros(design.shape[1]) if start is None else start
    fits = _scored(design, hits, ceiling, shift, begin)
    if rising is None or not (falling := fits.beta[:, rising] < 0).any():
        return fits
    others = [column for column in range(design.shape[1]) if column != rising]
    flat = _scored(design[:, others], hits[falling], ceiling[falling], shift[falling], begin[others])
    beta, log_likelihood = fits.beta.copy(), fits.log_likelihood.copy()
    beta[falling] = 0.0
    beta[np.flatnonzero(falling)[:, None], others] = flat.beta
    log_likelihood[falling] = flat.log_likelihood
    return LogisticFits(beta, log_likelihood)


def separated(design: Floats, hits: Bools) -> bool:
    """Say whether some plane parts hits (N,) from misses, so that the curve has no maximum-likelihood fit.

    Konis 2007, "Linear programming algorithms for detecting separated data in binary logistic regression models": there
    is one where ``sign * design @ beta >= 0`` everywhere can be had with a sum above 0. A plane on which some of both
    lie counts (quasi-complete separation).
    """
    signed = design * np.where(hits, 1.0, -1.0)[:, None]
    scale = np.abs(signed).max(axis=0)
    signed = signed / np.where(scale > 0, scale, 1.0)
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1))
    return bool(found.status == 0 and -found.fun > 1e-7)


def _log_likelihood(p: Floats, hits: Bools) -> Floats:
    total: Floats = np.log(np.where(hits, p, 1 - p)).sum(axis=1)
    return total


def _scored(design: Floats, hits: Bools, asymptote: Floats, offset: Floats, start: Floats) -> LogisticFits:
    width = design.shape[1]
    beta = np.tile(start, (len(hits), 1))
    p = chances(design, beta, asymptote, offset)
    best = _log_likelihood(p, hits)
    if width == 0:
        return LogisticFits(beta, best)
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), width * width)
    damping, active, eye = np.full(len(hits), 1e-4), np.arange(len(hits)), np.eye(width)
    for _ in range(STEPS):
        rise = p * (1 - p / asymptote[active])  # derivative of the chance by eta
        weight = rise / (p * (1 - p))
        gradient = ((hits[active] - p) * weight) @ design
        information = ((rise * weight) @ products).reshape(-1, width, width)
        diagonal = np.einsum("bii->bi", information)
        damped = information + (damping[active, None] * diagonal + 1e-12)[:, :, None] * eye
        step = np.linalg.solve(damped, gradient[..., None])[..., 0]
        tried = beta[active] + step
        there = chances(design, tried, asymptote[active], offset[active])
        reached = _log_likelihood(there, hits[active])
        gain = reached - best[active]
        better = gain > 0
        rows = active[better]
        beta[rows], best[rows] = tried[better], reached[better]
        p[better] = there[better]
        damping[active] = np.where(better, damping[active] * 0.1, damping[active] * 30)
        going = np.where(better, gain > ENOUGH, damping[active] < 1e6)
        active, p = active[going], p[going]
        if not len(active):
            break
    return LogisticFits(beta, best)
