"""The trial: do generated images make the inspection model better? A controlled experiment with a verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from flawforge.core.errors import SettingError, TrainingInterruptedError
from flawforge.core.locks import FolderLock
from flawforge.core.plural import plural
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.core.settings.trials import FEWEST_REPEATS, TrialSettings
from flawforge.data.dataset import Dataset
from flawforge.data.reading_choices import AS_USUAL, ReadingChoices
from flawforge.metrics.inference.power import ERROR
from flawforge.metrics.inference.sequential import level_now
from flawforge.runs.folder_errors import refuse_other
from flawforge.runs.trial_progress import ProgressFile
from flawforge.runs.trials import TRIAL_FILE, TrialRecord
from flawforge.runs.versions import usable_cores
from flawforge.studies.trial.analysis.interim_analyses import earlier_calls, is_due, plans, with_analysis
from flawforge.studies.trial.analysis.record import evidence_of, read_results, save_results
from flawforge.studies.trial.analysis.verdict import decide, look_of, measure_all
from flawforge.studies.trial.cells.work_list import GENERATOR
from flawforge.studies.trial.execution.local import CellProcesses, Executor, Here
from flawforge.studies.trial.execution.own_parts import try_classifiers, try_generator
from flawforge.studies.trial.execution.schedule import Schedule
from flawforge.studies.trial.keep import keep_models
from flawforge.studies.trial.plan import TrialPlan, expected_costs, plan
from flawforge.studies.trial.setup.bench import Bench
from flawforge.studies.trial.setup.given_set import with_set
from flawforge.studies.trial.setup.open import open_trial

USUAL_MINUTES = 15.0  # of a trial that is asked neither for a time nor for a number of repeats
FIRST_ANALYSIS = 4  # repeats before which there is no interim analysis, nor before a third of the plan
On = Literal["local", "ray"]


def trial(
    data: Dataset | str | Path,
    out: str | Path,
    *,
    classes: Sequence[str] | None = None,
    unlabelled: Dataset | str | Path | None = None,
    synthetic: Dataset | str | Path | None = None,
    synthetic_saw: Dataset | str | Path | None = None,
    minutes: float | None = None,
    early_stop: bool = True,
    workers: int | None = None,
    on: On = "local",
    address: str | None = None,
    keep_model: bool = True,
    anew: bool = False,
    wait: bool = False,
    command: str = "flawforge.trial(...)",
    choices: ReadingChoices = AS_USUAL,
    progress: Progress = SILENT,
    **settings: Any,
) -> TrialRecord:
    """Run a controlled experiment: does training with generated images make an inspection model better?

    A test set is held out first, by specimen. Each repeat draws its own training images, trains its own generator on
    them and then a classifier in every arm, with equal steps, batches and seeds. Cells are written as they end: run
    the same call again to resume, and asking for more repeats, shots, arms or models only adds cells. Each analysis
    spends some of the false-positive allowance: after the end of a plan more repeats only narrow the intervals.

    Args:
        data: a folder, the word ``elpv``, or a dataset from `flawforge.load`. Two classes at least.
        out: the trial's folder, outside the images.
        classes: the classes to take; None takes all.
        unlabelled: more images of the same material and camera, without labels, for the generators and the arm
            ``pseudo-labelled``. Refused when one of them shows what a test image shows.
        synthetic: generated images of any tool, with classes of the data: an arm, ``set:`` and their folder's name.
            Refused when one of them shows what a test image shows. The usual arms are then those without a generator.
        synthetic_saw: the real images that their generator was trained on, which are kept out of the test set. None:
            not known, and the record says what that means.
        minutes: budget: as many repeats are done as fit, but at least the three that a verdict needs. None: 15, and
            with ``seeds`` (``repeats``) as long as these take.
        early_stop: stop when the evidence is clear, by group-sequential bounds that keep the false-positive rate.
        workers: cells at a time; None takes one for each core. On Ray, cells at a time in the whole cluster.
        on: ``local`` works in processes of this machine, ``ray`` on a Ray cluster (extra ``ray``).
        address: of the Ray cluster; None joins the one that this machine belongs to, or starts one here.
        keep_model: train, at the end, the advised arm of each model on all images outside the test set, and write it
            into ``model``, for `flawforge.predict`. Not with the task ``locate``.
        anew: where `out` holds a trial of other settings, images, recipe or code, remove its results and begin anew.
        wait: wait for another process that works on the same trial; else it is refused.
        command: what to write into the record.
        choices: how the folder is read, where its files leave it open.
        progress: where to report progress and the time left.
        settings: fields of `flawforge.core.settings.trials.TrialSettings`, e.g. ``shots=(5, 10)``, ``seeds=10``,
            ``models=("small-cnn",)``, ``arms=(...)``, ``task="good"``, ``generator_minutes=2``.

    Returns:
        The record, which is also in ``records/trial.json``.

    Raises:
        DataUnusableError: the images cannot serve (one class, too few, no good class), or test images have leaked.
        SettingError: a setting; or a classifier or generator of your own that cannot serve, which is found out by two
            training steps and one call for two images per class before the first cell.
        RunExistsError: `out` holds another trial. FolderBusyError: another process works on it.
        ExtraMissingError: Ray is not installed.
        TrainingInterruptedError: Ctrl-C; what was done is kept.
        DiskFullError, RunUnwritableError: the disk.
    """
    started = time.monotonic()
    folder, count, minutes = Path(out), _checked_workers(workers, minutes, on), usual_minutes(minutes, settings)
    asked = TrialSettings.parse(with_set(settings, synthetic))
    refuse_other(folder, "trial")
    with FolderLock(folder, "trial", command, wait, progress):
        given: dict[str, Any] = {"unlabelled": unlabelled, "synthetic": synthetic, "synthetic_saw": synthetic_saw}
        given |= {"classes": classes, "anew": anew}
        bench = open_trial(data, folder, asked, choices, **given, progress=progress)
        try_classifiers(bench, progress)
        deadline = None if minutes is None else started + minutes * 60
        place = (count, on, address)
        return _experiment(
            bench, folder, asked, minutes, deadline, place, early_stop, keep_model, command=command, progress=progress
        )


def _experiment(
    bench: Bench,
    folder: Path,
    asked: TrialSettings,
    minutes: float | None,
    deadline: float | None,
    place: tuple[int, On, str | None],
    early_stop: bool,
    keep_model: bool,
    *,
    command: str,
    progress: Progress,
) -> TrialRecord:
    """Do the cells that are left and write the record; `place` is the number of workers, where, and the address."""
    count, on, address = place
    schedule = Schedule(folder, bench.settings, bench.protocol, expected_costs(bench, count if on == "local" else 1))
    if schedule.done:
        progress.say(f"Resuming: {len(schedule.done)} of {len(schedule.cells)} cells are done already")
    if _begins_generating(schedule):
        try_generator(bench, folder, apart=count != 1 or on != "local", progress=progress)
    executor = _executor(bench, folder, count, on, address)
    before = earlier_calls(folder, bench)
    ahead = plan(bench, schedule, executor.slots, minutes, before.ended, keep_model=keep_model)
    progress.say(ahead.sentence)
    analyses, noted = list(before.analyses), ProgressFile(folder, ahead.sentence.splitlines())

    def clear(repeats: int) -> bool:
        """Analyse the first `repeats` repeats, and return whether no more are needed."""
        *earlier, (_, planned) = plans(before, analyses, repeats, asked.seeds)
        if not early_stop or repeats < min(FIRST_ANALYSIS, asked.seeds) or not is_due(repeats, planned):
            return False
        if level_now([repeats], planned, ERROR, earlier) == 0:  # too early to decide anything, or nothing left to spend
            return False
        cells = read_results(folder, bench, repeats)
        evidence = evidence_of(bench, cells, (*earlier, (repeats, planned)), before)
        measured = measure_all(evidence)
        _, analysis = decide(evidence, measured)
        analyses[:] = with_analysis(analyses, analysis)
        noted.add(look_of(evidence, measured, analysis))
        return analysis.stopped

    if deadline is not None:
        deadline -= ahead.keep_seconds
    try:
        schedule.run(executor, progress, deadline, clear, noted)
    except TrainingInterruptedError:
        if schedule.whole() >= 1:
            save_results(folder, bench, schedule, before, analyses, command)
        raise
    except Exception as error:  # whatever it is: what is done is worth a verdict
        if schedule.whole() >= 1:
            problem = str(error).splitlines()[0] if str(error) else ""
            save_results(folder, bench, schedule, before, analyses, command, problem=problem)
            error.add_note(_what_now(folder, schedule.whole()))
        raise
    record = save_results(folder, bench, schedule, before, analyses, command)
    return keep_models(folder, bench, record, progress) if keep_model and bench.settings.task != "locate" else record


def plan_trial(
    data: Dataset | str | Path,
    out: str | Path,
    *,
    classes: Sequence[str] | None = None,
    unlabelled: Dataset | str | Path | None = None,
    synthetic: Dataset | str | Path | None = None,
    synthetic_saw: Dataset | str | Path | None = None,
    minutes: float | None = None,
    workers: int | None = None,
    keep_model: bool = True,
    wait: bool = False,
    choices: ReadingChoices = AS_USUAL,
    progress: Progress = SILENT,
    **settings: Any,
) -> TrialPlan:
    """Return how long a trial takes and what gain it could detect; arguments and errors as `trial`. Nothing is trained
    but a few steps, which are timed. Where three repeats are done already, their variation takes the place of guesses.
    """
    count, minutes = _checked_workers(workers, minutes, "local"), usual_minutes(minutes, settings)
    asked = TrialSettings.parse(with_set(settings, synthetic))
    refuse_other(Path(out), "trial")
    with FolderLock(Path(out), "trial", "flawforge trial DATA --plan", wait, progress):
        given: dict[str, Any] = {"unlabelled": unlabelled, "synthetic": synthetic, "synthetic_saw": synthetic_saw}
        bench = open_trial(data, Path(out), asked, choices, classes=classes, progress=progress, **given)
    try_classifiers(bench, progress)
    schedule = Schedule(Path(out), bench.settings, bench.protocol, expected_costs(bench, count))
    return plan(bench, schedule, count, minutes, earlier_calls(Path(out), bench).ended, keep_model=keep_model)


def usual_minutes(minutes: float | None, settings: Mapping[str, Any]) -> float | None:
    """Return the time budget of a trial: what is asked for, the usual one where no number of repeats is, else None."""
    return USUAL_MINUTES if minutes is None and not {"seeds", "repeats"} & settings.keys() else minutes


def _what_now(folder: Path, complete: int) -> str:
    results = f"The results of {plural(complete, 'complete repeat')} are in {folder / TRIAL_FILE}."
    ended = f", or end this one with the complete repeats: --repeats {complete}" if complete >= FEWEST_REPEATS else ""
    return (
        f"{results} Run the same command again to retry the cell that failed. If it fails again, start a trial with "
        f"another generator or recipe in another --out{ended}."
    )


def _begins_generating(schedule: Schedule) -> bool:
    """Say whether the first generator of a trial is still to come."""
    return all(key.arm != GENERATOR for key in schedule.done) and any(key.arm == GENERATOR for key in schedule.left())


def _executor(bench: Bench, folder: Path, workers: int, on: On, address: str | None) -> Executor:
    if on == "ray":
        from flawforge.studies.trial.execution.ray import RayCluster

        return RayCluster(bench, folder, address, workers)
    return Here(bench, folder) if workers == 1 else CellProcesses(folder, workers)


def _checked_workers(workers: int | None, minutes: float | None, on: str) -> int:
    check_numbers(minutes=minutes, workers=workers)
    if on not in ("local", "ray"):
        raise SettingError(f"--on is '{on}'; allowed: local, ray.")
    return workers if workers is not None else 0 if on == "ray" else usable_cores()
