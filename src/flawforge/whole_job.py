"""The whole job: train, generate, audit, score and report, each only where it is not done yet."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from flawforge.core.errors import (
    DataUnusableError,
    FlawforgeError,
    RunBrokenError,
    RunExistsError,
    RunNotFoundError,
    SettingError,
)
from flawforge.core.files import check_writable
from flawforge.core.locks import FolderLock
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.core.settings.recipe import COMPOSING, Recipe
from flawforge.data.dataset import Dataset
from flawforge.data.grouping.shots import check_shots
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import AS_USUAL, ReadingChoices
from flawforge.reports.page import report
from flawforge.runs.checkpoint import find_checkpoint, require_checkpoint
from flawforge.runs.folder import COMPOSED, Run
from flawforge.runs.judged.audits import AuditRecord
from flawforge.runs.judged.scores import ScoreRecord
from flawforge.runs.records import Record, load_record
from flawforge.runs.run_settings import RunSettings
from flawforge.runs.set_files import BY_HAND, FACTS, read_facts
from flawforge.studies.copies import audit
from flawforge.studies.realism import score
from flawforge.studies.sets import SyntheticSet
from flawforge.studies.synthesis import generate
from flawforge.training.setup.request import TrainingRequest
from flawforge.training.train import train

RESERVED = 0.25  # share of `minutes` that is kept for generating, audit, score and report ...
RESERVED_MINUTES = 1.5  # ... and at most so many minutes: these steps do not take longer when training does
TRAINING_SHARE = 0.3  # of `minutes` that training gets, however long the reading took
DEFAULTS = {BY_HAND: None, "novel": None, "truncation": None, "layout": "classes"}  # of a set that this job makes

AnyRecord = TypeVar("AnyRecord", bound=Record)
Result = TypeVar("Result")


@dataclass(frozen=True)
class WholeJob:
    """What `run` leaves.

    Attributes:
        run: the run folder.
        generated: number of images in its synthetic set.
        audit: whether they are copies.
        score: whether they look real.
        report: the page that shows it all.
        composed: the run of composed images that it began with; None: the recipe composes itself, or it could not.
    """

    run: Run
    generated: int
    audit: AuditRecord
    score: ScoreRecord
    report: Path
    composed: Run | None = None

    @property
    def first(self) -> str:
        """What was composed before the training and what it reaches, in words; empty where nothing was."""
        return "" if self.composed is None else _in_words(self.composed)


def run(
    data: Dataset | str | Path,
    out: str | Path,
    recipe: Recipe | str | Path | None = None,
    *,
    minutes: float | None = None,
    n: int | None = None,
    classes: Sequence[str] | None = None,
    shots: int | None = None,
    unlabelled: Dataset | str | Path | None = None,
    seed: int = 0,
    wait: bool = False,
    device: str = "auto",
    command: str = "flawforge.run(...)",
    choices: ReadingChoices = AS_USUAL,
    progress: Progress = SILENT,
    **changes: Any,
) -> WholeJob:
    """Compose images of a dataset, then train on it, generate images, test them for copies, score how real they look,
    and draw the report.

    Called again it resumes where it was interrupted, and skips the steps that are done and still valid: a synthetic
    set is valid for the checkpoint that made it, an audit and a score for the synthetic set and the real images that
    they compared. Where the audit or the score fails, the other one is still made and the report drawn, and the error
    is raised at the end.

    Args:
        data: a folder, the word ``elpv``, or a dataset from `flawforge.load`.
        out: the run folder to make, or to resume.
        recipe: as of `flawforge.train`.
        minutes: time for all of it; training gets what the other steps do not need. None: the recipe's own length.
        n: images to generate per class, from 1. None: 64, or those that are there.
        classes: the classes to learn; None takes all.
        shots: images per class to learn from; None takes all.
        unlabelled: as of `flawforge.train`.
        seed: of every random number.
        wait: wait for another process that writes a part of the same run; else it is refused.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:0``, ...
        command: what to write into run.json and the records as the way to reproduce them.
        choices: as of `flawforge.train`.
        progress: where to tell how it goes.
        changes: fields of the recipe to set, e.g. ``batch=16``; and ``kimg``.

    Returns:
        The run with its records and the report.

    Raises:
        RunExistsError: `out` is taken, or holds a synthetic set of an older checkpoint that was made with other
            settings.
        FlawforgeError: all that `train`, `generate`, `audit`, `score` and `report` raise.
    """
    started, out = time.monotonic(), Path(out)
    how: dict[str, Any] = {"wait": wait, "device": device, "command": command, "progress": progress}
    check_numbers(minutes=minutes, n=n, shots=shots, seed=seed)
    TrainingRequest(out, recipe, changes, minutes, seed, resume=True).check()
    FolderLock(out, "training", command, wait, progress).check()
    check_writable(out)
    whole = load(data, choices, progress=progress)
    if not Run(out).settings_file.exists():  # else it is resumed as it was begun
        check_shots(whole.select(classes).counts, shots)
    _say_what_was_read(whole.select(classes, shots, seed, progress), progress)
    chosen: dict[str, Any] = {"classes": classes, "shots": shots, "unlabelled": unlabelled, "seed": seed}
    chosen["choices"] = choices
    composed = _compose_first(whole, Path(out), n, recipe, changes, chosen, how)
    minutes, budget = _minutes_of_training(Run(out), minutes, (time.monotonic() - started) / 60)
    trained = train(data, out, recipe, minutes=minutes, budget=budget, resume=True, **chosen, **how, **changes)
    generated = _generate(trained, n, seed, **how)
    inputs = {"synthetic": SyntheticSet.open(trained).fingerprint, "real": whole.fingerprint}
    learnt, source = trained.settings.training_fingerprint, trained.settings.data.fingerprint
    steps, how = Steps(progress), {"data": whole, **how}
    audited = steps.attempt(
        "audit", lambda: _valid(trained, "audit", AuditRecord, {**inputs, "data": learnt}) or audit(trained, **how)
    )
    scored = steps.attempt(
        "score",
        lambda: _valid(trained, "score", ScoreRecord, {**inputs, "data": source}) or score(trained, seed=seed, **how),
    )
    page = report(trained, progress=progress)
    if audited is None or scored is None:
        raise steps.error(page)
    return WholeJob(trained, generated, audited, scored, page, composed)


def _compose_first(
    whole: Dataset,
    out: Path,
    n: int | None,
    recipe: Recipe | str | Path | None,
    changes: dict[str, Any],
    chosen: dict[str, Any],
    how: dict[str, Any],
) -> Run | None:
    """Compose images before anything is trained: it takes seconds, and what is trained has to beat it.

    Where it cannot be done the job goes on without, and says why.
    """
    request = TrainingRequest(out, recipe, changes, None, 0, resume=True)
    if request.resolved.composes:
        return None
    progress = how["progress"]
    try:
        own = {key: value for key, value in changes.items() if key in COMPOSING}
        first = train(whole, out / COMPOSED, "compose", resume=True, **chosen, **how, **own)
        _generate(first, n, chosen["seed"], **how)
    except (DataUnusableError, RunExistsError, SettingError) as error:
        progress.warn(f"no images were composed: {error}")
        return None
    of_classes = whole.select(list(first.settings.data.classes))
    if len(of_classes) != first.settings.data.samples:  # some are held out, to tell by
        inputs = {"synthetic": SyntheticSet.open(first).fingerprint, "real": whole.fingerprint}
        try:
            if _valid(first, "score", ScoreRecord, inputs) is None:
                score(first, data=whole, **how)
        except FlawforgeError as error:
            progress.warn(f"what composed images reach was not measured: {error}")
    progress.say(f"{_in_words(first)} They are in {first.synthetic}. What training adds follows.")
    return first


def _in_words(composed: Run) -> str:
    """Return how images were composed, and what they reach that changed copies do not where that was measured."""
    made = str(require_checkpoint(composed).facts["composition"]["sentence"])
    try:
        reached = load_record(composed, "score", ScoreRecord).beyond_sentence
    except (RunNotFoundError, RunBrokenError):
        reached = ""
    return f"{made} {reached}".rstrip()


def _say_what_was_read(dataset: Dataset, progress: Progress) -> None:
    counts = ", ".join(f"{count:,} {label}" for label, count in dataset.counts.items())
    specimens = int(dataset.groups(progress).max()) + 1 if len(dataset) else 0
    progress.say(f"{dataset.source}: {counts}; {specimens:,} different specimens")
    if dataset.broken:
        command = f"flawforge inspect {shlex.quote(str(dataset.source))}"
        progress.warn(f"{len(dataset.broken)} files cannot be used and are skipped. To see why: {command}")


def _minutes_of_training(run: Run, budget: float | None, spent: float) -> tuple[float | None, float | None]:
    """Return the minutes of training that a budget leaves, and the budget; None is no limit.

    A budget that was given before, and none, mean the same time again.
    """
    known = run.settings if run.settings_file.exists() else RunSettings()
    if budget is None or known.budget == budget:
        return known.minutes, known.budget
    reserved = min(RESERVED_MINUTES, RESERVED * budget)
    return max(budget * TRAINING_SHARE, budget - spent - reserved), budget


def _generate(run: Run, n: int | None, seed: int, **how: Any) -> int:
    """Make the synthetic set. One of this checkpoint is kept as it is; one that this job made earlier is replaced.

    Raises:
        RunExistsError: a set of an earlier checkpoint was made with settings that this job does not know.
    """
    stale = False
    if (run.synthetic / FACTS).is_file():
        facts = read_facts(run.synthetic)
        stale = facts["checkpoint"] != find_checkpoint(run).name
        if facts["complete"] and not stale and (n is None or n <= min(facts["classes"].values())):
            return int(facts["n"])
        own = [f"{key} {facts.get(key)}" for key, usual in DEFAULTS.items() if facts.get(key, usual) != usual]
        if own or facts["seed"] != seed:
            differences = ", ".join(own) or f"seed {facts['seed']}"
            raise RunExistsError(
                f"{run.synthetic} holds a synthetic set that was made with other settings ({differences}) from an "
                f"earlier checkpoint. It is not replaced. Move it away, or replace it with: flawforge generate "
                f"{shlex.quote(str(run.path))} -n {max(facts['classes'].values())} --overwrite; then run this again."
            )
        n = n if n is not None else max(facts["classes"].values())
    made = generate(run, 64 if n is None else n, seed=seed, overwrite=stale, **how)
    return int(made.facts["n"])


def _valid(run: Run, kind: str, record_class: type[AnyRecord], inputs: dict[str, str]) -> AnyRecord | None:
    """Return the run's record where it is of these inputs, else None. Older audits did not note the real images."""
    try:
        record = load_record(run, kind, record_class)
    except (RunNotFoundError, RunBrokenError):
        return None
    return record if inputs.items() <= {"real": inputs["real"], **record.inputs}.items() else None


class Steps:
    """Steps of one job of which each may fail while the others go on; an interruption ends the job at once."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._errors: dict[str, Exception] = {}

    def attempt(self, name: str, work: Callable[[], Result]) -> Result | None:
        """Return what `work` returns, or None when it fails; the error is kept."""
        try:
            return work()
        except KeyboardInterrupt:  # ours is an Exception, too
            raise
        except Exception as error:  # noqa: BLE001 - it is raised at the end, whatever it is
            self._errors[name] = error
            self._progress.warn(f"The {name} failed; the error is shown at the end. The other steps go on.")
            return None

    def error(self, page: Path) -> Exception:
        """Return the first error, with notes on the others and on the report that was drawn without them."""
        (_, first), *others = self._errors.items()
        for name, error in others:
            first.add_note(f"And the {name}: {error}")
        first.add_note(f"The report was drawn without the {' and the '.join(self._errors)}: {page}")
        return first
