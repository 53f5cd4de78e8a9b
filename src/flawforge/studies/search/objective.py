"""One trial of a search: train from rung to rung, compare with held-out images after each, stop when others lead.

The measure is the kernel distance to images of specimens that no training of the search has seen.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from flawforge.core.errors import TrainingDivergedError
from flawforge.core.progress import SILENT
from flawforge.core.settings.recipe import Recipe
from flawforge.data.dataset import Dataset
from flawforge.runs.folder import Run
from flawforge.studies.search.plan import SearchPlan
from flawforge.studies.search.storage import TrialStore
from flawforge.training.train import train

if TYPE_CHECKING:
    from optuna import Trial
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Floats, Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.images import Pixels, stacked_planes, to_pixels, to_unit
from flawforge.core.progress import Progress
from flawforge.data.grouping.shots import check_shots, draw_shots
from flawforge.data.sampling.splits import propose_split
from flawforge.metrics.fidelity.kid import kid
from flawforge.models.extractors import Extractor
from flawforge.runs.checkpoint import find_checkpoint
from flawforge.studies.synthesis import Sampler

FRACTIONS = (0.6, 0.2, 0.2)  # of the groups: to train on, to choose by, to confirm with
GROUPS_NEEDED = 8  # of a class, or of all classes together, for a kernel distance
GENERATED = 256  # images that a generator is compared by, over all classes


@dataclass(frozen=True)
class ImagePart:
    """Some images of a dataset, with their (N,) group numbers."""

    data: Dataset
    groups: Ints


@dataclass(frozen=True)
class SearchParts:
    """A dataset cut by groups.

    Attributes:
        train: what every generator of the search learns from.
        choose: real images that rank the settings, on the scale of brightness of `train`, as `confirm`.
        confirm: real images that nothing was chosen by; they compare the winner with the recipe it started from.
    """

    train: ImagePart
    choose: ImagePart
    confirm: ImagePart


def cut_parts(data: Dataset, shots: int | None, seed: int, progress: Progress = SILENT) -> SearchParts:
    """Cut a dataset into what trains, what chooses and what confirms; no group is in two of them.

    Args:
        data: the classes to learn.
        shots: training images per class, drawn from the training part; None takes all of it.
        seed: of the cut and the draw.
        progress: where to tell how the search for groups goes.

    Raises:
        DataUnusableError: too few specimens to hold any back.
    """
    groups = data.groups(progress)
    specimens, needed = len(np.unique(groups)), round(GROUPS_NEEDED / FRACTIONS[1])
    if specimens < needed:
        raise DataUnusableError(
            f"{data.source} shows {specimens} different specimens. A search compares generators with images of "
            f"specimens that they were not trained on and needs at least {needed}. Add images of other specimens, or "
            f"train with the recipe as it is."
        )
    split = propose_split(data.labels, groups, fractions=FRACTIONS, seed=seed)
    rows = split.train
    if shots is not None:
        check_shots(data.take(rows.tolist()).counts, shots)
        rows = np.sort(rows[draw_shots(data.labels[rows], data.classes, groups[rows], shots, seed)])
    train = ImagePart(data.take(rows.tolist()), groups[rows])
    choose, confirm = (
        ImagePart(data.take(held.tolist()).scaled_as(train.data), groups[held])
        for held in (split.validation, split.test)
    )
    return SearchParts(train, choose, confirm)


def compares_by_class(held: ImagePart, recipe: Recipe) -> bool:
    """Say whether generators of a recipe are compared class by class: every class has enough groups."""
    data = held.data
    fewest = min(len(np.unique(held.groups[data.labels == code])) for code in range(len(data.classes)))
    return recipe.knows_classes and len(data.classes) > 1 and fewest >= GROUPS_NEEDED


class HeldOutKid:
    """The kernel distance of generators to one set of held-out images.

    With several classes the distance is taken class by class and averaged, so that a generator that mixes them up or
    leaves one out is not forgiven; where some class has fewer than 8 groups, over all images at once.
    """

    def __init__(self, held: ImagePart, recipe: Recipe, channels: int, extractor: Extractor) -> None:
        self._held, self._extractor = held, extractor
        self._by_class = compares_by_class(held, recipe)
        pixels = held.data.pixels(recipe.resolution, channels)
        self._real = self._features(np.ascontiguousarray(stacked_planes(pixels)))

    def kid(self, run: Run, device: torch.device, seed: int = 0) -> float:
        """Return the kernel distance between the held-out images and what `generate` would make."""
        sampler = Sampler(run, find_checkpoint(run), device)
        data, groups = self._held.data, self._held.groups
        if not sampler.recipe.knows_classes:
            return kid(self._real, self._generated(sampler, sampler.classes[0], GENERATED, seed), groups)
        rows = {label: data.labels == data.classes.index(label) for label in data.classes if label in sampler.classes}
        generated = {
            label: self._generated(sampler, label, max(16, round(GENERATED * float(own.mean()))), seed)
            for label, own in rows.items()
        }
        if not self._by_class:
            return kid(self._real, np.concatenate(list(generated.values())), groups)
        return float(np.mean([kid(self._real[own], generated[label], groups[own]) for label, own in rows.items()]))

    def _generated(self, sampler: Sampler, label: str, count: int, seed: int) -> Floats:
        batches = [sampler.images(seed, label, number) for number in range(-(-count // sampler.batch))]
        return self._features(to_pixels(np.concatenate(batches)[:count], self._held.data.white))  # as they are on disk

    def _features(self, pixels: Pixels) -> Floats:
        return self._extractor(torch.from_numpy(to_unit(pixels, self._held.data.white))).astype(np.float64)


def try_settings(
    store: TrialStore, trial: Trial, plan: SearchPlan, data: Dataset, held_out: HeldOutKid, device: torch.device
) -> None:
    """Train with the trial's settings to the last rung, or to the one where it is stopped early, and tell the store.

    All trials train with the same seed, on the same images, from the same first weights where the sizes allow, and are
    compared by the same latents: they differ by their settings.
    """
    from optuna.trial import TrialState

    path = store.folder / "trials" / trial.user_attrs["folder"]
    value: float | None = None
    for rung, kimg in enumerate(plan.rungs):
        began = time.monotonic()
        try:
            run = train_to(path, plan.recipe(store.settings(trial)), data, kimg, plan.seed, device)
            value = held_out.kid(run, device, plan.seed)
        except TrainingDivergedError:
            trial.set_user_attr("diverged", True)
            store.study.tell(trial, state=TrialState.PRUNED)
            return
        finally:
            trial.set_user_attr(f"seconds{rung}", time.monotonic() - began)
        trial.report(value, 2**rung)
        if rung + 1 < len(plan.rungs) and trial.should_prune():
            store.study.tell(trial, state=TrialState.PRUNED)
            for file in run.checkpoints.glob("step_*"):  # settings, history and previews stay
                file.unlink()
            return
    store.study.tell(trial, value)


def train_to(path: Path, recipe: Recipe, data: Dataset, kimg: float, seed: int, device: torch.device) -> Run:
    """Train a run up to a length, from where it stands."""
    return train(
        data,
        path,
        Recipe.parse({**recipe.dump(), "kimg": kimg}),
        seed=seed,
        device=str(device),
        resume=True,
        previews=2,
        command="flawforge search",
        progress=SILENT,
    )
