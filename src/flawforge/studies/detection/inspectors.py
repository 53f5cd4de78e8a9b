"""What is asked whether an image is defective: a trial's model, an ONNX file, a Python function, or a command."""

from __future__ import annotations

import csv
import math
import shlex
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arrays import Bools, Floats, Floats32
from flawforge.core.callables import call, named_callable
from flawforge.core.errors import ExtraMissingError, RunBrokenError, SettingError
from flawforge.core.files import sha256_file
from flawforge.core.images import Pixels, as_planes, eight_bits, encode_png, in_channels, resize
from flawforge.data.classifier_view import seen
from flawforge.models.onnx import open_session
from flawforge.runs.model_cards import CARD, DIGITS, ModelCard, read_card
from flawforge.studies.prediction import find_model, open_model
from flawforge.training.classifier.fit import predict

Asked = Callable[[list[Pixels]], Any]
FORMS = (
    "a trial's folder or one of its models, an ONNX file, module:function, or a command with {images} and {csv} in it"
)
HALF = 0.5


@dataclass(frozen=True)
class Answers:
    """What an inspector says of N images: `scores` (N,), and `calls` (N,), whether it calls them defective."""

    scores: Floats
    calls: Bools


class Inspector(ABC):
    """Something that calls images defective or not.

    Attributes:
        name: as the user wrote it. kind: what it is, in words. version: hash of its content, where it has one.
        rule: when an image counts as called defective, in words.
        trained_on: first digits of the SHA-256 of the images that it is known to have learnt from.
        judges_good: whether it can say of a good image that it is good.
    """

    name: str
    kind: str
    version: str = ""
    rule: str
    trained_on: frozenset[str] = frozenset()
    judges_good: bool = True

    @abstractmethod
    def ask(self, images: Sequence[Pixels], white: int, label: str) -> Answers:
        """Ask about images (H, W) or (H, W, 3), 0 to `white`; `label` is the class of their defects, or empty."""

    def knows(self, label: str) -> bool:
        """Whether it could name this class; True where it names none."""
        return True


def open_inspector(named: str | Path | Callable[..., Any], threshold: float | None) -> Inspector:
    """Return what a user named.

    Args:
        named: see `FORMS`; in Python a function too.
        threshold: score from which on an image is called defective; None: what the inspector itself decides, else 0.5.

    Raises:
        SettingError: it is none of these. RunNotFoundError, RunBrokenError: no model there.
        ExtraMissingError: an ONNX file without the extra.
    """
    if callable(named):
        return FunctionInspector(getattr(named, "__qualname__", repr(named)), named, threshold)
    text = str(named)
    if "{images}" in text and "{csv}" in text:
        return CommandInspector(text, threshold)
    path = Path(text)
    if path.suffix.lower() == ".onnx" and path.is_file():
        return OnnxInspector(path, threshold)
    if path.exists():
        return ModelInspector(path, threshold)
    if ":" in text:
        return FunctionInspector(text, named_callable(text, "--inspector"), threshold)
    raise SettingError(f"--inspector is '{text}', and there is no such file or folder. It is {FORMS}.")


class FunctionInspector(Inspector):
    """A function of the user's: a list of uint8 images in, probabilities of "defective" or True and False out."""

    kind = "a function"

    def __init__(self, name: str, function: Asked, threshold: float | None) -> None:
        self.name, self.function = name, function
        self.threshold = HALF if threshold is None else threshold
        self.rule = f"its answer is True, or a probability of {self.threshold:g} or more"

    def ask(self, images: Sequence[Pixels], white: int, label: str) -> Answers:
        """Call the function once with all images.

        Raises:
            SettingError: it failed, or does not answer with a number from 0 to 1 for each image.
        """
        given = [np.ascontiguousarray(eight_bits(image, white)) for image in images]
        found = call(self.function, self.name, "--inspector", given)
        try:
            scores = np.asarray(found, dtype=np.float64).reshape(-1)
        except (TypeError, ValueError):
            raise SettingError(
                f"--inspector '{self.name}' gave answers that are no numbers; it gives a list with a probability of a "
                f"defect, or True or False, for each image."
            ) from None
        _check_scores(scores, len(images), self.name)
        return Answers(scores, scores >= self.threshold)


