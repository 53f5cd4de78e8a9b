"""All that a step changes: networks, optimisers, moving average, the count of steps."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from flawforge.core.seeds import torch_stream
from flawforge.core.settings.recipe import Recipe
from flawforge.models.build import build_discriminator, build_generator, initialise
from flawforge.training.losses import Augmentation
from flawforge.training.processes.device import Precision
from flawforge.training.processes.processes import ALONE, Processes

RAMP = 0.05  # while training is young, the half-life of the average is this share of what has been shown


class MovingAverage:
    """An exponential moving average of a network's weights and batch-norm statistics.

    The half-life is given in images shown, not steps, and grows from 0 (Karras et al. 2020, 1912.04958, whose
    official code ramps it in the same way), so that the first pictures do not show the initial noise.

    Args:
        network: the network that is trained; `average` is a copy of it in evaluation mode.
        half_life_kimg: thousand images after which a weight counts half; 0 keeps an equal copy.
    """

    def __init__(self, network: nn.Module, half_life_kimg: float) -> None:
        self.network = network
        self.half_life = half_life_kimg * 1000
        self.average = copy.deepcopy(network).eval().requires_grad_(False)

    def decay(self, shown: int, batch: int) -> float:
        """Return the weight of the old average when `shown` images have been shown, `batch` of them in this step."""
        half_life = min(self.half_life, shown * RAMP)
        return 0.5 ** (batch / half_life) if half_life > 0 else 0.0

    @torch.no_grad()
    def update(self, shown: int, batch: int) -> None:
        """Move the average towards the network's present state."""
        keep = self.decay(shown, batch)
        for old, new in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if old.is_floating_point():
                old.lerp_(new, 1 - keep)
            else:
                old.copy_(new)


