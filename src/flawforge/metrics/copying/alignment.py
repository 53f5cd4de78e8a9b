"""Alignment: a placement refined, and how well the two images then agree.

Refined by Gauss-Newton steps over the six numbers of an affine map, with gain and offset fitted along (Lucas & Kanade
1981; Baker & Matthews 2004). Judged by the correlation within small windows, averaged over the overlap: one strong edge
that two images share (the rim of a tile, a busbar) fills few windows, while a copy agrees everywhere. And by how much
less they agree a few pixels beside: straight grooves fit at any shift along themselves and prove nothing. The halves of
an image are judged too, so that one pieced together of two copies is found.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.metrics.copying.normalised_texture import SIDE, smooth

DAMPING = 1e-2
LONGEST = 0.1  # of a step, in coordinates from -1 to 1
OVERLAP = 0.35  # of the query that must stay on the reference
BESIDE = 5  # pixels between the alignment and those that it is compared with
WINDOW = 3.0  # pixels, standard deviation of the small windows
MOST = 0.99  # agreement that Fisher's z is taken of, at most
QUIET = 0.1  # of the mean variance that is added to a window's: where nothing is to be seen, nothing agrees


def align(queries: Tensor, references: Tensor, matrices: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Refine placements and measure them.

    Args:
        queries: (M, S, S) textures, of any side.
        references: likewise.
        matrices: (M, 2, 3) maps of points (x, y), from -1 to 1, of the query onto the reference.
        steps: of Gauss-Newton.

    Returns:
        (M,) agreement, -1..1, in the part that agrees best, and (M, 2, 3) refined maps.
    """
    sloped, base = _slopes(references), _base(queries)
    best, kept = torch.full_like(queries[:, 0, 0], -2), matrices
    for step in range(steps + 1):
        values, inside = _sampled(sloped, matrices, base)
        fit = _fit(queries, values[:, 0], inside)
        better = fit > best
        best, kept = torch.where(better, fit, best), torch.where(better[:, None, None], matrices, kept)
        if step < steps:
            matrices = matrices + _step(queries, values, inside, base)
    values, inside = _sampled(sloped, kept, base)
    return agreements(queries, values[:, 0], inside).amax(1), kept


def margin(queries: Tensor, references: Tensor, matrices: Tensor) -> Tensor:
    """Return (M,): Fisher z of the agreement, less that of the best of eight placements 5 pixels beside it, in the part
    of the image where that is most: the whole, or one of its halves.

    Args:
        queries: (M, 64, 64) textures.
        references: likewise.
        matrices: (M, 2, 3) maps from `align`.
    """
    base = _base(queries)
    found = []
    for dy in (0, -BESIDE, BESIDE):
        for dx in (0, -BESIDE, BESIDE):
            shift = torch.tensor([2 * dx / SIDE, 2 * dy / SIDE], device=queries.device)
            moved = matrices.clone()
            moved[:, :, 2] += matrices[:, :, :2] @ shift
            values, inside = _sampled(references[:, None], moved, base)
            found.append(agreements(queries, values[:, 0], inside))
    here, beside = found[0], torch.stack(found[1:]).amax(0).clamp_min(0)
    return (torch.atanh(here.clamp(-MOST, MOST)) - torch.atanh(beside.clamp(-MOST, MOST))).amax(1)