class CommandInspector(Inspector):
    """A program that reads a folder of PNG files and writes a CSV file with the columns ``file`` and ``score``."""

    kind = "a command"

    def __init__(self, command: str, threshold: float | None) -> None:
        self.name = command
        self.threshold = HALF if threshold is None else threshold
        self.rule = f"its score is {self.threshold:g} or more"

    def ask(self, images: Sequence[Pixels], white: int, label: str) -> Answers:
        """Write the images, run the program, and read what it wrote.

        Raises:
            SettingError: it cannot be started, ends with an error, or leaves an image out.
        """
        with tempfile.TemporaryDirectory(prefix="flawforge-") as aside:
            folder, table = Path(aside) / "images", Path(aside) / "scores.csv"
            folder.mkdir()
            files = [f"{number:05d}.png" for number in range(len(images))]
            for file, image in zip(files, images, strict=True):
                pixels = np.ascontiguousarray(eight_bits(image, white))
                (folder / file).write_bytes(encode_png(pixels, "L" if pixels.ndim == 2 else "RGB", compression=1))
            self._run({"{images}": str(folder), "{csv}": str(table)})
            scores = self._scores(table, files)
        return Answers(scores, scores >= self.threshold)

    def _run(self, places: dict[str, str]) -> None:
        try:
            words = shlex.split(self.name)
        except ValueError as error:
            raise SettingError(f"--inspector is '{self.name}', which is no command: {error}.") from None
        for mark, place in places.items():
            words = [word.replace(mark, place) for word in words]
        try:
            done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise SettingError(f"--inspector cannot be started: {words[0]}: {error.strerror}.") from None
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1][:300]
            raise SettingError(f"--inspector '{self.name}' ended with exit code {done.returncode}: {said}")

    def _scores(self, table: Path, files: list[str]) -> Floats:
        if not table.is_file():
            raise SettingError(f"--inspector '{self.name}' did not write the file that {{csv}} names.")
        with table.open(newline="", encoding="utf-8", errors="replace") as file:
            rows = list(csv.DictReader(file))
        if not rows or not {"file", "score"} <= rows[0].keys():
            raise SettingError(f"--inspector '{self.name}' wrote a table without the columns 'file' and 'score'.")
        found = {Path(str(row["file"])).name: _number(row["score"]) for row in rows}
        missing = [file for file in files if file not in found or not math.isfinite(found[file])]
        if missing:
            raise SettingError(
                f"--inspector '{self.name}' gave no number for {len(missing)} of {len(files)} images, such as "
                f"{missing[0]}."
            )
        scores = np.array([found[file] for file in files])
        _check_scores(scores, len(files), self.name)
        return scores


class NetworkInspector(Inspector):
    """Class probabilities, and what they mean: the common part of models and ONNX files."""

    def __init__(self, name: str, kind: str, card: ModelCard | None, threshold: float | None) -> None:
        self.name, self.kind, self.card, self.threshold = name, kind, card, threshold
        self.classes = [] if card is None else card.classes
        good = None if card is None else card.classes[0] if card.task == "good" else card.good
        self.good = good if card is None or good in card.classes else None
        self.judges_good = card is None or self.good is not None
        self.trained_on = frozenset() if card is None else frozenset(card.trained_on)
        limit = None if threshold is None else f"{threshold:g} or more"
        if not self.judges_good:
            self.rule = f"its probability of the right class is {limit}" if limit else "it names the right class"
        elif limit:
            self.rule = f"its probability of a defect is {limit}"
        else:
            self.rule = "it names the defective class" if len(self.classes) == 2 else "it names another class than good"

    def knows(self, label: str) -> bool:
        """Whether it could name this class."""
        return self.judges_good or label in self.classes

    def ask(self, images: Sequence[Pixels], white: int, label: str) -> Answers:
        """Ask the network; with a good class for anything else, without one for the right class."""
        return self.answers(self.probabilities(images, white), label)

    @abstractmethod
    def probabilities(self, images: Sequence[Pixels], white: int) -> Floats32:
        """Return (N, K) probabilities; of one column it is that of a defect."""

    def answers(self, found: Floats32, label: str) -> Answers:
        """Return scores and calls of probabilities (N, K)."""
        if found.shape[1] == 1:
            found = np.concatenate([1 - found, found], axis=1)
        if self.judges_good:
            code = self.classes.index(str(self.good)) if self.card is not None else 0
            scores, own = 1 - found[:, code].astype(np.float64), found.argmax(1) != code
        else:
            code = self.classes.index(label)
            scores, own = found[:, code].astype(np.float64), found.argmax(1) == code
        return Answers(scores, own if self.threshold is None else scores >= self.threshold)

    def seen(self, images: Sequence[Pixels], white: int) -> Any:
        """Return (N, C, H, W) uint8 as the card says."""
        assert self.card is not None
        taken = self.card.input
        return np.stack([seen(image, white, taken.channels, taken.resolution, taken.jpeg_quality) for image in images])


