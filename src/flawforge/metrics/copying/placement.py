"""Placement: where, how large and which way round does one texture fit onto others?

All shifts at once by Fourier transforms, for the eight symmetries, six sizes, small turns and both signs: normalised
cross-correlation of the overlap (Lewis 1995, "Fast normalized cross-correlation"; for partly overlapping images
Padfield 2012, "Masked object registration in the Fourier domain"). Done at half the texture's size: it only has to find
the neighbourhood.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import cos, radians, sin
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.metrics.copying.normalised_texture import SIDE, apply_symmetry

GRID = SIDE // 2
LEAST = 0.5  # of the smaller of the two that must overlap
LEAST_AREA = 0.3  # of the reference that must be covered
BLOCK = 16  # references at a time: what is held stays within the processor's cache
FARTHEST = 25  # pixels, no allowed shift to the right or down is so large; larger ones are shifts back
ROOMY = 96  # side of transforms in which no shift overlaps another


class Pose(NamedTuple):
    """One way to try: size of the query on the reference (below 1 it is a crop that was enlarged), turn in degrees."""

    size: float
    angle: float

    @property
    def side(self) -> int:
        """Return the query's side in pixels of the half-size grid."""
        return round(GRID * self.size)

    @property
    def room(self) -> int:
        """Return the side of the transforms: the shortest in which no allowed shift overlaps another."""
        return 48 if self.size <= 1 else 56


TILT = 11.0  # degrees; the refinement reaches 6 more or less
POSES = (
    *(Pose(size, 0.0) for size in (0.7, 0.8, 0.9, 1.0, 1.12, 1.25)),
    *(Pose(size, angle) for size in (0.85, 1.0) for angle in (-TILT, TILT)),
)
ROOMS = tuple(sorted({pose.room for pose in POSES}))


