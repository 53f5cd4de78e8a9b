"""Judging a generator while it trains: how far are its images from real ones?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from flawforge.core.arrays import Floats, Ints
from flawforge.core.images import Pixels
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream
from flawforge.models.efficientnet import SMALLEST, Backbone, load_backbone
from flawforge.models.features import features
from flawforge.models.latents import draw_latents
from flawforge.training.health.criterion import CRITERION, NEIGHBOURS, Reference, distance
from flawforge.training.setup.opening import OpenedRun

GENERATED = 128  # images that one judgement makes
MOST = 384  # real images that it looks at
BATCH = 16
FEWEST = 4  # specimens that a judgement rests on
STAGE = 5  # of the feature network, as the score takes


@dataclass(frozen=True)
class RealImages:
    """The real images that a generator is judged by, as integers.

    Attributes:
        pixels: (N, H, W) or (N, H, W, 3) at the network's resolution.
        white: the integer that is +1.
        labels: (N,) class numbers.
        groups: (N,) group numbers.
        held_out: whether training has not seen them.
    """

    pixels: Pixels
    white: int
    labels: Ints
    groups: Ints
    held_out: bool


def find_judge(opened: OpenedRun, pixels: Pixels, device: torch.device, seed: int, progress: Progress) -> Judge | None:
    """Return the judge of a training: by held-out images where there are any, else by the training images.

    None where the recipe does not judge, or where the images show too few specimens to tell anything.

    Args:
        opened: what is trained.
        pixels: the training images at the network's resolution.
        device: where the generator is.
        seed: of the run.
        progress: where to tell how the search for groups goes.
    """
    recipe, whole, rows = opened.plan.recipe, opened.chosen, opened.division.held_out
    if recipe.judge_kimg == 0:
        return None
    groups = whole.groups(progress)
    if len(rows):
        held = whole.take(rows).scaled_as(opened.training)
        shown = held.pixels(recipe.resolution, opened.plan.channels, progress)
        real = RealImages(shown, held.white, whole.labels[rows], groups[rows], True)
    else:
        real = RealImages(pixels, whole.white, whole.labels, groups, False)
    judge = Judge(real, recipe.latent, seed, device)
    counts = np.unique(judge.real.groups, return_counts=True)[1]  # of those that were drawn
    return judge if len(counts) >= FEWEST and counts.sum() - counts.max() >= NEIGHBOURS else None


class Judge:
    """Judges a generator always by the same latents and the same real images.

    It draws from the stream ``judging`` alone, so it changes no weight. The feature network is read and the real
    images' features are worked out by `prepare`, or at the first judgement.

    Args:
        real: what to judge by.
        latent: numbers in a latent.
        seed: of the run.
        device: where the generator is.
    """

    def __init__(self, real: RealImages, latent: int, seed: int, device: torch.device) -> None:
        chosen = np.sort(numpy_stream(seed, "judging", "real").permutation(len(real.labels))[:MOST])
        self.real = RealImages(real.pixels[chosen], real.white, real.labels[chosen], real.groups[chosen], real.held_out)
        every = np.linspace(0, len(chosen), GENERATED, endpoint=False).astype(np.int64)
        self.labels = np.sort(self.real.labels)[every]  # classes as often as among the real images
        self.latents = draw_latents(seed, "judging", [(i,) for i in range(GENERATED)], latent)
        self.device = device
        self.criterion = CRITERION
        self._ready: tuple[Backbone, Reference] | None = None

    def value(self, maker: nn.Module) -> float:
        """Return how far the images of a generator are from the real ones: lower is better, infinite if no numbers.

        The generator's mode is put back, and none of its weights or statistics change.
        """
        backbone, reference = self.prepare()
        trained = maker.training
        maker.eval()
        with torch.no_grad():
            labels = torch.from_numpy(self.labels)
            parts = zip(torch.split(self.latents, BATCH), torch.split(labels, BATCH), strict=True)
            images = [maker(z.to(self.device), y.to(self.device)).float() for z, y in parts]
        maker.train(trained)
        found = self._features(images, backbone)
        return distance(reference, found, self.criterion) if np.isfinite(found).all() else float("inf")

    def prepare(self) -> tuple[Backbone, Reference]:
        """Return the feature network and what it sees in the real images; worked out once."""
        if self._ready is None:
            backbone = load_backbone().to(self.device)
            real = self.real
            planes = real.pixels[:, None] if real.pixels.ndim == 3 else real.pixels.transpose(0, 3, 1, 2)
            values = torch.from_numpy(planes.astype(np.float32)).div_(real.white / 2).sub_(1)
            found = self._features(list(torch.split(values, BATCH)), backbone)
            self._ready = backbone, Reference(found, real.groups, real.held_out)
        return self._ready

    @staticmethod
    def _features(images: list[torch.Tensor], backbone: Backbone) -> Floats:
        height, width = images[0].shape[2:]
        small = min(height, width) < SMALLEST
        size = (max(height, SMALLEST), max(width, SMALLEST)) if small else None
        found: Floats = features(images, backbone, (STAGE,), size=size).double().numpy()
        return found
