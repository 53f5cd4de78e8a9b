"""The trial's record: did the generated images help, how was that found out, and how sure is it?

All values are shares (0.031 is 3.1 points), all lists over classes are in the protocol's order, all lists over repeats
in the order of their own ``seeds``. None is "not measured", never 0.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal

from pydantic import Field

from flawforge.core.files import write_text
from flawforge.core.settings.arms import ArmName
from flawforge.runs.estimates import Estimate
from flawforge.runs.records import Record, RecordPart, read_record, write_record
from flawforge.runs.trial_words import training_images

TRIAL_FILE = Path("records") / "trial.json"
TABLE_COLUMNS = ("shots", "model", "arm", "repeat", "metric", "value")


Word = Literal["helps", "no evidence", "hurts"]


class ClassGain(RecordPart):
    """One class of a comparison; `why` says why nothing was measured, or is empty. `p` is corrected over classes and
    comparisons.
    """

    label: str
    gain: Estimate
    p: float | None
    word: Word
    detectable: float | None
    images: int
    groups: int
    why: str = ""


class Rival(RecordPart):
    """Another arm without generated images that the arm must beat too, before "helps" is said."""

    arm: ArmName
    gain: Estimate
    p: float


class Flip(RecordPart):
    """A test image that changed between wrong and right.

    Attributes:
        file: below the dataset's root. label: its true class.
        before, after: the class predicted without and with generated images, most often in the repeats that changed;
            with the task locate its own pixel average precision.
        gained, lost: repeats in which it turned right, and wrong (with the task locate: in which that number rose, and
            fell, by 0.1 or more); of `seeds`.
        picture: PNG of it, below the trial folder, or None. With the task locate: the image, what is marked in it, and
            the maps of the control and of the arm in the first repeat, side by side.
    """

    file: str
    label: str
    before: str
    after: str
    gained: int
    lost: int
    seeds: int
    picture: str | None = None


class Comparison(RecordPart):
    """An arm with generated images against the control.

    Attributes:
        shots, model: where.
        arm: with generated images. control: the best arm without, chosen on the training images.
        primary: whether the verdict counts it: the strategy that cross-validation on the training images chose. The
            others are shown and decide nothing.
        chosen: what the inner choice advised: an arm, or None for "use no generated images here".
        seeds: repeats that all arms have. differences: arm minus control for each.
        gain: their mean and its interval over repeats and test groups.
        effect: mean over standard deviation of the differences, corrected for few repeats (Hedges); None: no spread.
        p: two-sided, of the gain's t over repeats and groups. p_corrected: Holm over all primary comparisons; None
            where it is not primary.
        p_permutation: two-sided, over sign flips of the differences; p_least: the least that so few repeats allow.
        error_removed: share of the control's error that is gone.
        detectable: gain that the trial had 90% power to detect; None: not even one of 100 points. It may be more than
            what the control leaves to gain.
        rivals: the other arms without generated images. "helps" asks for a gain over each.
        word: helps, no evidence, hurts. why: in half a sentence, what it rests on.
        classes: the same class by class.
        gained, lost: changed images over all repeats. flips: the most constant of them.
        figures: paired differences in the figures that stand beside the verdict's, by name, with the same confidence;
            empty in records of older versions.
    """

    shots: int
    model: str
    arm: ArmName
    control: ArmName
    primary: bool
    chosen: ArmName | None
    seeds: list[int]
    differences: list[float]
    gain: Estimate
    effect: float | None
    p: float | None
    p_corrected: float | None
    p_permutation: float | None
    p_least: float | None
    error_removed: Estimate
    detectable: float | None
    rivals: list[Rival]
    word: Word
    why: str
    classes: list[ClassGain]
    gained: int
    lost: int
    flips: list[Flip]
    figures: dict[str, Estimate] = Field(default_factory=dict)


class EquivalentImages(RecordPart):
    """How many more real images per class would have done as much as the generated ones.

    Attributes:
        images: more real images per class; None when the control's curve does not reach so far (`beyond` says on which
            side), or it is not rising.
        low, high: 95% interval; None where an end lies beyond the curve.
        beyond: ``more`` than the curve's last number of shots, ``less`` than its first, or empty.
        sentence: in words.
    """

    shots: int
    model: str
    arm: ArmName
    images: float | None
    low: float | None
    high: float | None
    beyond: Literal["", "more", "less"]
    sentence: str


class BestWithout(RecordPart):
    """The best without new images: the arm that generates none and was the best on the training images.

    Attributes:
        shots, model: where.
        arm: which; `classical` where nothing was chosen.
        gain: over `classical` on the test images; None where it is that arm, or too few repeats are done.
        sentence: in words.
    """

    shots: int
    model: str
    arm: ArmName
    gain: Estimate | None
    sentence: str


class InterimAnalysis(RecordPart):
    """One look at the evidence, to stop early or at the end.

    Attributes:
        seeds: repeats that were complete, of `planned`.
        level: one-sided significance level; 0 can decide nothing.
        decided: the comparisons that need no more repeats. stopped: whether that ended the trial.
    """

    seeds: int
    planned: int
    level: float
    decided: list[str]
    stopped: bool


class Protocol(RecordPart):
    """What was fixed before the first image was generated.

    Attributes:
        task: ``type`` (which defect), ``good`` (good or defective: class 0 is good) or ``locate`` (where).
        classes: of the classifier, in order.
        metric: what the verdict rests on: ``balanced accuracy``, ``AUROC``, the average precision of the rare class
            or classes, or ``pixel average precision``; others are in `ArmResult.metrics`.
        shots: training images per class, ascending; with `rare` of each of these, 0 with `as_is`.
        rare: classes that are rare. others: training images of each other class at most; None: all.
        as_is: all images outside the test set are trained on.
        seeds: repeats that were planned; the results say which were done.
        models: classifiers.
        arms: in the order of the report.
        steps: optimiser steps of every arm; `batch`: images a step.
        resolution: (height, width) at which images are classified.
        encoding: how real and generated images were put through the same encoding.
        test_images, test_groups: of the test set; `test_per_class` by class; `test_sha256`: of its sorted contents.
        pool_images, pool_groups: of the rest, from which shots are drawn.
        steps_taken: what was done, a sentence each, as the reader should know it.
    """

    task: Literal["type", "good", "locate"]
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
    rare: list[str] = Field(default_factory=list)
    others: int | None = None
    as_is: bool = False


class ArmResult(RecordPart):
    """One arm at one number of shots with one model.

    Attributes:
        seeds: repeats that are done.
        metrics: name to the mean over repeats, with its interval over repeats and test groups.
        values: name to one value per repeat.
        confusion: true class to counts over the predicted classes, summed over repeats; empty with the task locate.
        recalls: class to its recall, with the task locate its pixel average precision, mean over repeats.
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
    """The answer: one word, sentences (one comparison a line), advice."""

    word: Word
    sentence: str
    advice: list[str]