@dataclass(frozen=True)
class TextureSpectra:
    """Reliefs and their transforms, to be placed on.

    Attributes:
        textures: (N, 64, 64).
        values: by side of the transform, (N, side, side // 2 + 1) transforms of the textures at half size.
        energies: likewise of their squares.
    """

    textures: Tensor
    values: dict[int, Tensor]
    energies: dict[int, Tensor]

    @classmethod
    def of(cls, textures: Tensor) -> TextureSpectra:
        """Transform (N, 64, 64) textures."""
        small = F.avg_pool2d(textures[:, None], SIDE // GRID)[:, 0]
        rooms = {room: _transform(small, room) for room in ROOMS}
        return cls(textures, rooms, {room: _transform(small * small, room) for room in ROOMS})


class Fits(NamedTuple):
    """How one query fits onto K references under the eight symmetries, each in the best of all poses and shifts.

    Attributes:
        values: (K, 8) correlation, 0..1, of whichever sign.
        how: (K, 8, 4) index into `POSES`, shift in x and in y in pixels of the half-size grid, and the sign: -1 where
            the query is a negative.
    """

    values: Tensor
    how: Tensor


class Placements(NamedTuple):
    """The best placements of one query.

    Attributes:
        indices: (M,) references.
        matrices: (M, 2, 3) maps of a place of the query onto the reference, in coordinates (x, y) from -1 to 1.
        signs: (M,) 1, or -1 where the query is a negative of the reference.
    """

    indices: Tensor
    matrices: Tensor
    signs: Tensor


def place(query: Tensor, spectra: TextureSpectra, candidates: Tensor, most: int) -> Placements:
    """Return the `most` best placements of one query, each of another (candidate, symmetry).

    Args:
        query: (64, 64) normalised texture.
        spectra: of the references.
        candidates: (K,) indices of the references to try.
        most: placements to return, at most 8 K.
    """
    return best_placements(fits(query, spectra, candidates), candidates, most)


def fits(query: Tensor, spectra: TextureSpectra, candidates: Tensor) -> Fits:
    """Return how well one (64, 64) query fits onto each of the (K,) candidates."""
    best = query.new_full((len(candidates), 8), -1.0)
    how = query.new_zeros((len(candidates), 8, 4))
    for number, pose in enumerate(POSES):
        room = pose.room
        posed = _posed(query, pose)
        turns = torch.stack([apply_symmetry(posed, symmetry) for symmetry in range(8)])
        values, window = _transform(turns, room).conj(), _transform(_window(pose).to(query), room).conj()
        weight = _weight(turns, pose)
        for start in range(0, len(candidates), BLOCK):
            block = slice(start, start + BLOCK)
            rows = candidates[block]
            norm = _back(spectra.energies[room][rows] * window, room).clamp_min(1e-3).rsqrt()
            fit = _back(spectra.values[room][rows][:, None] * values[None], room)
            fit = fit.mul_(weight[None]).mul_(norm[:, None]).flatten(2)
            top, at = fit.abs().max(2)
            sign = fit.gather(2, at[..., None])[..., 0].sign()
            dy, dx = (_signed(part, room) for part in (at // room, at % room))
            found = torch.stack([torch.full_like(top, number), dx, dy, sign], dim=-1)
            better = top > best[block]
            best[block] = torch.where(better, top, best[block])
            how[block] = torch.where(better[..., None], found, how[block])
    return Fits(best, how)


def best_placements(found: Fits, candidates: Tensor, most: int) -> Placements:
    """Return the `most` best placements, at most 8 K, on the (K,) candidates that `found` is of."""
    order = found.values.flatten().topk(min(most, found.values.numel())).indices
    how = found.how.flatten(0, 1)[order]
    return Placements(candidates[order // 8], _matrices(how, order % 8), how[:, 3])


def _posed(query: Tensor, pose: Pose) -> Tensor:
    """Return (side, side): the query turned and made so large, 0 where a turned square would not reach."""
    if pose.angle:
        matrix = _rotation(pose.angle).to(query)
        grid = F.affine_grid(F.pad(matrix, (0, 1))[None], [1, 1, SIDE, SIDE], align_corners=False)
        query = F.grid_sample(query[None, None], grid, align_corners=False)[0, 0]
    scaled: Tensor = F.interpolate(query[None, None], (pose.side, pose.side), mode="area")[0, 0]
    return scaled * _window(pose).to(query) if pose.angle else scaled


@cache
def _window(pose: Pose) -> Tensor:
    """Return (side, side) of 1 and 0: the square, or what is left of it when turned either way."""
    steps = (torch.arange(pose.side) + 0.5) * 2 / pose.side - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    inside = torch.ones(pose.side, pose.side, dtype=torch.bool)
    for angle in (pose.angle, -pose.angle):
        a, b = cos(radians(angle)), sin(radians(angle))
        inside &= ((a * x - b * y).abs() <= 1) & ((b * x + a * y).abs() <= 1)
    return inside.float()


def _weight(turns: Tensor, pose: Pose) -> Tensor:
    """Return (8, R, R): the root of the overlapping share over the query's norm there; 0 where too little overlaps."""
    whole = _transform(turns.new_ones(GRID, GRID), pose.room)
    norm = _back(whole * _transform(turns * turns, pose.room).conj(), pose.room).clamp_min(1e-3)
    share = _shares(pose).to(turns)
    return (share / norm).sqrt()


@cache
def _shares(pose: Pose) -> Tensor:
    """Return (R, R): the overlapping share of the smaller of the two at each shift, 0 where a shift is not allowed."""
    window = _window(pose)
    area = _back(_transform(torch.ones(GRID, GRID), ROOMY) * _transform(window, ROOMY).conj(), ROOMY)
    share = area / min(float(window.sum()), GRID**2)
    share = torch.where((share > LEAST) & (area > LEAST_AREA * GRID**2), share.clamp(0, 1), torch.zeros(()))
    at = _signed(torch.arange(pose.room), pose.room).long() % ROOMY
    return share[at][:, at]


def _rotation(angle: float) -> Tensor:
    a, b = cos(radians(angle)), sin(radians(angle))
    return torch.tensor([[a, -b], [b, a]])


def _matrices(how: Tensor, symmetries: Tensor) -> Tensor:
    out = []
    for (number, dx, dy, _), symmetry in zip(how.tolist(), symmetries.tolist(), strict=True):
        pose = POSES[round(number)]
        turn = torch.diag(torch.tensor([-1.0 if symmetry & 1 else 1.0, -1.0 if symmetry & 2 else 1.0]))
        turn = turn.flip(0) if symmetry & 4 else turn
        size = pose.side / GRID
        shift = torch.tensor([[size + 2 * dx / GRID - 1], [size + 2 * dy / GRID - 1]])
        out.append(torch.cat([turn @ _rotation(-pose.angle) * size, shift], dim=1))
    return torch.stack(out).to(how.device)


def _transform(images: Tensor, room: int) -> Tensor:
    out: Tensor = torch.fft.rfft2(images, s=(room, room))
    return out


def _back(product: Tensor, room: int) -> Tensor:
    out: Tensor = torch.fft.irfft2(product, s=(room, room))
    return out


def _signed(shift: Tensor, room: int) -> Tensor:
    return torch.where(shift > FARTHEST, shift - room, shift).float()
