"""Principal directions of a generator's latents: along which its images change most."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.models.latents import draw_latents, generated_images

TIMES = 4  # images that are drawn, for each number of the latent
FEWEST = 256
CELLS = 8  # a side of what is left of an image; with 4 to 32 the directions are the same


def principal_directions(generator: nn.Module, latent: int, label: int, batch: int, device: torch.device) -> Tensor:
    """Return (L, L) float32 unit vectors, one a row, that which changes images most first; along each, images become
    brighter.

    Images are regressed on their latents, and the right singular vectors of the coefficients are the directions. So
    GANSpace (Härkönen et al. 2020, 2004.02546, section 3.2) brings components of activations back to latents; here the
    image itself, coarse, takes the activations' place (docs/decisions/directions.md). The same weights give the same
    directions.

    Args:
        generator: of latents of L numbers.
        latent: L.
        label: number of the class.
        batch: images made at a time.
        device: of the generator.
    """
    count = max(FEWEST, TIMES * latent)
    latents = draw_latents(0, "previews", [("directions", index) for index in range(count)], latent)
    images = generated_images(generator, latents, torch.full((count,), label), batch, device).cpu()
    coarse = F.adaptive_avg_pool2d(images, CELLS).flatten(1)
    effects = torch.linalg.lstsq(latents.double(), (coarse - coarse.mean(0)).double()).solution  # (L, pixels)
    directions, _, seen = torch.linalg.svd(effects, full_matrices=True)
    signs = torch.ones(latent, dtype=torch.float64)
    known = min(latent, len(seen))
    signs[:known] = torch.where(seen[:known].sum(1) < 0, -1.0, 1.0)
    rows: Tensor = (directions * signs).T.float()
    return rows