class AdvisedArm(RecordPart):
    """The arm to take with one model.

    Attributes:
        shots, model: where it was measured: the largest number of shots.
        arm: with generated images where these help; else the best one without that beats `classical`; else that.
        why: a sentence.
        gain: over `classical`; None for that arm itself, or where too few repeats are done.
    """

    shots: int
    model: str
    arm: ArmName
    why: str
    gain: Estimate | None


class KeptModel(RecordPart):
    """A model that the trial has left, trained on all images outside the test set.

    Attributes:
        model, arm: of which classifier and arm.
        folder: below the trial's.
        measured: in words, with intervals. best: whether it is the best of the trial's.
        onnx: whether there is an ONNX file.
    """

    model: str
    arm: ArmName
    folder: str
    measured: str
    best: bool
    onnx: bool


class TrialRecord(Record):
    """Do the generated images help?

    Attributes:
        protocol: what was fixed before.
        results: every arm at every number of shots with every model.
        comparisons: arms with generated images against the control.
        worth: where the control's learning curve can tell.
        without: the best without new images in every setting; empty in records of older versions.
        looks: the interim analyses; empty without any.
        verdict: the answer.
        choices: what was chosen on the training images, (what, value) in words.
        notes: what a reader must know, a sentence each.
        complete: whether every planned cell is done, or the trial stopped early.
        advised: the arm to take, model by model.
        kept: the models that were left.
        chosen_by_hand: how a person chose among the images of `--synthetic`, in half a sentence; empty where nobody is
            known to have.
    """

    kind: Literal["trial"] = "trial"
    protocol: Protocol
    results: list[ArmResult]
    comparisons: list[Comparison]
    worth: list[EquivalentImages]
    without: list[BestWithout] = Field(default_factory=list)
    looks: list[InterimAnalysis]
    verdict: Verdict
    choices: list[tuple[str, str]]
    notes: list[str]
    seconds: float
    complete: bool
    advised: list[AdvisedArm] = Field(default_factory=list)
    kept: list[KeptModel] = Field(default_factory=list)
    chosen_by_hand: str = ""

    @property
    def primary(self) -> list[Comparison]:
        """The comparisons that the verdict counts."""
        return [comparison for comparison in self.comparisons if comparison.primary]

    def setting(self, part: Comparison | ArmResult) -> str:
        """Return where something was measured, in words: ``5 images per class, small-cnn``."""
        return f"{training_images(part.shots, self.protocol.rare)}, {part.model}"

    def result(self, comparison: Comparison, arm: str) -> ArmResult | None:
        """Return the result of an arm in the setting of a comparison."""
        setting = (comparison.shots, comparison.model, arm)
        return next((result for result in self.results if (result.shots, result.model, result.arm) == setting), None)


def write_trial(folder: Path, record: TrialRecord) -> Path:
    """Write ``records/trial.json`` and ``records/trial.csv`` of a trial folder, each atomically; return the first."""
    path = write_record(folder / TRIAL_FILE, record)
    write_text(path.with_suffix(".csv"), trial_csv(record))
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
    again = f"Make it again with: flawforge trial DATA --out {folder} (finished cells are kept)."
    return read_record(folder / TRIAL_FILE, TrialRecord, f"{folder} has no trial record. {again}", again)