class TrainingState:
    """The state of a training: made from a seed, or put back from a checkpoint.

    `tensors` and `load` are inverse to each other and hold everything: weights, batch-norm statistics, spectral-norm
    vectors, Adam's memories and the moving average. Random streams and data order need no state (see
    `flawforge.core.seeds`).

    Attributes:
        recipe: the settings that hold now; `begun` are those that it began with.
        step: optimiser steps done.
        seconds: training time so far, over all sessions.
        processes: those that train together; the state is the same in all of them after each step.
    """

    def __init__(
        self,
        recipe: Recipe,
        channels: int,
        seed: int,
        device: torch.device,
        precision: Precision,
        classes: int = 1,
        processes: Processes = ALONE,
    ) -> None:
        self.recipe, self.channels, self.device, self.precision = recipe, channels, device, precision
        self.processes = processes
        self.begun, self.seed, self.classes = recipe, seed, classes
        self.step, self.seconds = 0, 0.0
        self.generator = self._build(build_generator(recipe, channels, classes), seed, "generator")
        self.discriminator = self._build(build_discriminator(recipe, channels, classes), seed, "discriminator")
        self.adam_g = self._adam(self.generator, recipe.generator_lr)
        self.adam_d = self._adam(self.discriminator, recipe.discriminator_lr)
        self.augmentation = Augmentation(recipe.augment, recipe.augment_target, seed, device, processes)
        self.average = MovingAverage(self.generator, recipe.ema_kimg)
        processes.join(self.generator, self.adam_g)
        processes.join(self.discriminator, self.adam_d)

    @property
    def shown(self) -> int:
        """Real images shown to the discriminator so far."""
        return self.step * self.recipe.batch

    @property
    def sampling_generator(self) -> nn.Module:
        """The generator that images are made from: the average, or the last weights without one."""
        return self.average.average if self.recipe.ema_kimg > 0 else self.generator

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context in which forward passes run."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def tensors(self) -> dict[str, Tensor]:
        """Return everything as named tensors (not copies)."""
        out = {f"generator.{key}": value for key, value in self.generator.state_dict().items()}
        out |= {f"discriminator.{key}": value for key, value in self.discriminator.state_dict().items()}
        if self.recipe.ema_kimg > 0:
            out |= {f"ema.{key}": value for key, value in self.average.average.state_dict().items()}
        out |= self.augmentation.tensors()
        for name, adam in (("adam_g", self.adam_g), ("adam_d", self.adam_d)):
            for index, weight in enumerate(adam.param_groups[0]["params"]):
                out |= {f"{name}.{index}.{key}": value for key, value in adam.state[weight].items()}
        return out

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor], step: int, seconds: float) -> None:
        """Put back what `tensors` returned. Copies into the present tensors, so that their memory layout stays."""
        mine = self.tensors()
        if mine.keys() != tensors.keys():
            odd = sorted(mine.keys() ^ tensors.keys())[:3]
            raise ValueError(f"the checkpoint is of another recipe: it differs in {', '.join(odd)}, ...")
        for key, value in mine.items():
            value.copy_(tensors[key])
        self.step, self.seconds = step, seconds

    def recover(self, level: int) -> None:
        """Continue with the settings for so many collapses (see `recovery_recipe`)."""
        self.recipe = recovery_recipe(self.begun, level)
        self.augmentation.kind = self.recipe.augment
        for adam, lr in ((self.adam_g, self.recipe.generator_lr), (self.adam_d, self.recipe.discriminator_lr)):
            for group in adam.param_groups:
                group["lr"] = lr

    def restart(self) -> None:
        """Put back the state before the first step."""
        fresh = TrainingState(self.begun, self.channels, self.seed, self.device, self.precision, self.classes)
        self.load(fresh.tensors(), 0, self.seconds)

    def is_finite(self) -> bool:
        """Say whether every weight of both networks is a finite number."""
        weights = [*self.generator.parameters(), *self.discriminator.parameters()]
        return all(bool(torch.isfinite(weight).all()) for weight in weights)

    def _build(self, network: nn.Module, seed: int, name: str) -> nn.Module:
        initialise(network, torch_stream(seed, "weights", name))
        return network.to(self.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload, no-any-return]

    def _adam(self, network: nn.Module, lr: float) -> torch.optim.Adam:
        betas = (self.recipe.beta1, self.recipe.beta2)
        adam = torch.optim.Adam(network.parameters(), lr=lr, betas=betas, fused=True)  # one pass over the weights
        for weight in network.parameters():  # now, not at the first step, so that `load` finds every tensor
            adam.state[weight] = {
                "step": torch.zeros((), device=weight.device),  # where a fused step on a GPU must have it
                "exp_avg": torch.zeros_like(weight, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(weight, memory_format=torch.preserve_format),
            }
        return adam


STRONGER = {"none": "light", "light": "full", "full": "full"}


def recovery_recipe(recipe: Recipe, level: int) -> Recipe:
    """Return the recipe to continue with after `level` collapses; 0 leaves it as it is.

    Each collapse halves both step sizes, makes the augmentation one stage stronger (up to ``full``) and doubles the
    weight of the diversity term where the recipe has one (up to 100).
    """
    if level == 0:
        return recipe
    augment = recipe.augment
    for _ in range(level):
        augment = STRONGER[augment]  # type: ignore[assignment]
    return recipe.model_copy(
        update={
            "generator_lr": recipe.generator_lr / 2**level,
            "discriminator_lr": recipe.discriminator_lr / 2**level,
            "augment": augment,
            "diversity": min(100.0, recipe.diversity * 2**level),
        }
    )


def describe_recovery(before: Recipe, after: Recipe) -> str:
    """Return in words what `recovery_recipe` changed."""
    parts = [f"step sizes {before.generator_lr:.3g} -> {after.generator_lr:.3g}"]
    if after.discriminator_lr / before.discriminator_lr != after.generator_lr / before.generator_lr or (
        before.discriminator_lr != before.generator_lr
    ):
        parts[0] += f" and {before.discriminator_lr:.3g} -> {after.discriminator_lr:.3g}"
    if before.augment != after.augment:
        parts.append(f"augmentation {before.augment} -> {after.augment}")
    if before.diversity != after.diversity:
        parts.append(f"diversity {before.diversity:g} -> {after.diversity:g}")
    return ", ".join(parts)
