"""The variance of the kernel distance in closed form, without bias and without resampling.

The estimate of `flawforge.metrics.fidelity.kid` is a sum of U-statistics, A + B - 2C (pairs within the real set,
within the generated one, and across). With p(x) = E k(x, X'), q(x) = E k(x, Y) over the two distributions, their
variances are (Hoeffding 1948; Serfling 1980, section 5.2)::

    Var A = (4 (m - 2) Var p(X) + 2 Var k(X, X')) / (m (m - 1))
    Var C = ((n - 1) Var q(X) + (m - 1) Var p(Y) + Var k(X, Y)) / (m n)
    Cov(A, C) = 2 Cov(p(X), q(X)) / m

and likewise for B. Each product of expectations is estimated from distinct images alone, which sums over the rows of
the kernel give (Sutherland & Deka 2019, 1906.02104, do this for m = n).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from flawforge.core.arrays import Floats
from flawforge.metrics.fidelity.kid import polynomial_kernel
from flawforge.metrics.vectors import Vectors, as_pair, row_blocks


def kid_variance(real: Vectors, generated: Vectors) -> float:
    """Return the unbiased estimate of the variance of ``kid(real, generated)`` over new draws of both sets.

    Both orders are in it, so it holds where the sets have one distribution too. Assumes independent images (no groups).
    Unbiased from 4 images a set, and below about 20 so noisy that it may come out negative; it is not cut off.

    Args:
        real: (M, D) features, worked on in float64.
        generated: (N, D) features.

    Raises:
        ValueError: fewer than 4 rows, shapes that do not fit, or a value that is not finite.
    """
    x, y = as_pair(real, generated, 4)
    m, n = len(x), len(y)
    xx, yy, xy = _sums(x, x, diagonal=False), _sums(y, y, diagonal=False), _sums(x, y)
    within = _within_variance(xx, m) + _within_variance(yy, n)
    across = _across_variance(xy, m, n)
    shared = _covariance(xx.rows, xx.total, xy.rows, xy.total, m, n) / m
    shared += _covariance(yy.rows, yy.total, xy.columns, xy.total, n, m) / n
    return float(within + 4 * across - 8 * shared)


class _Sums(NamedTuple):
    rows: Floats
    columns: Floats
    total: float
    squares: float


def _sums(x: Floats, y: Floats, diagonal: bool = True) -> _Sums:
    """Return the row sums, column sums, total and sum of squares of the kernel of x and y."""
    rows, columns, squares = np.zeros(len(x)), np.zeros(len(y)), 0.0
    for part in row_blocks(len(x)):
        kernel = polynomial_kernel(x[part], y)
        if not diagonal:
            kernel[np.arange(len(kernel)), np.arange(part.start, part.stop)] = 0
        rows[part] = kernel.sum(axis=1)
        columns += kernel.sum(axis=0)
        squares += float(np.square(kernel).sum())
    return _Sums(rows, columns, float(rows.sum()), squares)


def _within_variance(k: _Sums, m: int) -> float:
    """Return Var A."""
    chains = float(k.rows @ k.rows)
    triples = (chains - k.squares) / (m * (m - 1) * (m - 2))  # E p(X)²
    quads = (k.total**2 - 4 * chains + 2 * k.squares) / (m * (m - 1) * (m - 2) * (m - 3))  # (E k)²
    pairs = k.squares / (m * (m - 1))  # E k²
    return (4 * (m - 2) * (triples - quads) + 2 * (pairs - quads)) / (m * (m - 1))


def _across_variance(k: _Sums, m: int, n: int) -> float:
    """Return Var C."""
    by_row, by_column = float(k.rows @ k.rows), float(k.columns @ k.columns)
    quads = (k.total**2 - by_row - by_column + k.squares) / (m * (m - 1) * n * (n - 1))
    first = (by_row - k.squares) / (m * n * (n - 1)) - quads  # Var q(X)
    second = (by_column - k.squares) / (n * m * (m - 1)) - quads  # Var p(Y)
    return ((n - 1) * first + (m - 1) * second + k.squares / (m * n) - quads) / (m * n)


def _covariance(own: Floats, own_total: float, cross: Floats, cross_total: float, m: int, n: int) -> float:
    """Return Cov(p(X), q(X)) from the row sums of the kernel within X (diagonal left out) and across."""
    linked = float(own @ cross)
    apart = (own_total * cross_total - 2 * linked) / (m * (m - 1) * (m - 2) * n)
    return linked / (m * (m - 1) * n) - apart
