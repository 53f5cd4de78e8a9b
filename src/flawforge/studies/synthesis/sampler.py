"""The trained generator, ready to make images: image i is a function of seed, class, i and checkpoint alone."""

from __future__ import annotations

import shlex

import torch
from torch import Tensor, nn

from flawforge.core.arrays import Floats32
from flawforge.core.errors import RunBrokenError, SettingError, TrainingDivergedError
from flawforge.models.build import build_generator
from flawforge.models.latents import draw_latents
from flawforge.runs.checkpoint import Checkpoint
from flawforge.runs.folder import Run

PIXELS = 1 << 19  # in one batch: 32 images of 128x128
LARGEST = 64  # images in one batch


def refuse_without_latent(run: Run, verb: str) -> None:
    """Refuse a run whose images are not made from latents.

    Raises:
        SettingError: its recipe composes.
    """
    if run.recipe.composes:
        raise SettingError(
            f"{run.path} is of recipe '{run.recipe.name}', which joins real images and makes none from a latent alone, "
            f"so {verb} cannot work with it. Train a generator with another recipe, or make its images with: "
            f"flawforge generate {shlex.quote(str(run.path))}"
        )


def load_generator(
    run: Run, checkpoint: Checkpoint, device: torch.device, weights: dict[str, Tensor] | None = None
) -> nn.Module:
    """Return a run's generator in evaluation mode with a checkpoint's weights, which are read where they are not given.

    Raises:
        RunBrokenError: they do not fit the recipe.
    """
    settings, recipe = run.settings, run.recipe
    labels = recipe.labels(list(settings.data.classes), unlabelled=settings.unlabelled is not None)
    with torch.device("meta"):  # no weights are drawn only to be replaced
        network = build_generator(recipe, settings.channels, labels)
    weights = weights or checkpoint.tensors("ema.") or checkpoint.tensors("generator.")
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise RunBrokenError(
            f"checkpoint {checkpoint.path} does not fit the recipe in {run.settings_file}: {error}"
        ) from error
    network.requires_grad_(False).eval()
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def diverged(checkpoint: Checkpoint) -> TrainingDivergedError:
    """Return the error that a checkpoint's weights make values that are no numbers."""
    return TrainingDivergedError(
        f"checkpoint {checkpoint.name} generates values that are not numbers. Train another run with "
        f"smaller step sizes (flawforge train DATA --out OUT --generator-lr 0.0001 --discriminator-lr 0.0001)."
    )


class Sampler:
    """A generator in evaluation mode, in float32: the moving average of the weights where the run kept one.

    Libraries choose how to multiply by the batch's size, so sizes that vary would change last bits. Here image i is
    always image i mod `batch` of the same whole batch, whatever number is asked for.

    Attributes:
        batch: images made at a time; it follows from the resolution.
    """

    def __init__(
        self, run: Run, checkpoint: Checkpoint, device: torch.device, weights: dict[str, Tensor] | None = None
    ) -> None:
        """Build the network with a checkpoint's weights, which are read where they are not given."""
        settings = run.settings
        self.recipe = run.recipe
        self.channels = settings.channels
        self.classes = sorted(settings.data.classes)
        self.checkpoint, self.device = checkpoint, device
        height, width = self.recipe.resolution
        self.batch = max(1, min(LARGEST, PIXELS // (height * width)))
        self.network = load_generator(run, checkpoint, device, weights)

    def images(self, seed: int, label: str, number: int, truncation: float | None = None) -> Floats32:
        """Make batch `number` of a class: (batch, C, H, W) in [-1, 1], images number·batch and following.

        Raises:
            TrainingDivergedError: the weights make values that are no numbers.
        """
        first = number * self.batch
        places = [(label, index) for index in range(first, first + self.batch)]
        latents = draw_latents(seed, "samples", places, self.recipe.latent, truncation)
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            images = self.network(latents.to(self.device), self._labels(label, len(places))).cpu()
        if not bool(images.isfinite().all()):
            raise diverged(self.checkpoint)
        array: Floats32 = images.numpy()
        return array

    def compared(self, images: Floats32) -> Floats32:
        """Return images as audit and score see them: as they are."""
        return images

    def _labels(self, label: str, number: int) -> Tensor | None:
        if not self.recipe.knows_classes:
            return None
        return torch.full((number,), self.classes.index(label), dtype=torch.int64, device=self.device)
