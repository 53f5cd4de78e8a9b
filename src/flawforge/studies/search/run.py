"""The search: which settings make the generator better on images that it has not seen, and by how much."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from flawforge.core.errors import SettingError
from flawforge.core.files import write_text
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.core.settings.fields import to_toml
from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.recipes import DEFAULT
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.data.dataset import Dataset
from flawforge.data.inspection.warnings import grave_warnings, tell_warnings
from flawforge.data.reading.load import load, tell_unlabelled
from flawforge.data.reading_choices import AS_USUAL, ReadingChoices
from flawforge.models.extractors import DEFAULT as EXTRACTOR
from flawforge.models.extractors import find_extractor
from flawforge.runs.searches import RECIPE_FILE, Confirmation, SearchRecord, SettingsTried, save_search
from flawforge.runs.versions import now, versions
from flawforge.studies.search.objective import compares_by_class, cut_parts
from flawforge.studies.search.outcome import best_trial, confirmed_means, search_sentence, sensitivities, trials_of
from flawforge.studies.search.plan import SearchPlan, open_search, refuse_folder, search_space
from flawforge.studies.search.storage import TrialStore, require_optuna
from flawforge.studies.search.workers import SearchJob, confirm, run_workers, threads_for
from flawforge.training.processes.device import resolve_device

FRESH_SEEDS = 1000  # confirming trainings have the seeds of the search + 1000, + 1001, ...


def search(
    data: Dataset | str | Path,
    out: str | Path,
    recipe: Recipe | str | Path | None = None,
    *,
    settings: Sequence[str] | None = None,
    trials: int = 24,
    kimg: float = 6.0,
    minutes: float | None = None,
    confirmations: int = 2,
    classes: Sequence[str] | None = None,
    shots: int | None = None,
    workers: int = 1,
    seed: int = 0,
    device: str = "auto",
    extractor: str = EXTRACTOR,
    storage: str | None = None,
    resume: bool = False,
    command: str = "flawforge.search(...)",
    choices: ReadingChoices = AS_USUAL,
    progress: Progress = SILENT,
    **changes: Any,
) -> SearchRecord:
    """Search the settings of a recipe by the kernel distance to held-out images, and leave a recipe file.

    The groups of the data are cut into three: 60% to train on, 20% to rank the settings by, 20% to compare the winner
    with the recipe as it was, on fresh seeds. The first trial is the recipe as it is. Every trial is compared with the
    others at a quarter and at half of its length, and the worse ones are stopped (see
    `flawforge.studies.search.storage.TrialStore` for the methods). ``best.toml`` holds the winner, or the recipe as it
    was where the gain did not hold: `train` takes it.

    Args:
        data: a folder, the word ``elpv``, or a dataset.
        out: the folder of the search.
        recipe: where to start: a recipe, its name, or a TOML file. None: the default.
        settings: fields to search, each with a range of your own if you like: ``"ema_kimg"``,
            ``"generator_lr=5e-5..1e-3"``, ``"augment=light,full"``. None: the few that matter most.
        trials: settings to try; the first 8 are drawn at random, later ones where earlier ones were good.
        kimg: full length of a trial: about as long as you will train, because the best settings depend on it.
        minutes: begin no trial after so long; the comparison on fresh seeds comes after. None: `trials` decides alone.
        confirmations: fresh seeds on which winner and start are compared; 0 compares nothing, and the winner is known
            only by the images that it was chosen by.
        classes: the classes to learn; None takes all.
        shots: training images per class; None takes the whole training part.
        workers: processes that try settings at the same time; the cores are shared out.
        seed: of the cut, the draws and every trial's training.
        device: ``auto``, ``cpu``, ``cuda``, ...
        extractor: the feature extractor that images are compared by, as in `score`.
        storage: an Optuna storage (``postgresql://...``) instead of the folder's own journal file.
        resume: resume the search in `out`. Workers on other machines may join through a shared folder.
        command: what to write into the record.
        choices: how the folder is read, where its files leave it open.
        progress: where to report how far it is.
        changes: fields of the recipe to set for all trials.

    Returns:
        The record.

    Raises:
        SettingError: a setting.
        DataUnusableError: too few specimens to hold any back.
        RunExistsError: `out` holds another search, or something else.
        ExtraMissingError: the extra ``search`` is not installed.
        DeviceError: no such device.
        TrainingInterruptedError: Ctrl-C, after all was saved.
        FlawforgeError: a worker was lost.
    """
    check_numbers(trials=trials, workers=workers, confirmations=confirmations, kimg=kimg, shots=shots)
    check_numbers(minutes=minutes, seed=seed)
    began = time.time()
    require_optuna()
    find_extractor(extractor, resolve_device(device))
    start = _start(recipe, changes)
    ranges = search_space(start, settings)
    refuse_folder(Path(out), resume)
    whole = load(data, choices, progress=progress)
    tell_unlabelled(whole, progress)
    part = whole.select(classes)
    tell_warnings(part, progress)
    chosen = None if classes is None else tuple(classes)
    plan = SearchPlan(start, ranges, kimg, seed, shots, chosen, extractor, part.fingerprint)
    parts = cut_parts(part, shots, seed, progress)
    folder = Path(out)
    open_search(folder, plan, resume)
    until = None if minutes is None else began + 60 * minutes
    job = SearchJob(folder, plan, parts, trials, until, storage, device, threads_for(workers))
    run_workers(job, workers, progress)

    # The winner against the recipe as it was, on images that neither was chosen by.
    store = TrialStore(folder, plan, storage)
    tried = trials_of(store)
    best = best_trial(tried)
    compared = [] if best is None else _confirm(job, best, confirmations, progress)
    record = _record(job, tried, best, compared, command, store.ended >= trials)
    save_search(folder, record)
    write_text(folder / RECIPE_FILE, to_toml(record.recipe, f"{record.sentence}\nCommand: {record.command}"))
    return record


def _start(recipe: Recipe | str | Path | None, changes: dict[str, Any]) -> Recipe:
    given = {key: value for key, value in changes.items() if value is not None}
    if isinstance(recipe, Recipe):
        start = Recipe.parse({**recipe.dump(), **given})
    else:
        start = find_recipe(recipe if recipe is not None else DEFAULT, **given)
    if not start.learns:
        raise SettingError(
            f"recipe {start.name} trains nothing, so there is nothing to search: `train` chooses its settings itself."
        )
    if start.composes:
        raise SettingError(
            f"recipe {start.name} cannot be searched: its images are judged at their own size, and a search compares "
            f"small ones. Use --recipe fewshot, or train {start.name} with settings of your choice."
        )
    return start


def _confirm(job: SearchJob, best: SettingsTried, count: int, progress: Progress) -> list[Confirmation]:
    start: dict[str, Any] = {field: job.plan.start.dump()[field] for field in best.settings}
    if best.settings == start or count == 0:
        return []
    compared = []
    sides: dict[Literal["start", "best"], dict[str, Any]] = {"start": start, "best": best.settings}
    with progress.task("comparing on fresh seeds", 2 * count, "trainings") as task:
        for seed in range(job.plan.seed + FRESH_SEEDS, job.plan.seed + FRESH_SEEDS + count):
            for name, values in sides.items():
                compared.append(Confirmation(settings=name, seed=seed, kid=confirm(job, values, name, seed)))
                task.advance()
    return compared


def _record(
    job: SearchJob,
    tried: list[SettingsTried],
    best: SettingsTried | None,
    compared: list[Confirmation],
    command: str,
    all_tried: bool,
) -> SearchRecord:
    plan, parts = job.plan, job.parts
    means = confirmed_means(compared)
    improved = None if means is None else means[1] < means[0]
    ended = [trial for trial in tried if trial.outcome != "broken off"]
    start = plan.start.dump()
    sentence = search_sentence(
        tried=len(ended),
        stopped=sum(trial.outcome != "whole" for trial in ended),
        recipe=plan.start.name,
        best=None if best is None else best.kids[-1],
        is_start=best is not None and all(start[field] == value for field, value in best.settings.items()),
        seeds=len(compared) // 2,
        means=means,
    )
    chosen = plan.recipe(best.settings) if best is not None and improved is not False else plan.start
    return SearchRecord(
        made=now(),
        versions=versions(),
        command=command,
        data_warnings=list(grave_warnings(parts.train.data)),
        inputs={"data": plan.fingerprint, "seed": str(plan.seed), "extractor": plan.extractor},
        start=start,
        rungs=plan.rungs,
        shots=plan.shots,
        n_training=len(parts.train.data),
        n_choose=len(parts.choose.data),
        n_confirm=len(parts.confirm.data),
        pieces=[len(set(part.groups.tolist())) for part in (parts.train, parts.choose, parts.confirm)],
        by_class=compares_by_class(parts.choose, plan.start),
        extractor=plan.extractor,
        trials=tried,
        sensitivity=sensitivities(plan.ranges, tried),
        best=None if best is None else best.number,
        confirmations=compared,
        improved=improved,
        recipe={**chosen.dump(), "kimg": plan.start.kimg},  # the length is the user's, no part of what was found
        stopped="trials" if all_tried else "minutes",
        sentence=sentence,
    )
