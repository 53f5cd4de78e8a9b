"""The hit/miss curve: how large a defect must be to be found reliably.

MIL-HDBK-1823A (2009), appendix G.3: the chance of a hit is logistic in the logarithm of the size. The logarithm of the
contrast is a second variable where a likelihood-ratio test says that it matters, and an upper asymptote below 1 is kept
where the profile likelihood says that some defects stay unseen at any size (tested against 1 with half a chi-square of
one degree of freedom, as 1 is the end of its range: Self & Liang 1987). a50 and a90 are the sizes of which 50 and 90 of
100 are found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import beta as beta_distribution
from scipy.stats import chi2

from flawforge.core.arrays import Bools, Floats
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.detection.logistic import LogisticFits, chances, fit_logistic, separated

RELIABLE = 0.9  # the chance of a90
CONFIDENCE = 0.95  # one-sided, of a90/95
TESTED = 199  # draws of hits that test the asymptote
LEVEL = 0.05  # of the tests for contrast and asymptote
ASYMPTOTES = (1.0, 0.99, 0.975, 0.96, 0.94, 0.92, 0.905, 0.87, 0.83, 0.78, 0.72, 0.66, 0.6, 0.5, 0.4, 0.3)

Outcome = Literal["curve", "all hits", "no hits", "one size", "separated", "falls"]


@dataclass(frozen=True)
class HitMiss:
    """Placements and what the curve was fitted to.

    Attributes:
        x: (N,) logarithms of the sizes, less `centre`.
        z: (N,) logarithms of the contrast over the reference; None: contrast is left out.
        hits: (N,) bool.
        centre: mean logarithm of the sizes.
        asymptotes: that are tried; (1.0,) where none below 1 is needed.
    """

    x: Floats
    z: Floats | None
    hits: Bools
    centre: float
    asymptotes: tuple[float, ...] = (1.0,)

    def free(self, hits: Bools, start: Floats | None = None) -> tuple[LogisticFits, Floats]:
        """Return the best fits of rows of hits (B, N), and (B,) the asymptote of each; `start` as of `fit_logistic`."""
        c = np.repeat(self.asymptotes, len(hits))
        return best_fits(fit_logistic(self.design, self._tiled(hits, len(self.asymptotes)), c, 0.0, 1, start), c)

    def held(
        self, hits: Bools, size: float, chance: float = RELIABLE, start: Floats | None = None
    ) -> tuple[LogisticFits, Floats]:
        """Return the best fits of those curves that have this chance at a size (in units of x), and asymptotes.

        Their coefficients are (B, P - 1), of `design_held`.
        """
        allowed = [c for c in self.asymptotes if c > chance]
        c = np.repeat(allowed, len(hits))
        rows = self._tiled(hits, len(allowed))
        return best_fits(fit_logistic(self.design_held(size), rows, c, np.log(chance / (c - chance)), 0, start), c)

    def design_held(self, size: float) -> Floats:
        """Return (N, 1 or 2): x less a size, and z where it counts."""
        return np.stack([self.x - size, *([] if self.z is None else [self.z])], axis=1)

    @staticmethod
    def _tiled(hits: Bools, times: int) -> Bools:
        return hits if times == 1 else np.tile(hits, (times, 1))

    @property
    def design(self) -> Floats:
        """(N, 2 or 3): 1, x, and z where it counts."""
        columns = [np.ones_like(self.x), self.x, *([] if self.z is None else [self.z])]
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class HitMissCurve:
    """A fitted curve, or why there is none.

    Attributes:
        outcome: ``curve``; or what keeps one from being fitted.
        data: what it was fitted to.
        beta: (P,) intercept, slope, and the slope of the logarithm of the contrast where it counts; None: no curve.
        asymptote: chance of a hit far up the curve.
        contrast_p: of the test for contrast; None: not tested (it does not vary).
        asymptote_p: of the test for an asymptote below 1.
        jump: largest size below which nothing is found and smallest above which all is, where they are parted.
    """

    outcome: Outcome
    data: HitMiss
    beta: Floats | None = None
    asymptote: float = 1.0
    contrast_p: float | None = None
    asymptote_p: float | None = None
    jump: tuple[float, float] | None = None

    def size_at(self, chance: float) -> float | None:
        """Return the size of which this share is found, at the reference contrast; None where none is."""
        if self.beta is None or chance >= self.asymptote:
            return None
        eta = np.log(chance / (self.asymptote - chance))
        return float(np.exp(np.clip((eta - self.beta[0]) / self.beta[1], -50, 50) + self.data.centre))

    def chance_of(self, sizes: Floats, contrasts: Floats | None = None) -> Floats:
        """Return (M,) chances of sizes, at the reference contrast or at contrasts over the reference."""
        assert self.beta is not None
        found: Floats = chances(design_at(self.data, sizes, contrasts), self.beta[None], self.asymptote)[0]
        return found


def fit_hit_miss(sizes: Floats, hits: Bools, contrasts: Floats | None = None, seed: int = 0) -> HitMissCurve:
    """Fit the curve, with contrast and asymptote where the data ask for them.

    Args:
        sizes: (N,) above 0, N from 1.
        hits: (N,) bool.
        contrasts: (N,) over the reference, above 0; None: not known.
        seed: of the stream ``bootstrap``, for the test of the asymptote.
    """
    logs = np.log(np.asarray(sizes, dtype=np.float64))
    centre = float(logs.mean())
    plain = HitMiss(logs - centre, None, np.asarray(hits, dtype=bool), centre)
    if outcome := _without_curve(plain):
        jump = (float(sizes[~plain.hits].max()), float(sizes[plain.hits].min())) if outcome == "separated" else None
        return HitMissCurve(outcome, plain, jump=jump)
    data, contrast_p = plain, None
    if contrasts is not None and np.ptp(z := np.log(np.asarray(contrasts, dtype=np.float64))) > 1e-9:
        wider = HitMiss(plain.x, z, plain.hits, centre)
        if not separated(wider.design, wider.hits):
            gain = _likelihood(wider) - _likelihood(plain)
            contrast_p = float(chi2.sf(max(0.0, 2 * gain), 1))
            data = wider if contrast_p < LEVEL else plain
    if data.free(data.hits[None])[0].beta[0, 1] <= 0:
        return HitMissCurve("falls", data, contrast_p=contrast_p)
    below = HitMiss(data.x, data.z, data.hits, centre, ASYMPTOTES)
    asymptote_p = _test_asymptote(data, below, seed)
    data = below if asymptote_p < LEVEL else data
    fits, asymptotes = data.free(data.hits[None])
    return HitMissCurve("curve", data, fits.beta[0], float(asymptotes[0]), contrast_p, asymptote_p)


def best_fits(fits: LogisticFits, asymptotes: Floats) -> tuple[LogisticFits, Floats]:
    """Return row by row the likeliest of fits with several asymptotes, and which that is; of equals the first.

    Args:
        fits: (K B, P) fits of B rows, first all with the first of K asymptotes, then with the second, ...
        asymptotes: (K B,) of them.
    """
    kinds = len(np.unique(asymptotes))
    likelihood = fits.log_likelihood.reshape(kinds, -1)
    rows = likelihood.argmax(axis=0) * likelihood.shape[1] + np.arange(likelihood.shape[1])
    return LogisticFits(fits.beta[rows], fits.log_likelihood[rows]), asymptotes[rows]


def design_at(data: HitMiss, sizes: Floats, contrasts: Floats | None = None) -> Floats:
    """Return the design (M, P) of sizes, at the reference contrast or at contrasts over it."""
    x = np.log(np.asarray(sizes, dtype=np.float64)) - data.centre
    z = np.zeros_like(x) if contrasts is None else np.log(np.asarray(contrasts, dtype=np.float64))
    return np.stack([np.ones_like(x), x, *([] if data.z is None else [z])], axis=1)


def shown_by_binomial(sizes: Floats, hits: Bools) -> float | None:
    """Return a size from which on nine of ten are found, with 95% confidence and without a curve; None: from none.

    Of the k smallest defects so many were found that a lower chance at the k-th size, and by that at all
    smaller ones, would have found as many in at most 5 of 100 such tests (Clopper & Pearson 1934); k is the smallest
    number that can show it without a miss (29 for nine of ten), so it was not chosen by the outcome. Where all sizes
    are equal, all of them count.
    """
    order = np.argsort(sizes, kind="stable")
    fewest = int(np.ceil(np.log(1 - CONFIDENCE) / np.log(RELIABLE)))
    count = len(sizes) if np.ptp(sizes) == 0 else fewest
    if len(sizes) < fewest:
        return None
    low, _ = binomial_interval(float(hits[order[:count]].sum()), count, 2 * CONFIDENCE - 1)
    return float(sizes[order[count - 1]]) if low >= RELIABLE else None


def binomial_interval(found: float, count: float, level: float = 0.95) -> tuple[float, float]:
    """Return Clopper and Pearson's two-sided interval of a share; `found` may be a sum of shares."""
    tail = (1 - level) / 2
    low = 0.0 if found <= 0 else float(beta_distribution.ppf(tail, found, count - found + 1))
    high = 1.0 if found >= count else float(beta_distribution.ppf(1 - tail, found + 1, count - found))
    return low, high


