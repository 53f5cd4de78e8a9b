"""The trial's record: did the generated images help, how was that found out, and how sure is it?

All values are shares (0.031 is 3.1 points), all lists over classes are in the protocol's order, all lists over seeds in
the order of their own ``seeds``. None is "not measured", never 0.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.core.files import explain_os_errors, read_json, write_json, write_text
from flawforge.core.settings.arms import ArmName
from flawforge.runs.gains import Comparison, Estimate, Look, Word, Worth
from flawforge.runs.records import RECORD_FORMAT, Record, RecordPart

TRIAL_FILE = Path("records") / "trial.json"
TABLE_COLUMNS = ("shots", "model", "arm", "repeat", "metric", "value")


class Protocol(RecordPart):
    """What was fixed before the first image was generated.

    Attributes:
        task: ``type`` (which defect) or ``good`` (good or defective: class 0 is good).
        classes: of the classifier, in order.
        metric: what the verdict rests on, ``balanced accuracy`` or ``AUROC``; others are in `ArmResult.metrics`.
        shots: training images a class, ascending.
        seeds: that were planned; the results say which were done.
        models: classifiers.
        arms: in the order of the report.
        steps: optimiser steps of every arm; `batch`: images a step.
        resolution: (height, width) at which images are classified.
        encoding: how real and generated images were put through the same encoding.
        test_images, test_groups: of the test set; `test_per_class` by class; `test_sha256`: of its sorted contents.
        pool_images, pool_groups: of the rest, from which shots are drawn.
        steps_taken: what was done, a sentence each, as the reader should know it.
    """

    task: Literal["type", "good"]
    classes: list[str]
    metric: str
    shots: list[int]
    seeds: list[int]
    models: list[str]
    arms: list[ArmName]
    steps: int
    batch: int
    resolution: tuple[int, int]
    encoding: str
    test_images: int
    test_groups: int
    test_per_class: dict[str, int]
    test_sha256: str
    pool_images: int
    pool_groups: int
    steps_taken: list[str]


class ArmResult(RecordPart):
    """One arm at one number of shots with one model.

    Attributes:
        seeds: that are done.
        metrics: name to the mean over seeds, with its interval over seeds and test groups.
        values: name to one value per seed.
        confusion: true class to counts over the told classes, summed over seeds.
        recalls: class to the share of its images found, mean over seeds.
        seconds: mean time of one classifier.
    """

    shots: int
    model: str
    arm: ArmName
    seeds: list[int]
    metrics: dict[str, Estimate]
    values: dict[str, list[float]]
    confusion: list[list[int]]
    recalls: dict[str, float]
    seconds: float | None = None


class Verdict(RecordPart):
    """The answer: one word, one plain sentence, advice."""

    word: Word
    sentence: str
    advice: list[str]


class TrialRecord(Record):
    """Do the generated images help?

    Attributes:
        protocol: what was fixed before.
        results: every arm at every number of shots with every model.
        comparisons: arms with generated images against the control.
        worth: where the control's learning curve can tell.
        looks: of the early stopping; empty without it.
        verdict: the answer.
        choices: what was chosen inside the training images, (what, value) in words.
        notes: what a reader must know, a sentence each.
        complete: whether every planned cell is done, or the rule stopped early.
    """

    kind: Literal["trial"] = "trial"
    protocol: Protocol
    results: list[ArmResult]
    comparisons: list[Comparison]
    worth: list[Worth]
    looks: list[Look]
    verdict: Verdict
    choices: list[tuple[str, str]]
    notes: list[str]
    seconds: float
    complete: bool

    @property
    def primary(self) -> list[Comparison]:
        """The comparisons that the verdict counts."""
        return [one for one in self.comparisons if one.primary]


def write_trial(folder: Path, record: TrialRecord) -> Path:
    """Write ``records/trial.json`` and ``records/trial.csv`` of a trial folder, each atomically; return the first."""
    path = folder / TRIAL_FILE
    with explain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path.with_suffix(".csv"), trial_csv(record))
    write_json(path, record.model_dump(mode="json"))
    return path


def trial_csv(record: TrialRecord) -> str:
    """Return the results as CSV: a row for each shots, model, arm, repeat and metric. Values are shares that read back
    exactly.
    """
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(TABLE_COLUMNS)
    for result in record.results:
        for metric, values in result.values.items():
            for repeat, value in zip(result.seeds, values, strict=True):
                rows.writerow((result.shots, result.model, result.arm, repeat, metric, repr(value)))
    return out.getvalue()


def read_trial(folder: Path) -> TrialRecord:
    """Read ``records/trial.json`` of a trial folder.

    Raises:
        RunNotFoundError: the folder has none. RunBrokenError: it is damaged or of another format.
    """
    path = folder / TRIAL_FILE
    again = f"Make it anew with: flawforge trial DATA --out {folder} (cells that are done are kept)."
    if not path.is_file():
        raise RunNotFoundError(f"{folder} has no trial record. {again}")
    value: Any = read_json(path)
    if isinstance(value, dict) and value.get("format") != RECORD_FORMAT:
        raise RunBrokenError(f"{path} has format {value.get('format')!r}; this version reads {RECORD_FORMAT}. {again}")
    try:
        return TrialRecord.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise RunBrokenError(f"{path} is damaged: {first['msg']} at {first['loc']}. {again}") from None
