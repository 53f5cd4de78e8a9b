"""Opening a run folder for training: a new one, or the one to continue, checked to be the same experiment."""

from __future__ import annotations

import math
import platform
import shlex
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flawforge.core.errors import DataUnusableError, DiskFullError, RunExistsError, SettingError
from flawforge.core.progress import Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.core.settings.recipes import DEFAULT, Recipe
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.data.dataset import Dataset
from flawforge.data.inspection.warnings import grave_warnings
from flawforge.data.sampling.held_out import RULE, HeldOutDivision, hold_out, keep_all
from flawforge.data.sampling.joined import join
from flawforge.models.build import count_parameters
from flawforge.runs.checkpoint import KEPT, newest_checkpoint
from flawforge.runs.folder import Run
from flawforge.runs.folder_errors import refuse_other
from flawforge.runs.run_settings import (
    CheckpointImages,
    FormatCount,
    LightDonors,
    RunSettings,
    Selection,
    TrainingImages,
    UnlabelledImages,
)
from flawforge.runs.versions import now, processor, versions
from flawforge.training.processes.device import resolve_precision
from flawforge.training.processes.processes import Processes
from flawforge.training.state.plan import TrainingPlan


@dataclass(frozen=True)
class TrainingRequest:
    """What the caller of a training asked for.

    Attributes:
        out: the folder to train in.
        recipe: a recipe, its name, or a TOML file; None is the run's own, or the default.
        changes: fields of the recipe to set.
        minutes: the training time, above 0; None: the recipe's length decides.
        seed: from 0.
        resume: whether a run in `out` is continued.
        budget: minutes that the user gave the whole job, or None.
        command: what the user typed, or the call.
    """

    out: Path
    recipe: Recipe | str | Path | None
    changes: dict[str, Any]
    minutes: float | None
    seed: int
    resume: bool
    budget: float | None = None
    command: str = ""

    @property
    def continues(self) -> bool:
        """Whether there is a run in `out` to continue."""
        return self.resume and Run(self.out).settings_file.is_file()

    @property
    def resolved(self) -> Recipe:
        """The recipe that is trained."""
        return self.resolve(Run.open(self.out).recipe if self.continues else None)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without the images, so that nobody waits for them to hear it.

        Raises:
            SettingError: a setting. RunExistsError: `out` holds something else, or a run and `resume` is False.
        """
        check_numbers(minutes=self.minutes, seed=self.seed)
        _ = self.resolved
        refuse_other(self.out, "run")
        if not self.continues:
            Run(self.out).refuse_another()

    def resolve(self, own: Recipe | None) -> Recipe:
        """Return the recipe to train: the one asked for, or `own` (of the run), or the default, with the changes.

        Raises:
            SettingError: there is no such recipe or field, or a value is outside its range.
        """
        given = {key: value for key, value in self.changes.items() if value is not None}
        start = own if self.recipe is None else self.recipe
        if isinstance(start, Recipe):
            return Recipe.parse({**start.dump(), **given}) if given else start
        return find_recipe(DEFAULT if start is None else start, **given)


def refuse_inside(data: Dataset, out: Path) -> None:
    """Refuse a run folder among the images: the next reading would take its pictures for data.

    Raises:
        RunExistsError: `out` lies there.
    """
    root = data.root.resolve()
    if data.layout != "elpv" and (out.resolve() == root or root in out.resolve().parents):
        raise RunExistsError(
            f"the run folder {out} would lie among the images in {data.source}, and its pictures would be taken "
            f"for data. Give --out a folder outside, e.g. --out "
            f"{shlex.quote(str(root.parent / (root.name + '-run')))}"
        )


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


@dataclass(frozen=True)
class TrainingInputs:
    """What is trained on and where.

    Attributes:
        chosen: the images that were chosen.
        unlabelled: images without a class to train on as well, or None.
        donors: images of other classes in the data, for their light, or None.
        barred: SHA-256 of chosen images that may give none.
        selection: how they were chosen.
        device: where the networks are.
        threads: of PyTorch.
        processes: those that train together.
    """

    chosen: Dataset
    unlabelled: Dataset | None
    selection: Selection
    device: torch.device
    threads: int
    processes: Processes
    donors: Dataset | None = None
    barred: tuple[str, ...] = ()

    @property
    def others(self) -> Dataset | None:
        """Unlabelled images and donors together; None: there are none."""
        if self.donors is None or self.unlabelled is None:
            return self.unlabelled if self.donors is None else self.donors
        return join(self.donors, self.unlabelled).scaled_as(self.chosen)


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
        refuse_inside(chosen, request.out)
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
        "steps": recipe.steps(len(data)) if minutes is None or recipe.kimg is not None else None,
    }
    if begun is not None:
        _check_same_experiment(run, begun, recipe, data, request, inputs)
        _warn_of_rounding(begun, inputs, progress)
        settings = begun.model_copy(update=length)
        run.save_settings(settings)
    else:
        _check_classes(data, recipe, inputs.unlabelled, progress)
        settings = _new_settings(recipe, data, held, request, inputs).model_copy(update=length)
        _announce(data, held, len(chosen), inputs.selection, progress)
        Run.create(request.out, settings)
    return [settings.dump(), division.training.tolist(), division.held_out.tolist()]


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


def _new_settings(
    recipe: Recipe, data: Dataset, held: Dataset, request: TrainingRequest, inputs: TrainingInputs
) -> RunSettings:
    device, unlabelled, selection = inputs.device, inputs.unlabelled, inputs.selection
    channels = data.channels if recipe.channels == "data" else recipe.channels
    if len(held):
        selection = selection.model_copy(update={"samples": sorted({sample.sha256 for sample in data.samples})})
    settings = RunSettings(
        channels=channels,
        data=describe_data(data),
        selection=selection,
        judging=CheckpointImages(
            rule=RULE, held_out=held.counts, samples=sorted(sample.sha256 for sample in held.samples)
        ),
        seed=request.seed,
        command=request.command,
        started=now(),
        environment={
            **versions(),
            "platform": platform.platform(),
            "processor": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
            "device": str(device),
            "precision": resolve_precision(recipe.precision, device),
            "threads": inputs.threads,
            "processes": inputs.processes.count,
        },
        parameters=count_parameters(recipe, channels, recipe.labels(data.classes, unlabelled=unlabelled is not None)),
    )
    if inputs.donors is not None or inputs.barred:
        found = inputs.donors.samples if inputs.donors is not None else ()
        everything = data if inputs.others is None else join(data, inputs.others, data.source)
        donors = LightDonors(
            samples=sorted({sample.sha256 for sample in found}),
            barred=list(inputs.barred),
            with_training=everything.fingerprint,
        )
        settings = settings.model_copy(update={"donors": donors})
    if unlabelled is None:
        return settings
    described = UnlabelledImages(
        source=unlabelled.source,
        root=str(unlabelled.root),
        fingerprint=unlabelled.fingerprint,
        count=len(unlabelled),
        samples=sorted(sample.sha256 for sample in unlabelled.samples),
        with_training=join(data, unlabelled, data.source).fingerprint,
    )
    return settings.model_copy(update={"unlabelled": described})


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
    single = [label for label, count in data.counts.items() if count < MIN_IMAGES]
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
    if changed:
        raise SettingError(
            f"cannot continue {run.path}: it was begun with other settings: {'; '.join(changed)}. "
            f"Give the same ones (only the length may change), or another --out."
        )


def describe_data(data: Dataset) -> TrainingImages:
    """Return what run.json says of the training data."""
    formats = Counter((sample.label, sample.format) for sample in data.samples)
    both = {"warnings": list(grave_warnings(data)), "choices": data.choices.unusual()}
    told: dict[str, Any] = {name: value for name, value in both.items() if value}
    return TrainingImages(
        source=data.source,
        root=str(data.root),
        layout=data.layout,
        fingerprint=data.fingerprint,
        classes=data.counts,
        samples=len(data),
        channels=data.channels,
        white=data.white,
        deep_white=data.deep_white,
        formats=[
            FormatCount(label=label, mode=form.mode, width=form.width, height=form.height, count=count)
            for (label, form), count in sorted(formats.items())
        ],
        jpeg=sum(sample.encoding in ("JPEG", "MPO") for sample in data.samples),
        **told,
    )
