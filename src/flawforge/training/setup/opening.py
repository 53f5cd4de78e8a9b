"""Opening a run folder for training: a new one, or the one to go on with, checked to be the same experiment."""

from __future__ import annotations

import platform
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flawforge.core.errors import DataUnusableError, DiskFullError, SettingError
from flawforge.core.progress import Progress
from flawforge.core.settings.recipes import Recipe
from flawforge.data.dataset import Dataset
from flawforge.data.sampling.held_out import RULE, Division, hold_out, keep_all
from flawforge.data.sampling.unlabelled import describe_unlabelled
from flawforge.models.build import count_parameters
from flawforge.runs.checkpoint import KEPT
from flawforge.runs.folder import Run
from flawforge.runs.versions import now, processor, versions
from flawforge.training.processes.device import resolve_precision
from flawforge.training.processes.processes import ALONE, Processes
from flawforge.training.setup.preflight_checks import asked_recipe, refuse_at_once, refuse_inside
from flawforge.training.state.plan import Plan

FEWEST = 2  # images of a class that a generator can learn from
LENGTH = ("kimg", "epochs")  # fields that a resumed run may change: they decide no weight on the way


@dataclass(frozen=True)
class Opened:
    """A run folder that is ready to train in.

    Attributes:
        run: the folder.
        plan: the length.
        chosen: the images that were chosen.
        division: of them, those to train on and those that the best weights are chosen by.
    """

    run: Run
    plan: Plan
    chosen: Dataset
    division: Division

    @property
    def training(self) -> Dataset:
        """The images to train on."""
        return self.chosen.take(self.division.training) if len(self.division.held_out) else self.chosen


def open_run(
    chosen: Dataset,
    out: Path,
    recipe: Recipe | str | Path | None,
    changes: dict[str, Any],
    *,
    minutes: float | None,
    budget: float | None,
    selection: dict[str, Any],
    unlabelled: Dataset | None,
    seed: int,
    device: torch.device,
    threads: int,
    resume: bool,
    command: str,
    progress: Progress,
    processes: Processes = ALONE,
) -> Opened:
    """Make the run folder, or check that the one there is the same experiment.

    Raises:
        RunExistsError: there is a run and `resume` is False, or something else. SettingError: it was begun with
        other data, seed or settings, `minutes` is not above 0, or the processes cannot share the batch evenly.
    """
    refuse_at_once(out, recipe, changes, minutes=minutes, seed=seed, resume=resume)
    if resume and Run(out).settings_file.exists():
        run = Run.open(out)
        settings = run.settings
        asked = asked_recipe(recipe, changes, Recipe.parse(settings["recipe"]))
        processes.check_batch(asked.batch)
        division = hold_out(chosen, seed, progress) if asked.judge_kimg else keep_all(chosen)
        data = chosen.take(division.training)
        _same_experiment(run, settings, asked, data, selection, unlabelled, seed)
        if settings["environment"]["threads"] != threads and device.type == "cpu":
            progress.warn(
                f"the run was begun with {settings['environment']['threads']} threads and goes on with {threads}: the "
                f"result is as good, but no longer equal to the last bit."
            )
        if (before := settings["environment"].get("processes", 1)) != processes.count:
            progress.warn(
                f"the run was begun by {_processes(before)} and goes on with {processes.count}: the result is the "
                f"same up to rounding, no longer to the last bit."
            )
        minutes = minutes if minutes is not None else settings["minutes"] if changes.get("kimg") is None else None
        by_images = minutes is None or asked.kimg is not None
        settings |= {
            "recipe": asked.dump(),
            "minutes": minutes,
            "budget": budget,
            "steps": asked.steps(len(data)) if by_images else None,
        }
        run.save_settings({key: value for key, value in settings.items() if key != "format"})
        return Opened(run, Plan(asked, settings["channels"], minutes, by_images), chosen, division)
    refuse_inside(chosen, out)
    asked = asked_recipe(recipe, changes, None)
    processes.check_batch(asked.batch)
    division = hold_out(chosen, seed, progress) if asked.judge_kimg else keep_all(chosen)
    data = chosen.take(division.training)
    held, own = chosen.take(division.held_out), selection.get("samples")
    if len(held):
        progress.say(f"{len(held)} of {len(chosen)} images are kept aside: the best weights are chosen by them")
        selection = {**selection, "samples": sorted({sample.sha256 for sample in data.samples})}
    if own is None:  # else the caller made the dataset and knows it
        named = ", ".join(f"{count:,} {label}" for label, count in data.counts.items())
        progress.say(f"learning from {len(data):,} images of {data.source}: {named}")
    channels = data.channels if asked.channels == "data" else asked.channels
    by_images = minutes is None or asked.kimg is not None
    if unlabelled is not None and not asked.knows_classes:
        raise SettingError(
            f"--unlabelled needs a recipe that tells classes apart; {asked.name} would make such images too. Use "
            f"--recipe fewshot, or leave --unlabelled out."
        )
    if len(data.classes) > 1 and not asked.knows_classes:
        progress.warn(
            f"recipe {asked.name} knows no classes: the {len(data.classes)} classes of {data.source} "
            f"are learnt as one mixture. "
            f"Choose one with --classes, e.g. --classes {data.classes[0]}"
        )
    lonely = [label for label, count in data.counts.items() if count < FEWEST]
    if lonely and asked.knows_classes:
        raise DataUnusableError(
            f"class {lonely[0]} has one image: from one, only that one can be made. Photograph more, or leave the "
            f"class out with --classes."
        )
    settings = {
        "recipe": asked.dump(),
        "channels": channels,
        "minutes": minutes,
        "budget": budget,
        "steps": asked.steps(len(data)) if by_images else None,
        "data": describe_data(data),
        "selection": selection,
        "judging": {"rule": RULE, "held_out": held.counts, "samples": sorted(sample.sha256 for sample in held.samples)},
        "seed": seed,
        "command": command,
        "started": now(),
        "environment": {
            **versions(),
            "platform": platform.platform(),
            "processor": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
            "device": str(device),
            "precision": resolve_precision(asked.precision, device),
            "threads": threads,
            "processes": processes.count,
        },
        "parameters": count_parameters(asked, channels, len(data.classes) + (unlabelled is not None)),
    }
    if unlabelled is not None:
        settings["unlabelled"] = describe_unlabelled(unlabelled, data)
    return Opened(Run.create(out, settings), Plan(asked, channels, minutes, by_images), chosen, division)


