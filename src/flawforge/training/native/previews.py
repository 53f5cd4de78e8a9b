"""Previews of recipe `native`: a patch of fixed composed images, at native scale, as training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from flawforge.core.images import Pixels, as_picture, to_pixels
from flawforge.core.settings.recipe import Recipe
from flawforge.data.dataset import Dataset
from flawforge.data.sampling.material import Material
from flawforge.models.native import patch_labels
from flawforge.runs.folder import Run
from flawforge.training.loop.previews import SIDE, Previews, to_eight_bits
from flawforge.training.native.batches import patch, planes


class RefinedBatches(Protocol):
    """What such previews are drawn of: images to refine, at patches of native scale."""

    recipe: Recipe
    material: Material
    classes: int

    def preview_inputs(self, codes: Sequence[int], device: torch.device) -> tuple[Tensor, ...]:
        """Return inputs of the generator of these classes: always the same ones."""


class NativePreviews(Previews):
    """Draws the grids of one run of recipe `native`."""

    def __init__(self, run: Run, seed: int, white: int, batches: RefinedBatches) -> None:
        super().__init__(run, batches.recipe.latent, seed, white, batches.classes)
        self.batches = batches

    def draw(self, maker: nn.Module, kimg: float, device: torch.device) -> None:
        """Write the patches in the middle of 36 composed images, refined."""
        trained = maker.training
        maker.eval()
        patches = []
        with torch.no_grad():
            for codes in torch.split(self.labels, SIDE):
                inputs = self.batches.preview_inputs(codes.tolist(), device)
                refined = maker(inputs, patch_labels(codes, self.batches.classes).to(device))
                patches.append(refined[::2].float().cpu())
        maker.train(trained)
        self._write(f"kimg_{kimg:010.3f}.png", to_eight_bits(torch.cat(patches)))

    def draw_real(self, data: Dataset, pixels: Pixels, seed: int) -> None:
        """Write real images as `Previews` does, but in the grid the patch in the middle of each."""
        details = (self.batches.material[row] for row in range(len(data)))
        cut = [patch(planes(detail.pixels), pixels.shape[1:3], (0.5, 0.5))[0] for detail in details]
        super().draw_real(data, np.stack([as_picture(to_pixels(one, data.white)) for one in cut]), seed)