def _without_curve(data: HitMiss) -> Outcome | None:
    if data.hits.all():
        return "all hits"
    if not data.hits.any():
        return "no hits"
    if np.ptp(data.x) < 1e-9:
        return "one size"
    if separated(data.design, data.hits):
        return "separated" if data.x[data.hits].mean() > data.x[~data.hits].mean() else "falls"
    return None


def _test_asymptote(data: HitMiss, below: HitMiss, seed: int) -> float:
    """Return the p-value of an asymptote below 1. With 60 defects the chi-square says "below" in 8 of 100 cases without
    one, not in 5; so where it says so, hits drawn from the curve without one must say it too.
    """
    gain = _likelihood(below) - _likelihood(data)
    p = float(0.5 * chi2.sf(2 * gain, 1)) if gain > 1e-6 else 1.0
    if p >= LEVEL:
        return p
    plain = data.free(data.hits[None])[0]
    uniform = numpy_stream(seed, "bootstrap", "asymptote").random((TESTED, len(data.x)))
    drawn = uniform < chances(data.design, plain.beta)
    start = plain.beta[0]
    gains = below.free(drawn, start)[0].log_likelihood - data.free(drawn, start)[0].log_likelihood
    return max(p, float((1 + (gains >= gain).sum()) / (1 + TESTED)))


def _likelihood(data: HitMiss) -> float:
    return float(data.free(data.hits[None])[0].log_likelihood[0])
