"""Blending without a seam: the offset that a pasted part needs to meet its new ground (Poisson image editing)."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from flawforge.core.arrays import Bools, Floats

ANCHOR = 1e-6  # holds the offset at 0 where no border determines it
NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def harmonic_offset(inside: Bools, known: Bools, difference: Floats) -> Floats:
    """Return (n, C): what to add to a pasted part at the n pixels of `inside`, in the order of `np.nonzero`.

    It satisfies Laplace's equation, and along the border it equals the ground minus the part (Perez et al. 2003, eq. 2
    with the part's gradient as guidance). Where the border lies outside the image or is not known, it is free (no
    slope).

    Args:
        inside: (H, W), at least one pixel.
        known: (H, W), where `difference` is one.
        difference: (C, H, W), ground minus part.
    """
    height, width = inside.shape
    number = np.full((height + 2, width + 2), -1)
    number[1:-1, 1:-1][inside] = np.arange(inside.sum())
    counts = np.full(int(inside.sum()), ANCHOR)
    wanted = np.zeros((len(counts), len(difference)))
    rows, columns = np.nonzero(inside)
    links = []
    for down, right in NEIGHBOURS:
        r, c = rows + down, columns + right
        within = (r >= 0) & (r < height) & (c >= 0) & (c < width)
        within[within] &= known[r[within], c[within]]
        counts += within
        other = number[r + 1, c + 1]
        free = within & (other >= 0)
        links.append((np.flatnonzero(free), other[free]))
        border = within & (other < 0)
        wanted[border] += difference[:, r[border], c[border]].T
    here, there = (np.concatenate(side) for side in zip(*links, strict=True))
    laplacian = sparse.diags(counts) - sparse.csr_matrix((np.ones(len(here)), (here, there)), (len(counts),) * 2)
    solved: Floats = spsolve(laplacian.tocsc(), wanted).reshape(len(counts), len(difference))
    return solved
