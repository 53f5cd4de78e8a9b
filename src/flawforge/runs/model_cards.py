"""The card of a model that a trial leaves: what it is, what images it takes, and what was measured of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from flawforge.core.errors import RunNotFoundError
from flawforge.core.plural import plural
from flawforge.core.settings.classifiers import CLASSIFIERS
from flawforge.runs.detection.predictions import Evaluation
from flawforge.runs.estimates import Estimate, gain_points, percent_with_interval
from flawforge.runs.records import Record, RecordPart, read_record

CARD, CARD_TEXT = "card.json", "card.md"
DIGITS = 16  # of a hash in `trained_on`
WEIGHTS, ONNX = "weights.safetensors", "model.onnx"
GENERATOR = "generator.onnx"  # of an exported generator, which has a card of its own
MODELS = "model"  # folder of the models below the trial's


class InputFormat(RecordPart):
    """What an image must become before the network sees it, as in the trial.

    Attributes:
        channels: 1 (gray, the luma of coloured images) or 3.
        resolution: (height, width) to which images are resized; proportions are not kept.
        jpeg_quality: of the JPEG encoding that images pass before they are resized; None: they pass none.
        bits: of most images. white: value of white in 16-bit files; None: the trial had none.
        heights, widths: smallest and largest of the training images, in pixels.
        choices: how folders were read, where their files leave it open.
    """

    channels: int
    resolution: tuple[int, int]
    jpeg_quality: int | None
    bits: int
    white: int | None
    heights: tuple[int, int]
    widths: tuple[int, int]
    choices: dict[str, Any]


class OnnxCheck(RecordPart):
    """The ONNX file, run on every test image and compared.

    Attributes:
        sha256: of the file.
        images: that were compared. difference: the largest of any probability.
    """

    sha256: str
    images: int
    difference: float


class ModelCard(Record):
    """What a model is and what is known of it.

    Attributes:
        key: hash of all that decides the weights; a model with the same key is not trained again.
        model: the classifier's name, or ``module:factory`` of one that is not ours.
        task: ``type`` or ``good`` (class 0 is good). classes: in the order of the outputs.
        known: classes of the training images' folder, which are the same, or with ``good`` the kinds of defects too.
        good: the class of good images, or None.
        arm: what it was trained on. why: why this arm, a sentence. usage: how generated images were used, or None.
        input: what images it takes.
        parts: what the network is made of, the outermost part first. sampling: how batches were drawn.
        logit_shift: in it, added to the logits before the softmax; the ONNX file does so itself.
        shots: training images with which the arm was measured, in words. repeats: how many.
        measured: metric to its value in the trial, where the arm had `shots` images per class.
        gain: over the arm `classical` there, points of the trial's metric; None for that arm itself.
        metric: of the gain.
        training: class to the number of training images: all outside the test set. trained_on: the first 16 digits of
            the SHA-256 of the pixels of each, sorted: a model is not judged by images that it was trained on.
        test: this network on the trial's test set, which no training saw.
        test_sha256: of the sorted contents of the test images.
        steps, batch: of the training. seed: of the trial.
        weights_sha256: of the weights' file.
        onnx: the check, or None; then `onnx_missing` says why there is no file.
        notes: what a user must know, a sentence each.
    """

    kind: Literal["model"] = "model"
    key: str
    model: str
    task: Literal["type", "good"]
    classes: list[str]
    known: list[str]
    good: str | None
    arm: str
    why: str
    usage: str | None
    input: InputFormat
    parts: list[str]
    sampling: str
    logit_shift: list[float]
    shots: str
    repeats: int
    measured: dict[str, Estimate]
    metric: str
    gain: Estimate | None
    training: dict[str, int]
    trained_on: list[str]
    test: Evaluation
    test_sha256: str
    steps: int
    batch: int
    seed: int
    weights_sha256: str
    onnx: OnnxCheck | None
    onnx_missing: str
    notes: list[str]

    @property
    def own(self) -> bool:
        """Whether the network comes from a factory of the user's own."""
        return self.model not in CLASSIFIERS


def read_card(folder: Path) -> ModelCard:
    """Read the card of a model folder.

    Raises:
        RunNotFoundError: there is none. RunBrokenError: it is damaged or of another format.
    """
    if not (folder / CARD).is_file():
        raise RunNotFoundError(
            f"{folder} is no model: it has no {CARD}. Models are made by: flawforge trial DATA --out OUT, which leaves "
            f"them in OUT/{MODELS}."
        )
    if (folder / GENERATOR).is_file():
        raise RunNotFoundError(
            f"{folder} holds an exported generator, which makes images and inspects none. Models are made by: "
            f"flawforge trial DATA --out OUT, which leaves them in OUT/{MODELS}."
        )
    return read_record(folder / CARD, ModelCard, "", "Make it again with flawforge trial.")


