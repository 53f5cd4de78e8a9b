"""Previews of recipe `placed`: a patch about each of 36 defects, at native scale, as training goes on."""

from __future__ import annotations

import torch
from torch import nn

from flawforge.core.images import Pixels
from flawforge.core.progress import Task
from flawforge.data.dataset import Dataset
from flawforge.runs.folder import Run
from flawforge.training.loop.previews import SIDE, Previews, to_eight_bits
from flawforge.training.native.previews import NativePreviews
from flawforge.training.placing.batches import PlacedBatches
from flawforge.training.placing.choice import build_engine, draw_sheets


class PlacedPreviews(NativePreviews):
    """Draws the grids of one run of recipe `placed`."""

    def __init__(self, run: Run, seed: int, white: int, batches: PlacedBatches) -> None:
        super().__init__(run, seed, white, batches)
        self.laid, self.seed = batches, seed
        codes = torch.tensor(list(batches.pool))
        self.labels = codes[self.labels % len(codes)]

    def draw_last(self, maker: nn.Module, device: torch.device) -> None:
        """Draw whole placed images, and strips, as of the recipes that do not learn."""
        trained, how = maker.training, (self.laid.material, self.laid.grounds)
        engines = [
            build_engine(self.laid.recipe, *how, label, self.laid.chosen, network=maker.eval(), device=device)
            for label in self.laid.chosen.symmetries
        ]
        draw_sheets(self.run, engines, self.seed, Task())
        maker.train(trained)

    def draw_real(self, data: Dataset, pixels: Pixels, seed: int) -> None:
        """Write real images as `Previews` does, but in the grid patches about their defects."""
        Previews.draw_real(self, data, pixels, seed)
        steps = range(-(-2 * SIDE**2 // self.batches.recipe.batch))
        patches = torch.cat([self.laid.at(step, torch.device("cpu"))[::2] for step in steps])
        self._write("real.png", to_eight_bits(patches[: SIDE**2]))
