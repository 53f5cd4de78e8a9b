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


def fit_placer(
    recipe: Recipe, material: Material, grounds: Grounds, chosen: ChosenPlacing, seed: int, device: torch.device
) -> nn.Module:
    """Return the network, trained for the recipe's own length; the same seed gives the same weights.

    Args:
        recipe: of design ``placed``.
        material: the training images, and `grounds` what defects are put on.
        chosen: how they are placed.
        seed: of every random stream.
        device: where to train.
    """
    labels = recipe.labels(material.training.classes, unlabelled=False)
    precision = resolve_precision(recipe.precision, device)
    state = TrainingState(recipe, material.channels, seed, device, precision, labels)
    batches = PlacedBatches(material, grounds, chosen, recipe, seed, ALONE, SILENT)
    with honest_float32(precision):
        for _ in range(recipe.steps(len(batches.labels))):
            train_step(state, batches)
    return state.sampling_generator.eval()
