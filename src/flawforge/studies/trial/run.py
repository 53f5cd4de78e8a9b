"""The trial: do generated images make the inspection model better? A controlled experiment with a verdict."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from flawforge.core.errors import SettingError, TrainingInterruptedError
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.trials import FEWEST_REPEATS, TrialSettings
from flawforge.data.dataset import Dataset
from flawforge.metrics.inference.sequential import level_now
from flawforge.runs.cells import CELLS, read_cells
from flawforge.runs.gains import Look
from flawforge.runs.trials import TRIAL_FILE, TrialRecord
from flawforge.runs.versions import usable_cores
from flawforge.studies.trial.analysis.interim_analyses import Before, due, history, looked_before, taken
from flawforge.studies.trial.analysis.record import judged, pilot, read_results, save_results
from flawforge.studies.trial.analysis.verdict import ERROR
from flawforge.studies.trial.execution.local import Executor, Here, Processes
from flawforge.studies.trial.execution.schedule import Schedule
from flawforge.studies.trial.plan import TrialPlan, expected_costs, plan
from flawforge.studies.trial.setup.bench import Bench
from flawforge.studies.trial.setup.open import open_trial

FIRST_LOOK = 4  # repeats before which the evidence is not looked at to stop early, nor before a third of the plan
On = Literal["local", "ray"]


def trial(
    data: Dataset | str | Path,
    out: str | Path,
    *,
    classes: Sequence[str] | None = None,
    unlabelled: Dataset | str | Path | None = None,
    minutes: float | None = None,
    early_stop: bool = True,
    workers: int | None = None,
    on: On = "local",
    address: str | None = None,
    command: str = "flawforge.trial(...)",
    progress: Progress = SILENT,
    **settings: Any,
) -> TrialRecord:
    """Run a controlled experiment: does training with generated images make an inspection model better?

    A test set is fixed first, by pieces of material. Each repeat draws its own shots, trains its own generator on them
    and then a classifier in every arm, with equal steps, batches and seeds. Cells are written as they end: the same
    call goes on where it was stopped or killed, and asking for more repeats, shots, arms or models only adds cells.
    The error of a wrong verdict is spent by looking: after the end of a plan more repeats only narrow the interval.

    Args:
        data: a folder, the word ``elpv``, or a dataset from `flawforge.load`. Two classes at least.
        out: the trial's folder, outside the images.
        classes: the classes to take; None takes all.
        unlabelled: more images of the same material and camera, without labels, for the generators and the arm
            ``pseudo-labelled``. Refused when one of them shows what a test image shows.
        minutes: budget: as many repeats are done as fit, but at least the three that a verdict needs.
        early_stop: stop when the evidence is clear, by bounds that keep the chance of a wrong verdict.
        workers: cells at a time; None takes one for each core. On Ray, cells at a time in the whole cluster.
        on: ``local`` works in processes of this machine, ``ray`` on a Ray cluster (extra ``ray``).
        address: of the Ray cluster; None joins the one that this machine belongs to, or starts one here.
        command: what to write into the record.
        progress: where to tell how far it is and what time is left.
        settings: fields of `flawforge.core.settings.trials.TrialSettings`, e.g. ``shots=(5, 10)``, ``seeds=10``,
            ``models=("small-cnn",)``, ``arms=(...)``, ``task="good"``, ``generator_minutes=2``.

    Returns:
        The record, which is also in ``records/trial.json``.

    Raises:
        DataUnusableError: the images cannot serve (one class, too few, no good class), or test images have leaked.
        SettingError: a setting.
        RunExistsError: `out` holds another trial.
        ExtraMissingError: Ray is not installed.
        TrainingInterruptedError: Ctrl-C; what was done is kept.
        DiskFullError, RunUnwritableError: the disk.
    """
    started = time.monotonic()
    folder = Path(out)
    count = _checked_workers(workers, minutes, on)
    asked = TrialSettings.parse(settings)
    bench = open_trial(data, folder, asked, classes=classes, unlabelled=unlabelled, progress=progress)
    schedule = Schedule(folder, asked, bench.protocol, expected_costs(bench))
    if schedule.done:
        progress.say(f"{len(schedule.done)} of {len(schedule.cells)} cells are done already; going on")
    executor = _executor(bench, folder, count, on, address, progress)
    before = looked_before(folder, bench)
    known = pilot(folder, bench, schedule.whole())
    progress.say(plan(bench, schedule.costs, executor.slots, minutes, known, before.ended).sentence)
    looks = list(before.looks)

    def clear(repeats: int) -> bool:
        """Look at the first `repeats` repeats, and say whether more are not needed."""
        *earlier, (_, planned) = history(before, looks, repeats, asked.seeds)
        if not early_stop or repeats < min(FIRST_LOOK, asked.seeds) or not due(repeats, planned):
            return False
        if level_now([repeats], planned, ERROR, earlier) == 0:  # too early to decide anything, or nothing left to spend
            return False
        look = judged(bench, read_results(folder, bench, repeats), repeats, asked.seeds, before, looks).look
        looks[:] = taken(looks, look)
        return look.stopped

    deadline = None if minutes is None else started + minutes * 60
    try:
        schedule.run(executor, progress, deadline, clear)
    except TrainingInterruptedError:
        if schedule.whole() >= 1:
            _save(folder, bench, schedule, before, looks, command)
        raise
    except Exception as error:  # whatever it is: what is done is worth a verdict
        if schedule.whole() >= 1:
            _save(
                folder,
                bench,
                schedule,
                before,
                looks,
                command,
                problem=str(error).splitlines()[0] if str(error) else "",
            )
            error.add_note(_what_now(folder, schedule.whole()))
        raise
    return _save(folder, bench, schedule, before, looks, command)


def plan_trial(
    data: Dataset | str | Path,
    out: str | Path,
    *,
    classes: Sequence[str] | None = None,
    unlabelled: Dataset | str | Path | None = None,
    minutes: float | None = None,
    workers: int | None = None,
    progress: Progress = SILENT,
    **settings: Any,
) -> TrialPlan:
    """Say what gain a trial could detect and how long it takes; arguments and errors as `trial`. Nothing is trained
    but a few steps, which are timed. Where three repeats are done already, what they tell takes the place of guesses.
    """
    count = _checked_workers(workers, minutes, "local")
    asked = TrialSettings.parse(settings)
    bench = open_trial(data, Path(out), asked, classes=classes, unlabelled=unlabelled, progress=progress)
    schedule = Schedule(Path(out), asked, bench.protocol, expected_costs(bench))
    known, before = pilot(Path(out), bench, schedule.whole()), looked_before(Path(out), bench)
    return plan(bench, schedule.costs, count, minutes, known, before.ended)


def _what_now(folder: Path, whole: int) -> str:
    told = f"The {whole} whole repeats are judged all the same: {folder / TRIAL_FILE}" if whole > 1 else (
        f"The whole repeat is in {folder / TRIAL_FILE}")  # fmt: skip
    ended = f", or end the trial with what is whole: --seeds {whole}" if whole >= FEWEST_REPEATS else ""
    return (
        f"{told}. The same command begins the cell that failed again. Should it fail the same way, begin a trial with "
        f"another generator or recipe in another --out{ended}"
    )


def _save(
    folder: Path,
    bench: Bench,
    schedule: Schedule,
    before: Before,
    looks: list[Look],
    command: str,
    problem: str | None = None,
) -> TrialRecord:
    repeats = min(schedule.whole(), schedule.repeats)
    notes: list[str] = []
    if problem is not None:
        notes.append(f"Ended after {repeats} of {schedule.settings.seeds} repeats by a problem: {problem}")
    elif schedule.ended == "minutes":
        notes.append(
            f"Time was left for {schedule.repeats} of the {schedule.settings.seeds} repeats that were asked for."
        )
    if schedule.ended == "clear":
        notes.append(f"Stopped early after {repeats} of {schedule.settings.seeds} repeats: the evidence was clear.")
    cells = read_cells(folder / CELLS, bench.protocol)
    seconds = sum(float(cell.facts.get("seconds", 0.0)) for key, cell in cells.items() if key.seed < repeats)
    complete = repeats == schedule.settings.seeds or schedule.ended == "clear"
    planned = schedule.repeats if schedule.ended == "minutes" else schedule.settings.seeds
    return save_results(
        folder, bench, repeats, before, looks, planned=planned, complete=complete, notes=notes, seconds=seconds,
        command=command,
    )  # fmt: skip


def _executor(bench: Bench, folder: Path, workers: int, on: On, address: str | None, progress: Progress) -> Executor:
    if on == "ray":
        from flawforge.studies.trial.execution.ray import RayCluster

        return RayCluster(bench, folder, address, workers)
    return Here(bench, folder) if workers == 1 else Processes(folder, workers)


def _checked_workers(workers: int | None, minutes: float | None, on: str) -> int:
    if minutes is not None and not minutes > 0:
        raise SettingError(f"--minutes is {minutes:g}; it is a time above 0.")
    if on not in ("local", "ray"):
        raise SettingError(f"--on is '{on}'; allowed: local, ray.")
    if workers is not None and workers < 1:
        raise SettingError(f"--workers is {workers}; it is a number of cells at a time, from 1.")
    return workers if workers is not None else 0 if on == "ray" else usable_cores()
