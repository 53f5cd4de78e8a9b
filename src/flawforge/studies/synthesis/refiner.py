"""The refiner of a run of recipe `native`: image i is composed, then refined by the network at its own size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Floats32
from flawforge.core.images import whole_planes
from flawforge.core.progress import Progress
from flawforge.core.seeds import torch_stream
from flawforge.data.dataset import Dataset
from flawforge.models.latents import draw_latents
from flawforge.models.native import draw_noise
from flawforge.runs.checkpoint import Checkpoint
from flawforge.runs.folder import Run
from flawforge.studies.synthesis.composer import BATCH, ComposedPicture, Composer
from flawforge.studies.synthesis.sampler import diverged, load_generator


class Refiner(Composer):
    """Makes images of a run out of its training images, at their own size, as its network has learnt to refine them."""

    def __init__(
        self,
        run: Run,
        checkpoint: Checkpoint,
        data: Dataset | str | Path | None,
        progress: Progress,
        device: torch.device,
        weights: dict[str, Tensor] | None = None,
    ) -> None:
        """Find the training images and the donors again, and load the network; errors as `Composer`."""
        super().__init__(run, checkpoint, data, progress)
        self.device = device
        self.network = load_generator(run, checkpoint, device, weights)

    def images(self, seed: int, label: str, number: int, truncation: float | None = None) -> list[ComposedPicture]:
        """Make batch `number` of a class: images number·batch and following.

        Raises:
            TrainingDivergedError: the weights make values that are no numbers.
        """
        composed = super().images(seed, label, number)
        return [
            replace(picture, planes=self._refined(picture.planes, seed, label, number * BATCH + place))
            for place, picture in enumerate(composed)
        ]

    def _refined(self, planes: Floats32, seed: int, label: str, index: int) -> Floats32:
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        size = planes.shape[1], planes.shape[2]
        inputs = (
            torch.from_numpy(planes)[None],
            torch.from_numpy(whole_planes(planes, self.recipe.resolution))[None],
            torch.tensor([self.classes.index(label)]),
            draw_latents(seed, "samples", [(label, index)], self.recipe.latent),
            draw_noise(1, size, torch_stream(seed, "samples", label, index, "noise")),
        )
        with torch.inference_mode(), exact:
            image = self.network.refine(*(tensor.to(self.device) for tensor in inputs))  # type: ignore[operator]
        if not bool(image.isfinite().all()):
            raise diverged(self.checkpoint)
        refined: Floats32 = image[0].clamp(-1, 1).cpu().numpy()
        return np.ascontiguousarray(refined)
