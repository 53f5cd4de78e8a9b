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
    """How each of Q queries fits onto K views of references, each in the best of all poses and shifts.

    Attributes:
        values: (Q, K) correlation, 0..1, of whichever sign; -1 where there is no view.
        how: (Q, K, 4) index into `POSES`, shift in x and in y in pixels of the half-size grid, and the sign: -1 where
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


def place_queries(queries: Tensor, spectra: TextureSpectra, views: Tensor, most: int) -> list[Placements]:
    """Return the `most` best placements of each query, each on another view.

    Args:
        queries: (Q, 64, 64) normalised textures.
        spectra: of the references.
        views: (Q, K) what to try: 8 times the index of a reference, plus the symmetry that the query is put through;
            -1 for none, but not in all of a row.
        most: placements to return of each, at most K.
    """
    found = fits(queries, spectra, views)
    return [best_placements(*rows, most) for rows in zip(found.values, found.how, views, strict=True)]


def fits(queries: Tensor, spectra: TextureSpectra, views: Tensor) -> Fits:
    """Return how well each of the (Q, 64, 64) queries fits onto its (Q, K) views."""
    best = queries.new_full(views.shape, -1.0)
    how = queries.new_zeros((*views.shape, 4))
    references, row_of = torch.unique(views.clamp_min(0) // 8, return_inverse=True)
    for number, pose in enumerate(POSES):
        posed = _posed(queries, pose)
        turns = torch.stack([apply_symmetry(posed, symmetry) for symmetry in range(8)], dim=1)
        values, weight = _transform(turns, pose.room).conj_physical(), _weight(posed, pose)
        covered = _covered(spectra, references, pose)
        for row, own in enumerate(views):
            real = torch.nonzero(own >= 0)[:, 0]
            norm = covered.index_select(0, row_of[row, real])
            fit = _fit(values[row], weight[row], norm, spectra.values[pose.room], own[real], pose)
            top = torch.maximum(fit.amax(1), -fit.amin(1))
            better = torch.nonzero(top > best[row, real])[:, 0]
            best[row, real[better]], how[row, real[better]] = top[better], _how(fit[better], number)
    return Fits(best, how)


def _covered(spectra: TextureSpectra, rows: Tensor, pose: Pose) -> Tensor:
    """Return (M, R, R): one over the norm of what a query covers of each reference, at each shift."""
    norm = _back(spectra.energies[pose.room].index_select(0, rows) * _window_spectrum(pose).to(rows.device), pose.room)
    return norm.clamp_min_(1e-3).rsqrt_()


def _fit(values: Tensor, weight: Tensor, norm: Tensor, spectra: Tensor, views: Tensor, pose: Pose) -> Tensor:
    """Return (K, R * R): the correlation with each of the (K,) views at each shift.

    Args:
        values: (8, R, R // 2 + 1) conjugate transform of the query under the symmetries.
        weight: (8, R, R) from `_weight`.
        norm: (K, R, R) from `_covered`, of the references of the views.
        spectra: (N, R, R // 2 + 1) transforms of the references.
        views: (K,).
        pose: that the query is in.
    """
    rows, turned = views // 8, views % 8  # taken by `index_select`: several times faster than in brackets
    product = spectra.index_select(0, rows).mul_(values.index_select(0, turned))
    return _back(product, pose.room).mul_(weight.index_select(0, turned)).mul_(norm).flatten(1)


def _how(fit: Tensor, number: int) -> Tensor:
    """Return (K, 4) as of `Fits`, from (K, R * R) correlations in the pose of this number."""
    room, at = POSES[number].room, fit.abs().argmax(1)
    sign = fit.gather(1, at[:, None])[:, 0].sign()
    return torch.stack(
        [torch.full_like(sign, number), _signed(at % room, room), _signed(at // room, room), sign], dim=1
    )


def best_placements(values: Tensor, how: Tensor, views: Tensor, most: int) -> Placements:
    """Return the `most` best placements of one query, from its row of `Fits` and of the views."""
    order = values.topk(min(most, int((views >= 0).sum()))).indices
    how = how[order]
    return Placements(views[order] // 8, _matrices(how, views[order] % 8), how[:, 3])


def _posed(queries: Tensor, pose: Pose) -> Tensor:
    """Return (Q, side, side): queries turned and made so large, 0 where a turned square would not reach."""
    if pose.angle:
        matrix = F.pad(_rotation(pose.angle).to(queries), (0, 1)).expand(len(queries), -1, -1)
        grid = F.affine_grid(matrix, [len(queries), 1, SIDE, SIDE], align_corners=False)
        queries = F.grid_sample(queries[:, None], grid, align_corners=False)[:, 0]
    scaled: Tensor = F.interpolate(queries[:, None], (pose.side, pose.side), mode="area")[:, 0]
    return scaled * _window(pose).to(queries) if pose.angle else scaled


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


@cache
def _window_spectrum(pose: Pose) -> Tensor:
    return _transform(_window(pose), pose.room).conj_physical()


@cache
def _whole_spectrum(room: int) -> Tensor:
    return _transform(torch.ones(GRID, GRID), room)


def _weight(posed: Tensor, pose: Pose) -> Tensor:
    """Return (Q, 8, R, R): the root of the overlapping share over the query's norm there, under each symmetry; 0 where
    too little overlaps. What a mirrored query has at a shift, the query itself has at the mirrored one.
    """
    whole = _whole_spectrum(pose.room).to(posed.device)
    norm = _back(whole * _transform(posed * posed, pose.room).conj(), pose.room).clamp_min(1e-3)
    inside = (_shares(pose).to(posed) / norm).sqrt_()
    flips = [inside]
    for axis in (2, 1):  # left-right, then up-down
        flips += [one.flip(axis).roll(GRID - pose.side + 1, axis) for one in flips]
    return torch.stack([*flips, *(one.transpose(1, 2) for one in flips)], dim=1)


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
