"""Training the network of recipe `placed` without a run folder, for a trial."""

from __future__ import annotations

import torch
from torch import nn

from flawforge.core.progress import SILENT
from flawforge.core.settings.recipe import Recipe
from flawforge.data.sampling.grounds import Grounds
from flawforge.data.sampling.material import Material
from flawforge.training.loop.step import train_step
from flawforge.training.placing.batches import PlacedBatches
from flawforge.training.placing.choice import ChosenPlacing
from flawforge.training.processes.device import honest_float32, resolve_precision
from flawforge.training.processes.processes import ALONE
from flawforge.training.state.state import TrainingState


class PlacerTraining:
    """A training in memory.

    Args:
        recipe: of design ``placed``.
        material: the training images, and `grounds` what defects are put on.
        chosen: how they are placed.
        seed: of every random stream.
        device: where to train.
        pool: as of `PlacedBatches`.

    Attributes:
        steps: the recipe's own length.
    """

    def __init__(
        self,
        recipe: Recipe,
        material: Material,
        grounds: Grounds,
        chosen: ChosenPlacing,
        seed: int,
        device: torch.device,
        pool: int | None = None,
    ) -> None:
        labels = recipe.labels(material.training.classes, unlabelled=False)
        self.precision = resolve_precision(recipe.precision, device)
        self.state = TrainingState(recipe, material.channels, seed, device, self.precision, labels)
        self.batches = PlacedBatches(material, grounds, chosen, recipe, seed, ALONE, SILENT, pool)
        self.steps = recipe.steps(len(self.batches.labels))

    def train(self, steps: int) -> nn.Module:
        """Return the network after so many further steps; the same seed gives the same weights."""
        with honest_float32(self.precision):
            for _ in range(steps):
                train_step(self.state, self.batches)
        return self.state.sampling_generator.eval()