def agreements(a: Tensor, b: Tensor, inside: Tensor) -> Tensor:
    """Return (M, 5): the correlation within Gaussian windows of 3 pixels, averaged where the images overlap, times the
    root of the overlapping share: half an image that agrees counts less than a whole one. Over the whole image, and its
    left, right, upper and lower half: an image pieced together of two copies agrees with each in a half.

    Args:
        a: (M, 64, 64) textures.
        b: likewise, laid on `a`.
        inside: (M, 64, 64) where they overlap, bool.
    """
    weight = inside.to(a.dtype)
    mass, count = smooth(weight, WINDOW).clamp_min(1e-3), weight.sum((1, 2)).clamp_min(1)

    def mean(values: Tensor) -> Tensor:
        return smooth(values * weight, WINDOW) / mass

    def floor(variance: Tensor) -> Tensor:
        return variance + QUIET * ((variance * weight).sum((1, 2)) / count)[:, None, None] + 1e-4

    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = ((mean(x * x) - m * m).clamp_min(0) for x, m in ((a, mean_a), (b, mean_b)))
    local = (mean(a * b) - mean_a * mean_b) / torch.sqrt(floor(variance_a) * floor(variance_b))
    total, area = _in_parts(local * weight), _in_parts(weight)
    return total / area.clamp_min(1) * (area / a[0].numel()).clamp(0, 1).sqrt()


def _in_parts(values: Tensor) -> Tensor:
    """Return (M, 5) sums over the whole, left, right, upper and lower half of (M, 64, 64)."""
    half = values.shape[-1] // 2
    left, upper = values[:, :, :half].sum((1, 2)), values[:, :half].sum((1, 2))
    whole = values.sum((1, 2))
    return torch.stack([whole, left, whole - left, upper, whole - upper], dim=1)


def _base(images: Tensor) -> Tensor:
    """Return (S, S, 2): where the pixels of (M, S, S) images lie, x and y from -1 to 1."""
    side = images.shape[-1]
    return F.affine_grid(torch.eye(2, 3, device=images.device)[None], [1, 1, side, side], align_corners=False)[0]


def _slopes(images: Tensor) -> Tensor:
    """Return (M, 3, S, S): values, and their change along x and y per unit of coordinates from -1 to 1."""
    quarter = images.shape[-1] / 4
    across, down = torch.zeros_like(images), torch.zeros_like(images)
    across[:, :, 1:-1] = (images[:, :, 2:] - images[:, :, :-2]) * quarter
    down[:, 1:-1] = (images[:, 2:] - images[:, :-2]) * quarter
    return torch.stack([images, across, down], dim=1)


def _sampled(sloped: Tensor, matrices: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
    grid = torch.einsum("mij,hwj->mhwi", matrices[:, :, :2], base) + matrices[:, None, None, :, 2]
    values = F.grid_sample(sloped, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return values, (grid.abs() <= 1 - 1 / len(base)).all(-1)


def _fit(a: Tensor, b: Tensor, inside: Tensor) -> Tensor:
    """Return (M,) correlation over the overlap times the root of its share; -1 where it is too small."""
    weight = inside.to(a.dtype)
    count = weight.sum((1, 2)).clamp_min(1)
    a, b = ((x - ((x * weight).sum((1, 2)) / count)[:, None, None]) * weight for x in (a, b))
    found = (a * b).sum((1, 2)) / torch.sqrt((a * a).sum((1, 2)) * (b * b).sum((1, 2)) + 1e-6)
    share = count / a[0].numel()
    return torch.where(share > OVERLAP, found * share.sqrt(), torch.full_like(found, -1.0))


def _step(queries: Tensor, values: Tensor, inside: Tensor, base: Tensor) -> Tensor:
    """Return (M, 2, 3): the damped least-squares change of the maps."""
    x, y = base[..., 0], base[..., 1]
    now, across, down = values.unbind(1)
    terms = [across * x, across * y, across, down * x, down * y, down, now, torch.ones_like(now)]
    columns = torch.stack(terms, dim=1).flatten(2)
    weighted = columns * inside.flatten(1)[:, None]
    normal = weighted @ columns.transpose(1, 2)
    normal = normal + torch.diag_embed(normal.diagonal(dim1=1, dim2=2) * DAMPING + 1e-3)
    solution = torch.linalg.solve(normal, (weighted * queries.flatten(1)[:, None]).sum(2))
    gain = solution[:, 6].clamp_min(0.3)
    out: Tensor = (solution[:, :6] / gain[:, None]).clamp(-LONGEST, LONGEST).view(-1, 2, 3)
    return out