def open_for_all(processes: Processes, data: Dataset, out: Path, *rest: Any, **given: Any) -> Opened:
    """Do `open_run` in the first process, and tell the others what came of it: they may not see its disk."""
    opened = open_run(data, out, *rest, **given, processes=processes) if processes.first else None
    told = None
    if opened is not None:
        plan, rows = opened.plan, opened.division
        told = [plan.recipe.dump(), plan.channels, plan.minutes, plan.by_images, rows.training.tolist(),
                rows.held_out.tolist()]  # fmt: skip
    told = processes.tell(told)
    division = Division(*(np.array(rows, dtype=np.int64) for rows in told[4:]))
    return opened or Opened(Run(out), Plan(Recipe.parse(told[0]), *told[1:4]), data, division)


def check_room(run: Run, tensors: dict[str, Tensor]) -> None:
    """Refuse to begin when the disk cannot hold the checkpoints.

    Raises:
        DiskFullError: with the numbers.
    """
    needed = (KEPT + 1) * sum(value.numel() * value.element_size() for value in tensors.values())
    free = shutil.disk_usage(run.path).free
    if free < needed:
        raise DiskFullError(
            f"the disk of {run.path} has {free / 1e6:,.0f} MB free; the checkpoints of this recipe "
            f"need {needed / 1e6:,.0f} MB. "
            f"Free some space or give --out a folder on another disk."
        )


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"


def _same_experiment(
    run: Run,
    settings: dict[str, Any],
    asked: Recipe,
    data: Dataset,
    selection: dict[str, Any],
    unlabelled: Dataset | None,
    seed: int,
) -> None:
    begun = Recipe.parse(settings["recipe"]).dump()  # fields that are newer than the run have their default
    changed = [f"{k} {begun[k]} -> {v}" for k, v in asked.dump().items() if k not in LENGTH and begun[k] != v]
    then, now_given = settings.get("unlabelled"), unlabelled.fingerprint if unlabelled is not None else None
    if (then["fingerprint"] if then else None) != now_given:
        changed.append(f"{then['count'] if then else 0} unlabelled images -> {len(unlabelled) if unlabelled else 0}")
    if settings["seed"] != seed:
        changed.append(f"seed {settings['seed']} -> {seed}")
    if settings["data"]["fingerprint"] != data.fingerprint:
        before = settings["selection"]
        chosen = [
            f"{k} {before.get(k)} -> {selection[k]}" for k in ("classes", "shots") if selection[k] != before.get(k)
        ]
        changed += chosen or [f"the images ({settings['data']['samples']} then, {len(data)} now, or their content)"]
    if changed:
        raise SettingError(
            f"cannot go on with {run.path}: it was begun with other settings: {'; '.join(changed)}. "
            f"Give the same ones (only the length may change), or another --out."
        )


def describe_data(data: Dataset) -> dict[str, Any]:
    """Return what run.json says of the training data."""
    formats = Counter((sample.label, sample.format) for sample in data.samples)
    return {
        "source": data.source,
        "root": str(data.root),
        "layout": data.layout,
        "fingerprint": data.fingerprint,
        "classes": data.counts,
        "samples": len(data),
        "channels": data.channels,
        "white": data.white,
        "deep_white": data.deep_white,
        "formats": [
            {"label": label, "mode": form.mode, "width": form.width, "height": form.height, "count": count}
            for (label, form), count in sorted(formats.items())
        ],
        "jpeg": sum(sample.encoding in ("JPEG", "MPO") for sample in data.samples),
    }
