"""What a model said of images, and how often it was right where their class is known. All values are shares."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from flawforge.runs.estimates import Estimate
from flawforge.runs.records import Record, RecordPart

PREDICTION_FILE = Path("prediction.json")


class OperatingPoint(RecordPart):
    """What one threshold costs: an image is taken for `label` where its probability of it is at least `threshold`.

    Attributes:
        missed: share of the images of the class whose probability is below it.
        false_alarms: share of all other images whose probability reaches it.
    """

    label: str
    threshold: float
    missed: float
    false_alarms: float


class Evaluation(RecordPart):
    """How good a model is on labelled images.

    Attributes:
        images: how many. groups: specimens that they show; None: each image was taken for its own.
        per_class: class to its number of images.
        accuracy, balanced_accuracy: of the likeliest class, with 95% intervals over specimens.
        auroc: for good and defective; else None.
        confusion: rows are true classes, columns predicted ones, in the order of `per_class`.
        points: what thresholds cost, class by class.
    """

    images: int
    groups: int | None
    per_class: dict[str, int]
    accuracy: Estimate
    balanced_accuracy: Estimate
    auroc: Estimate | None
    confusion: list[list[int]]
    points: list[OperatingPoint]

    @property
    def never_found(self) -> str:
        """The classes of which no image was told rightly, in words: ``none of the 2 images of crack``; empty: none."""
        rows = zip(self.per_class.items(), self.confusion, strict=True)
        missed = [(label, count) for at, ((label, count), row) in enumerate(rows) if count and not row[at]]
        return ", ".join(f"none of the {count} images of {label}" for label, count in missed)


class PredictedImage(RecordPart):
    """One image.

    Attributes:
        file: path below the folder.
        label: its true class, where it has one that the model knows.
        labelled: the class that its folder or labels name, whether the model knows it or not; empty: they name none.
        predicted: the likeliest class, or what the threshold says.
        probabilities: of each class, in the record's order; they sum to 1.
        doubt: 1 less the lead of the likeliest class over the second: 0 is sure, 1 a tie.
    """

    file: str
    label: str | None
    labelled: str = ""
    predicted: str
    probabilities: list[float]
    doubt: float


class PassedOver(RecordPart):
    """A file that could not be read, and why."""

    file: str
    reason: str


class PredictionRecord(Record):
    """What a model said of a folder of images.

    Attributes:
        model: folder of the model. source: of the images.
        classes: in the order of the probabilities.
        threshold: of the probability of "defective" from which on an image is called so; None: the likeliest class.
        images: in the order of the folder.
        counts: predicted class to its number of images.
        broken: files that could not be read.
        evaluation: where images have classes that the model knows.
        notes: what a reader must know, a sentence each.
    """

    kind: Literal["prediction"] = "prediction"
    model: str
    source: str
    classes: list[str]
    threshold: float | None
    images: list[PredictedImage]
    counts: dict[str, int]
    broken: list[PassedOver]
    evaluation: Evaluation | None
    notes: list[str]

    @property
    def by_doubt(self) -> list[PredictedImage]:
        """The images, the most doubtful first."""
        return sorted(self.images, key=lambda image: -image.doubt)