def card_text(card: ModelCard) -> str:
    """Return the card as Markdown, for people."""
    factory = f" The network is built by `{card.model}`, which must be importable (PYTHONPATH)." if card.own else ""
    lines = [
        f"# {card.model}, {card.arm}",
        "",
        f"An inspection model that `flawforge trial` left: it tells {', '.join(card.classes)} apart.{factory}",
        "",
        "    flawforge predict MODEL IMAGES",
        "",
        *_measured_lines(card),
        "",
        *_input_lines(card),
        "",
        "## How it was made",
        "",
        f"- {card.steps} steps of {card.batch} images, seed {card.seed}; {card.sampling}"
        + (f"; generated images: {card.usage}" if card.usage else "")
        + ".",
        f"- Flawforge {card.versions.get('flawforge', '?')}, torch {card.versions.get('torch', '?')}, {card.made}.",
        f"- `{card.command}`",
        *(f"- {note}" for note in card.notes),
    ]
    return "\n".join(lines) + "\n"


def _measured_lines(card: ModelCard) -> list[str]:
    """Return what was measured: of the arm in the trial, and of this network on the trial's test set."""
    lines = [
        "## What was measured",
        "",
        f"- In the trial, arm `{card.arm}`, {card.shots}, {plural(card.repeats, 'repeat')}, on images that no "
        f"training saw (intervals over repeats and specimens): {figures_in_words(card.measured)}.",
    ]
    if card.gain is not None:
        lines.append(f"- Over `classical`: {card.metric} {gain_points(card.gain)}.")
    specimens = "" if card.test.groups is None else f" of {plural(card.test.groups, 'specimen')}"
    return [
        *lines,
        f"- {card.why}",
        f"- This network, trained on all {sum(card.training.values())} images outside the test set "
        f"({_counted(card.training)}), on the {card.test.images} test images{specimens} "
        f"({_counted(card.test.per_class)}): {figures_in_words(of_evaluation(card.test))}. It was chosen by the same "
        f"test set, so expect slightly less.",
        *([f"- **On the test images it found {card.test.never_found}.**"] if card.test.never_found else []),
        "",
        "| true class | " + " | ".join(f"called {label}" for label in card.classes) + " |",
        "|---|" + "---:|" * len(card.classes),
        *(
            f"| {label} | " + " | ".join(str(count) for count in row) + " |"
            for label, row in zip(card.classes, card.test.confusion, strict=True)
        ),
        "",
        "What thresholds cost on the test images:",
        "",
        "| class | probability from | missed, per 100 of it | false alarms, per 100 others |",
        "|---|---:|---:|---:|",
        *(
            f"| {point.label} | {point.threshold:.6g} | {100 * point.missed:.1f} | {100 * point.false_alarms:.1f} |"
            for point in card.test.points
        ),
    ]


def _input_lines(card: ModelCard) -> list[str]:
    """Return what images it takes, and its files."""
    taken = card.input
    pixels = f"{taken.resolution[0]} x {taken.resolution[1]} pixels (height x width)"
    colour = "gray (coloured images by their luma)" if taken.channels == 1 else "in colour"
    jpeg = "" if taken.jpeg_quality is None else f"encoded as JPEG of quality {taken.jpeg_quality}, decoded, "
    shifts = (f"{label} {shift:+.4g}" for label, shift in zip(card.classes, card.logit_shift, strict=True))
    return [
        "## What it takes",
        "",
        f"- Images {colour}, 8 bits{_white(taken)}, {jpeg}resized to {pixels}; proportions are not kept.",
        f"- Training images were {_range(taken.heights)} pixels high and {_range(taken.widths)} wide. Of other sizes "
        f"details appear at another scale.",
        f"- `{WEIGHTS}`: the weights (SHA-256 {card.weights_sha256}).",
        f"- {_onnx(card)}",
        f"- Logit shift (added before the softmax): {', '.join(shifts)}.",
    ]


def of_evaluation(found: Evaluation) -> dict[str, Estimate]:
    """Return the figures of an evaluation by name."""
    figures = {"balanced accuracy": found.balanced_accuracy, "accuracy": found.accuracy}
    return figures if found.auroc is None else {"AUROC": found.auroc, **figures}


def figures_in_words(figures: dict[str, Estimate]) -> str:
    """Return ``accuracy 94.4% (95% CI 85.3 to 98.0); ...``."""
    return "; ".join(f"{name} {percent_with_interval(value)}" for name, value in figures.items())


def _onnx(card: ModelCard) -> str:
    if card.onnx is None:
        return f"There is no ONNX file: {card.onnx_missing}"
    return (
        f"`{ONNX}`: the same network for other programs. Input `images`, uint8 (N, {card.input.channels}, "
        f"{card.input.resolution[0]}, {card.input.resolution[1]}) after these steps; output `probabilities`. On all "
        f"{card.onnx.images} test images it differs from PyTorch by at most {card.onnx.difference:.1e}."
    )


def _white(taken: InputFormat) -> str:
    return "" if taken.white is None else f" (16-bit files scaled from white = {taken.white})"


def _range(ends: tuple[int, int]) -> str:
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{label} {count}" for label, count in counts.items())
