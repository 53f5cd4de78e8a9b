"""Placement: where, how large and which way round does one relief fit onto others?

All shifts at once by Fourier transforms, for the eight symmetries and six sizes: normalised cross-correlation of the
overlap (Lewis 1995, "Fast normalized cross-correlation"; for partly overlapping images Padfield 2012, "Masked object
registration in the Fourier domain"). Done at half the relief's size: it only has to find the neighbourhood.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.metrics.relief import SIDE, turned

GRID = SIDE // 2
ROOM = 2 * GRID  # side of the transforms; shifts beyond half an image are not asked for
SIZES = (0.7, 0.8, 0.9, 1.0, 1.12, 1.25)  # of the query on the reference: below 1 it is a crop that was enlarged
LEAST = 0.5  # of the smaller of the two that must overlap
LEAST_AREA = 0.3  # of the reference that must be covered
BLOCK = 16  # references at a time: what is held stays within the processor's cache


@dataclass(frozen=True)
class Spectra:
    """Reliefs and their transforms, to be placed on.

    Attributes:
        reliefs: (N, 64, 64).
        values: (N, 64, 33) transforms of the reliefs at half size.
        energies: likewise of their squares.
    """

    reliefs: Tensor
    values: Tensor
    energies: Tensor

    @classmethod
    def of(cls, reliefs: Tensor) -> Spectra:
        """Transform (N, 64, 64) reliefs."""
        small = F.avg_pool2d(reliefs[:, None], SIDE // GRID)[:, 0]
        return cls(reliefs, _transform(small), _transform(small * small))


def place(query: Tensor, spectra: Spectra, candidates: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the `most` best placements of one query, each of another (candidate, symmetry).

    Args:
        query: (64, 64) relief.
        spectra: of the references.
        candidates: (K,) indices of the references to try.
        most: placements to return, at most 8 K.

    Returns:
        (M,) indices of references, and (M, 2, 3) matrices that map a place of the query onto the reference, in
        coordinates (x, y) from -1 to 1 over each image.
    """
    shape = (len(candidates), 8)
    best = query.new_full(shape, -1.0)
    how = query.new_zeros((*shape, 3))  # size, shift in x, shift in y, in pixels of the half-size grid
    for size in SIZES:
        side = round(GRID * size)
        scaled = F.interpolate(query[None, None], (side, side), mode="area")[0, 0]
        turns = torch.stack([turned(scaled, symmetry) for symmetry in range(8)])
        values, window = _transform(turns).conj(), _transform(torch.ones_like(scaled)).conj()
        weight = _weight(turns, window, side)
        for start in range(0, len(candidates), BLOCK):
            block = slice(start, start + BLOCK)
            rows = candidates[block]
            norm = _back(spectra.energies[rows] * window).clamp_min(1e-3).rsqrt()
            fit = _back(spectra.values[rows][:, None] * values[None]).mul_(weight[None]).mul_(norm[:, None])
            top, at = fit.flatten(2).max(2)
            dy, dx = (_signed(part) for part in (at // ROOM, at % ROOM))
            found = torch.stack([torch.full_like(top, side / GRID), dx, dy], dim=-1)
            better = top > best[block]
            best[block] = torch.where(better, top, best[block])
            how[block] = torch.where(better[..., None], found, how[block])
    order = best.flatten().topk(min(most, best.numel())).indices
    return candidates[order // 8], _matrices(how.flatten(0, 1)[order], order % 8)


def _weight(turns: Tensor, window: Tensor, side: int) -> Tensor:
    """Return (8, R, R): the root of the overlapping share over the query's norm there; 0 where too little overlaps."""
    whole = _transform(turns.new_ones(GRID, GRID))
    norm = _back(whole * _transform(turns * turns).conj()).clamp_min(1e-3)
    area = _back(whole * window)
    share = (area / min(side, GRID) ** 2).clamp(0, 1)
    allowed = (share > LEAST) & (area > LEAST_AREA * GRID**2)
    return torch.where(allowed, (share / norm).sqrt(), torch.zeros_like(norm))


def _matrices(how: Tensor, symmetries: Tensor) -> Tensor:
    out = []
    for (size, dx, dy), symmetry in zip(how.tolist(), symmetries.tolist(), strict=True):
        turn = torch.diag(torch.tensor([-1.0 if symmetry & 1 else 1.0, -1.0 if symmetry & 2 else 1.0]))
        turn = turn.flip(0) if symmetry & 4 else turn
        shift = torch.tensor([[size + 2 * dx / GRID - 1], [size + 2 * dy / GRID - 1]])
        out.append(torch.cat([turn * size, shift], dim=1))
    return torch.stack(out).to(how.device)


def _transform(images: Tensor) -> Tensor:
    out: Tensor = torch.fft.rfft2(images, s=(ROOM, ROOM))
    return out


def _back(product: Tensor) -> Tensor:
    out: Tensor = torch.fft.irfft2(product, s=(ROOM, ROOM))
    return out


def _signed(shift: Tensor) -> Tensor:
    return torch.where(shift > GRID, shift - ROOM, shift).float()
