"""Held-out images that judge a generator: the kernel distance to material that no training of the search has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from flawforge.core.arrays import Floats, Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.images import to_pixels, to_unit
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.recipes import Recipe
from flawforge.data.dataset import Dataset
from flawforge.data.grouping.shots import check_shots, draw_shots
from flawforge.data.sampling.splits import propose_split
from flawforge.metrics.fidelity.kid import kid
from flawforge.models.extractors import Extractor
from flawforge.runs.checkpoint import find_checkpoint
from flawforge.runs.folder import Run
from flawforge.studies.synthesis import Sampler

FRACTIONS = (0.6, 0.2, 0.2)  # of the groups: to train on, to choose by, to confirm with
LEAST_GROUPS = 8  # of a class, or of all classes together, that a kernel distance is read from
GENERATED = 256  # images that a generator is judged by, over all classes


@dataclass(frozen=True)
class Parts:
    """A dataset cut by groups.

    Attributes:
        train: what every generator of the search learns from.
        choose: real images that rank the settings, on the scale of brightness of `train`, as `confirm`.
        confirm: real images that nothing was chosen by; they compare the winner with the recipe it started from.
        train_groups: (N,) group numbers of `train`.
        choose_groups: (N,) of `choose`.
        confirm_groups: (N,) of `confirm`.
    """

    train: Dataset
    choose: Dataset
    confirm: Dataset
    train_groups: Ints
    choose_groups: Ints
    confirm_groups: Ints


def cut(data: Dataset, shots: int | None, seed: int, progress: Progress = SILENT) -> Parts:
    """Cut a dataset into what trains, what chooses and what confirms; no group is in two of them.

    Args:
        data: the classes to learn.
        shots: training images per class, drawn from the training part; None takes all of it.
        seed: of the cut and the draw.
        progress: where to tell how the search for groups goes.

    Raises:
        DataUnusableError: too few pieces of material to hold any back.
    """
    groups = data.groups(progress)
    pieces = len(np.unique(groups))
    least = round(LEAST_GROUPS / FRACTIONS[1])
    if pieces < least:
        raise DataUnusableError(
            f"{data.source} shows {pieces} different pieces of material; a search judges by images that no training "
            f"has seen and needs at least {least}. Add images of other pieces, or train with the recipe as it is."
        )
    split = propose_split(data.labels, groups, fractions=FRACTIONS, seed=seed)
    rows = split.train
    if shots is not None:
        check_shots(data.take(rows.tolist()).counts, shots)
        rows = np.sort(rows[draw_shots(data.labels[rows], data.classes, groups[rows], shots, seed)])
    train = data.take(rows.tolist())
    return Parts(
        train=train,
        choose=data.take(split.validation.tolist()).scaled_as(train),
        confirm=data.take(split.test.tolist()).scaled_as(train),
        train_groups=groups[rows],
        choose_groups=groups[split.validation],
        confirm_groups=groups[split.test],
    )


def goes_by_class(held: Dataset, groups: Ints, recipe: Recipe) -> bool:
    """Say whether generators of a recipe are judged class by class: every class has enough pieces of material."""
    least = min(len(np.unique(groups[held.labels == code])) for code in range(len(held.classes)))
    return recipe.knows_classes and len(held.classes) > 1 and least >= LEAST_GROUPS


class Referee:
    """Judges generators by one set of held-out images.

    With several classes the distance is taken class by class and averaged, so that a generator that mixes them up or
    leaves one out is not forgiven; where some class has fewer than 8 groups, over all images at once.

    Attributes:
        by_class: whether it goes class by class.
    """

    def __init__(self, held: Dataset, groups: Ints, recipe: Recipe, channels: int, extractor: Extractor) -> None:
        self._extractor, self._labels, self._groups = extractor, held.labels, groups
        self._classes, self._white = held.classes, held.white
        self.by_class = goes_by_class(held, groups, recipe)
        pixels = held.pixels(recipe.resolution, channels)
        planes = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
        self._real = extractor(torch.from_numpy(to_unit(np.ascontiguousarray(planes), held.white))).astype(np.float64)

    def kid(self, run: Run, device: torch.device, seed: int = 0) -> float:
        """Return the kernel distance between the held-out images and what `generate` would make."""
        sampler = Sampler(run, find_checkpoint(run), device)
        classes = [label for label in self._classes if label in sampler.classes]
        if not sampler.recipe.knows_classes:
            made = self._features(sampler, sampler.classes[0], GENERATED, seed)
            return kid(self._real, made, self._groups)
        shares = {label: float((self._labels == self._classes.index(label)).mean()) for label in classes}
        counts = {label: max(16, round(GENERATED * share)) for label, share in shares.items()}
        made_of = {label: self._features(sampler, label, counts[label], seed) for label in classes}
        if not self.by_class:
            return kid(self._real, np.concatenate(list(made_of.values())), self._groups)
        found = []
        for label in classes:
            rows = self._labels == self._classes.index(label)
            found.append(kid(self._real[rows], made_of[label], self._groups[rows]))
        return float(np.mean(found))

    def _features(self, sampler: Sampler, label: str, count: int, seed: int) -> Floats:
        batches = [sampler.images(seed, label, number) for number in range(-(-count // sampler.batch))]
        images = to_unit(to_pixels(np.concatenate(batches)[:count], self._white), self._white)  # as they lie on disk
        return self._extractor(torch.from_numpy(images)).astype(np.float64)
