"""Opening a run folder for training: a new one, or the one to continue, checked to be the same experiment."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from flawforge.core.errors import DataUnusableError, DiskFullError, SettingError
from flawforge.core.progress import Progress
from flawforge.core.settings.recipe import Recipe
from flawforge.data.dataset import Dataset
from flawforge.data.estimates import estimated_counts
from flawforge.data.good_names import find_good
from flawforge.data.sampling.held_out import HeldOutDivision, hold_out, keep_all
from flawforge.runs.checkpoint import KEPT, newest_checkpoint
from flawforge.runs.folder import Run
from flawforge.runs.run_settings import RunSettings, Selection
from flawforge.training.setup.first_settings import first_settings
from flawforge.training.setup.inputs import TrainingInputs
from flawforge.training.setup.request import TrainingRequest, refuse_inside
from flawforge.training.state.plan import TrainingPlan

MIN_IMAGES = 2  # of a class, that a generator can learn from
LENGTH_FIELDS = ("kimg", "epochs")  # fields that a resumed run may change: they decide no weight on the way


@dataclass(frozen=True)
class OpenedRun:
    """A run folder that is ready to train in.

    Attributes:
        run: the folder.
        plan: the length.
        chosen: the images that were chosen.
        division: of them, those to train on and those that the checkpoint is selected by.
    """

    run: Run
    plan: TrainingPlan
    chosen: Dataset
    division: HeldOutDivision

    @property
    def training(self) -> Dataset:
        """The images to train on."""
        return self.chosen.take(self.division.training) if len(self.division.held_out) else self.chosen


def open_run(request: TrainingRequest, inputs: TrainingInputs, progress: Progress) -> OpenedRun:
    """Make the run folder, or check that the one there is the same experiment. Of several processes the first one
    does, and sends the outcome to the others: they may not see its disk.

    Raises:
        RunExistsError: there is a run and `request.resume` is False, or something else. SettingError: it was begun
        with other data, seed or settings, `request.minutes` is not above 0, or the processes cannot share the batch
        evenly.
    """
    opened = _open(request, inputs, progress) if inputs.processes.first else None
    written, *rows = inputs.processes.tell(opened)
    settings = RunSettings(**written)
    length = settings.channels, settings.minutes, settings.steps, settings.budget
    division = HeldOutDivision(*(np.array(side, dtype=np.int64) for side in rows))
    data = inputs.chosen.take(division.training)
    recorded = data.with_white(settings.data.white, settings.data.deep_white)
    chosen = inputs.chosen if recorded is data else replace(inputs.chosen, scale=recorded.scale)
    return OpenedRun(Run(request.out), TrainingPlan(Recipe.parse(settings.recipe), *length), chosen, division)


def _open(request: TrainingRequest, inputs: TrainingInputs, progress: Progress) -> list[Any]:
    """Return, as JSON values, the settings that run.json has now, and the rows that are trained on and held out."""
    request.check()
    run, chosen = Run(request.out), inputs.chosen
    begun = run.settings if request.continues else None
    if begun is None:
        refuse_inside(chosen, request.out, "run")
    recipe = request.resolve(None if begun is None else run.recipe)
    inputs.processes.check_batch(recipe.batch)
    division = hold_out(chosen, request.seed, progress) if recipe.judge_kimg else keep_all(chosen)
    data, held = chosen.take(division.training), chosen.take(division.held_out)
    minutes = request.minutes
    if begun is not None and minutes is None and request.changes.get("kimg") is None:
        minutes = begun.minutes
    if begun is not None:
        recipe, minutes = _no_less_than_done(run, request, recipe, minutes, progress)
    length = {
        "recipe": recipe.dump(),
        "minutes": minutes,
        "budget": request.budget,
        "steps": recipe.steps(_learnt_from(data, recipe)) if minutes is None or recipe.kimg is not None else None,
    }
    if begun is not None:
        _check_same_experiment(run, begun, recipe, data, request, inputs)
        _warn_of_rounding(begun, inputs, progress)
        settings = begun.model_copy(update=length)
        run.save_settings(settings)
    else:
        _check_classes(data, recipe, inputs.unlabelled, progress)
        settings = first_settings(recipe, data, held, request, inputs).model_copy(update=length)
        _announce(data, held, len(chosen), inputs.selection, progress)
        Run.create(request.out, settings)
    if inputs.masks is not None and estimated_counts(inputs.masks.data.samples) and newest_checkpoint(run) is None:
        inputs.masks.save(run.estimated_masks)
    return [settings.dump(), division.training.tolist(), division.held_out.tolist()]


def _learnt_from(data: Dataset, recipe: Recipe) -> int:
    """Return how many images an epoch has: good ones that defects are put on are not counted."""
    return sum(bool(sample.marks) for sample in data.samples) if recipe.places else len(data)


def _no_less_than_done(
    run: Run, request: TrainingRequest, recipe: Recipe, minutes: float | None, progress: Progress
) -> tuple[Recipe, float | None]:
    """Return the length to train, which is not shorter than what was trained already: run.json says what was done."""
    done = newest_checkpoint(run)
    if done is None:
        return recipe, minutes
    kimg, spent = float(done.facts["kimg"]), math.floor(float(done.facts["seconds"]) / 60 * 1e4) / 1e4
    short = minutes is not None and request.minutes is not None and minutes < spent
    fewer = request.changes.get("kimg") is not None and recipe.kimg is not None and recipe.kimg < kimg
    if short or fewer:
        progress.say(f"{run.path} was trained for longer already: {kimg:.1f} kimg in {spent:.1f} minutes. That stays.")
    return recipe.model_copy(update={"kimg": kimg}) if fewer else recipe, spent if short else minutes


def _announce(data: Dataset, held: Dataset, chosen: int, selection: Selection, progress: Progress) -> None:
    if len(held):
        progress.say(f"{len(held)} of {chosen} images are held out to select the checkpoint, and not trained on")
    if selection.samples is None:  # else the caller made the dataset and knows it
        named = ", ".join(f"{count:,} {label}" for label, count in data.counts.items())
        progress.say(f"training on {len(data):,} images of {data.source}: {named}")


def _check_classes(data: Dataset, recipe: Recipe, unlabelled: Dataset | None, progress: Progress) -> None:
    if unlabelled is not None and not recipe.knows_classes:
        raise SettingError(
            f"--unlabelled needs a recipe that tells classes apart; {recipe.name} would generate such images too. Use "
            f"--recipe fewshot, or leave --unlabelled out."
        )
    if len(data.classes) > 1 and not recipe.knows_classes:
        progress.warn(
            f"recipe {recipe.name} does not tell classes apart: it learns the {len(data.classes)} classes of "
            f"{data.source} as one mixture. Choose one with --classes, e.g. --classes {data.classes[0]}"
        )
    ground = find_good(data.classes) if recipe.places else None  # which is not made
    single = [label for label, count in data.counts.items() if count < MIN_IMAGES and label != ground]
    if single and recipe.knows_classes and recipe.learns:
        raise DataUnusableError(
            f"class {single[0]} has one image, and a generator would only reproduce it. Add images, or leave the "
            f"class out with --classes."
        )


def check_disk_space(run: Run, tensors: dict[str, Tensor]) -> None:
    """Refuse to begin when the disk cannot hold the checkpoints.

    Raises:
        DiskFullError: with the numbers.
    """
    needed = (KEPT + 1) * sum(value.numel() * value.element_size() for value in tensors.values())
    free = shutil.disk_usage(run.path).free
    if free < needed:
        raise DiskFullError(
            f"the disk of {run.path} has {free / 1e6:,.1f} MB free; the checkpoints of this recipe "
            f"need {math.ceil(needed / 1e5) / 10:,.1f} MB. "
            f"Free some space or give --out a folder on another disk."
        )


def _warn_of_rounding(begun: RunSettings, inputs: TrainingInputs, progress: Progress) -> None:
    threads, processes = begun.environment.get("threads"), begun.environment.get("processes", 1)
    if threads != inputs.threads and inputs.device.type == "cpu":
        progress.warn(
            f"the run was begun with {threads} threads and continues with {inputs.threads}: the result is as good, "
            f"but rounded differently, so no longer equal to the last bit."
        )
    if processes != inputs.processes.count:
        before = "one process" if processes == 1 else f"{processes} processes"
        progress.warn(
            f"the run was begun by {before} and continues with {inputs.processes.count}: the result is the same up "
            f"to rounding, no longer to the last bit."
        )


def _check_same_experiment(
    run: Run, begun: RunSettings, recipe: Recipe, data: Dataset, request: TrainingRequest, inputs: TrainingInputs
) -> None:
    before = Recipe.parse(begun.recipe).dump()  # fields that are newer than the run have their default
    changed = [f"{k} {before[k]} -> {v}" for k, v in recipe.dump().items() if k not in LENGTH_FIELDS and before[k] != v]
    then, unlabelled = begun.unlabelled, inputs.unlabelled
    if (then and then.fingerprint) != (unlabelled and unlabelled.fingerprint):
        changed.append(f"{then.count if then else 0} unlabelled images -> {len(unlabelled) if unlabelled else 0}")
    if begun.seed != request.seed:
        changed.append(f"seed {begun.seed} -> {request.seed}")
    if begun.data.fingerprint != data.fingerprint:
        earlier, present = begun.selection.model_dump(), inputs.selection.model_dump()
        chosen = [f"{k} {earlier[k]} -> {present[k]}" for k in ("classes", "shots") if present[k] != earlier[k]]
        changed += chosen or [f"the images ({begun.data.samples} then, {len(data)} now, or their content)"]
    if begun.data.choices.get("labels_sha256") != data.choices.labels_sha256:
        changed.append("the labels file")
    if changed:
        raise SettingError(
            f"cannot continue {run.path}: it was begun with other settings: {'; '.join(changed)}. "
            f"Give the same ones (only the length may change), or another --out."
        )
