"""Judging a generator while it trains: how far are its images from real ones?

The number is a distance to real images over the share of them that is covered; the best weights are chosen by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import nn

from flawforge.core.arrays import Floats, Ints
from flawforge.core.images import Pixels, stacked_planes
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream
from flawforge.metrics.fidelity.kid import kid
from flawforge.metrics.fidelity.precision_recall import density_coverage
from flawforge.models.extractors import Lite0
from flawforge.models.latents import draw_latents, generated_images
from flawforge.training.setup.opening import OpenedRun

GENERATED = 128  # images that one judgement makes
MOST = 384  # real images that it looks at
BATCH = 16
FEWEST = 4  # specimens that a judgement rests on
CRITERION = 2  # raise it when `distance` means something else: a run keeps the one that it began with
NEAR = 0.75  # share of generated images near a training one that is still no sign of copying
SMALLEST_SPREAD = 1e-3  # of the largest deviation: a smaller one counts as that much
NEIGHBOURS = 3  # that a real image's ball reaches to; fewer images than 4 of different groups judge nothing
LEAST_COVERED = 0.1  # a smaller share covered counts as that much: the untrained generator covers none


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
        self._ready: tuple[Lite0, Reference] | None = None

    def value(self, maker: nn.Module) -> float:
        """Return how far the images of a generator are from the real ones: lower is better, infinite if no numbers.

        The generator's mode is put back, and none of its weights or statistics change.
        """
        extractor, reference = self.prepare()
        labels = torch.from_numpy(self.labels)
        found = extractor(generated_images(maker, self.latents, labels, BATCH, self.device)).astype(np.float64)
        return distance(reference, found, self.criterion) if np.isfinite(found).all() else float("inf")

    def prepare(self) -> tuple[Lite0, Reference]:
        """Return the feature network and what it sees in the real images; worked out once."""
        if self._ready is None:
            extractor, real = Lite0(self.device), self.real
            planes = stacked_planes(real.pixels)
            values = torch.from_numpy(planes.astype(np.float32)).div_(real.white / 2).sub_(1)
            self._ready = extractor, Reference(extractor(values).astype(np.float64), real.groups, real.held_out)
        return self._ready


@dataclass(frozen=True)
class Reference:
    """Real images in the features of the score.

    Attributes:
        features: (N, D).
        groups: (N,) group numbers.
        held_out: whether training has not seen them.
    """

    features: Floats
    groups: Ints
    held_out: bool


def distance(reference: Reference, generated: Floats, criterion: int = CRITERION) -> float:
    """Return how far generated features (N, D) are from real ones: lower is better, 0 is equality.

    The kernel distance hardly sees how much of the real variety is there (a generator that shows a sixth of it and one
    that shows two thirds had the same), so it is divided by the share of real images that are covered: those with a
    generated image as near as their third neighbour of another group.

    Against held-out images the distance is `flawforge.metrics.fidelity.kid.kid`, as in the score. Against the training
    images themselves it is the same of features that are standardised by the training images' mean and standard
    deviation, so that no few of the 112 numbers decide, plus the `crowding` around single training images. How well
    that agrees with images that training never saw: `benchmarks/best_checkpoint.py`.

    Criterion 1, of runs begun by version 0.1.0, does not divide.

    Raises:
        ValueError: as `kid`, or there are fewer than 4 groups.
    """
    real, groups = reference.features, reference.groups
    if not reference.held_out:
        mean, spread = real.mean(axis=0), real.std(axis=0)
        real, generated = (
            (rows - mean) / np.maximum(spread, spread.max() * SMALLEST_SPREAD) for rows in (real, generated)
        )
    away = kid(real, generated, groups) + (0.0 if reference.held_out else crowding(real, generated, groups))
    if criterion == 1:
        return away
    covered = max(LEAST_COVERED, density_coverage(real, generated, groups, k=NEIGHBOURS).coverage)
    return away / covered if away > 0 else away * covered


def crowding(real: Floats, generated: Floats, groups: Ints) -> float:
    """Return how far beyond three quarters the share of generated features is that lie nearer to a training image than
    half of the training images lie to another group's: 0 (three quarters or less) to 1 (all). Without copying about
    half of them do.
    """
    apart = cdist(real, real)
    apart[groups[:, None] == groups[None]] = np.inf
    usual = float(np.median(apart.min(axis=1)))
    near = float((cdist(generated, real).min(axis=1) < usual).mean())
    return max(0.0, near - NEAR) / (1 - NEAR)