class ModelInspector(NetworkInspector):
    """A model that a trial has left."""

    def __init__(self, place: Path, threshold: float | None) -> None:
        card, self.network = open_model(find_model(place))
        super().__init__(str(place), "a model of a trial", card, threshold)
        self.version = card.weights_sha256

    def probabilities(self, images: Sequence[Pixels], white: int) -> Floats32:
        """Return (N, K) probabilities."""
        import torch

        found: Floats32 = predict(self.network, torch.from_numpy(self.seen(images, white))).numpy()
        return found


class OnnxInspector(NetworkInspector):
    """An ONNX file: with a card beside it a trial's model; else uint8 (N, C, H, W) in, probabilities out.

    Without a card the first class is good, and one number is the probability of a defect.
    """

    def __init__(self, file: Path, threshold: float | None) -> None:
        if find_spec("onnxruntime") is None:
            raise ExtraMissingError("an ONNX file", "export")
        card = read_card(file.parent) if (file.parent / CARD).is_file() else None
        super().__init__(str(file), "an ONNX file", card, threshold)
        self.version = sha256_file(file)
        try:
            self.session = open_session(file)
        except Exception as error:  # noqa: BLE001  the runtime raises nearly any type for a damaged file
            raise RunBrokenError(f"{file} is no ONNX file that can be run: {_first_line(error)}") from None
        self.input = self.session.get_inputs()[0]
        if self.input.type != "tensor(uint8)" or len(self.input.shape) != 4:
            raise SettingError(
                f"--inspector {file} takes {self.input.type} {self.input.shape}; an ONNX file must take uint8 images "
                f"(N, channels, height, width) and give probabilities (N, classes), the first of them good."
            )

    def probabilities(self, images: Sequence[Pixels], white: int) -> Floats32:
        """Return (N, K) probabilities.

        Raises:
            SettingError: the file does not run on such images, or gives no probabilities.
        """
        given = [self._fitted(image, white) for image in images] if self.card is None else self.seen(images, white)
        try:
            found = np.concatenate(
                [np.asarray(self.session.run(None, {self.input.name: one[None]})[0]) for one in given]
            )
        except Exception as error:  # noqa: BLE001  as above
            raise SettingError(f"--inspector {self.name} does not run on these images: {_first_line(error)}") from None
        table = found.reshape(len(images), -1).astype(np.float32) if found.size % len(images) == 0 else found
        if table.ndim != 2 or not np.isfinite(table).all() or table.min() < -1e-4 or table.max() > 1 + 1e-4:
            raise SettingError(
                f"--inspector {self.name} gives no probabilities: {found.shape}, {found.min()} to "
                f"{found.max()}. Put a softmax or sigmoid at its end."
            )
        return table

    def _fitted(self, image: Pixels, white: int) -> Pixels:
        channels, height, width = self.input.shape[1:]
        pixels = in_channels(eight_bits(image, white), channels)
        size = [
            given if isinstance(given, int) else own for given, own in zip((height, width), pixels.shape, strict=False)
        ]
        return np.ascontiguousarray(as_planes(resize(pixels, *size)))


def trained_on(inspector: Inspector, sha256: str) -> bool:
    """Say whether an inspector is known to have learnt from an image."""
    return sha256[:DIGITS] in inspector.trained_on


def _check_scores(scores: Floats, count: int, name: str) -> None:
    """Refuse answers that are too few, or no probabilities."""
    if len(scores) != count:
        raise SettingError(
            f"--inspector '{name}' gave {len(scores)} answers for {count} images; it gives one for each."
        )
    if not np.isfinite(scores).all():
        raise SettingError(f"--inspector '{name}' gave an answer that is no number.")
    if len(scores) and not 0 <= scores.min() <= scores.max() <= 1:
        raise SettingError(
            f"--inspector '{name}' gave scores from {scores.min():.4g} to {scores.max():.4g}; it gives a probability "
            f"of a defect, 0 to 1, or 0 and 1. Of an anomaly score give whether it is above your limit."
        )


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return math.nan


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
