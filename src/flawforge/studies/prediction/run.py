"""Ask a trial's model about a folder of images."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from flawforge.core.arrays import Bytes, Floats32
from flawforge.core.errors import ImageBrokenError, SettingError
from flawforge.core.files import explain_os_errors, write_bytes, write_text
from flawforge.core.folder_kinds import refuse_taken
from flawforge.core.images import encode_png
from flawforge.core.locks import FolderLock
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.data.classifier_view import seen
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load_regardless
from flawforge.data.reading_choices import AS_USUAL, ReadingChoices
from flawforge.data.sample import Broken, Sample
from flawforge.data.threads import told_in_threads
from flawforge.runs.detection.predictions import PREDICTION_FILE, PassedOver, PredictedImage, PredictionRecord
from flawforge.runs.model_cards import DIGITS, ModelCard
from flawforge.runs.records import write_record
from flawforge.runs.versions import now, versions
from flawforge.studies.prediction.doubt_sheet import doubt_sheet
from flawforge.studies.prediction.evaluation import evaluate
from flawforge.studies.prediction.model_folder import find_model, open_model
from flawforge.training.classifier.fit import predict as probabilities_of

TABLE, SHEET = "predictions.csv", "doubtful.png"
OUTPUTS = (PREDICTION_FILE.name, TABLE, SHEET)
PICTURES = 60  # images on the sheet


def predict(
    model: str | Path,
    images: Dataset | str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    threshold: float | None = None,
    pictures: int = PICTURES,
    choices: ReadingChoices = AS_USUAL,
    wait: bool = False,
    command: str = "flawforge.predict(...)",
    progress: Progress = SILENT,
) -> PredictionRecord:
    """Say of each image which class it is, how sure that is, and, where classes are known, how often it was right.

    Images become what the trial's were before its network sees them (bits, colour, encoding, size).

    Args:
        model: a model folder, or a trial's folder, whose best model is taken.
        images: what `flawforge.load` takes; labels are not needed. Files that cannot be read are named and passed over.
        out: folder for ``predictions.csv``, the sheet ``doubtful.png`` and ``prediction.json``; None writes nothing.
        overwrite: replace these files where `out` holds them.
        threshold: for good and defective images: the probability of "defective" from which on an image is called so;
            None takes the likelier class. The model's card lists what thresholds cost.
        pictures: images on the sheet, the most doubtful first; 0 draws none.
        choices: how the folder is read, where its files leave it open; what is not given is as the trial had it.
        wait: wait for another process that writes into `out`; else it is refused.
        command: what to write into the record.
        progress: where to report progress.

    Returns:
        The record.

    Raises:
        RunNotFoundError: no model there. RunBrokenError: it is damaged.
        SettingError: a threshold for types of defects; or your own factory, which the model needs, cannot be imported.
        DataNotFoundError, DataUnusableError: no image there that can be read.
        RunExistsError: `out` holds something else, or a prediction (without `overwrite`).
        FolderBusyError: another process writes there.
        RunUnwritableError, DiskFullError: the disk.
    """
    check_numbers(threshold=threshold, pictures=pictures)
    folder = None if out is None else Path(out)
    if folder is not None:
        refuse_taken(folder, "prediction", overwrite)
        FolderLock(folder, "prediction", command, wait, progress).check()
    place = find_model(Path(model))
    card, network = open_model(place)
    _check_threshold(card, threshold)
    dataset = load_regardless(images, _as_in_the_trial(card, choices, progress), progress=progress, option="IMAGES")
    dataset = replace(dataset, scale=(card.input.bits, card.input.white or dataset.deep_white))
    rows, pixels, lost = _seen_by(card, dataset, progress)
    with progress.task("asking the model", None):
        found = probabilities_of(network, torch.from_numpy(pixels)).numpy()
    samples = [dataset.samples[row] for row in rows]
    labels = [_known_label(card, dataset, sample) for sample in samples]
    named = any(labels) or len({sample.label for sample in samples}) > 1  # else it is the name of a folder of all
    predicted = [
        _predicted_image(card, sample, label, named, one, threshold)
        for sample, label, one in zip(samples, labels, found, strict=True)
    ]
    trained = set(card.trained_on)
    known = [sample.sha256[:DIGITS] in trained for sample in samples]
    judged = [index for index, label in enumerate(labels) if label is not None and not known[index]]
    codes = np.array([card.classes.index(str(labels[index])) for index in judged], dtype=np.int64)
    counted = Counter(image.predicted for image in predicted)
    record = PredictionRecord(
        made=now(),
        versions=versions(),
        command=command,
        inputs={"model": card.weights_sha256, "data": dataset.fingerprint},
        model=str(place),
        source=dataset.source,
        classes=card.classes,
        threshold=threshold,
        images=predicted,
        counts={label: counted[label] for label in card.classes},
        broken=[PassedOver(file=file.file, reason=file.reason) for file in (*dataset.broken, *lost)],
        evaluation=evaluate(found[judged], codes, card.classes, card.task) if judged else None,
        notes=[*_notes_on_training(known, labels), *_notes(card, dataset.deep_white, samples, labels)],
    )
    for file in record.broken:
        progress.warn(f"{file.file} {file.reason}; it was passed over.")
    if folder is not None:
        with FolderLock(folder, "prediction", command, wait, progress):
            refuse_taken(folder, "prediction", overwrite)
            _write(folder, record, dataset, rows, pictures)
    return record


def _seen_by(card: ModelCard, dataset: Dataset, progress: Progress) -> tuple[list[int], Bytes, list[Broken]]:
    """Return which images could be read, (N, C, H, W) uint8 as the network sees them, and those that are gone."""
    taken = card.input

    def one(index: int) -> Bytes | Broken:
        try:
            pixels = dataset.read(index)
        except ImageBrokenError as error:  # since it was first read
            return Broken(dataset.samples[index].file, error.reason)
        return seen(pixels, dataset.white, taken.channels, taken.resolution, taken.jpeg_quality)

    found = list(told_in_threads(one, range(len(dataset)), progress, "reading images"))
    rows = [index for index, image in enumerate(found) if not isinstance(image, Broken)]
    empty = np.zeros((0, taken.channels, *taken.resolution), np.uint8)
    images = [image for image in found if not isinstance(image, Broken)]
    return rows, np.stack(images) if images else empty, [image for image in found if isinstance(image, Broken)]


def _predicted_image(
    card: ModelCard, sample: Sample, label: str | None, named: bool, probabilities: Floats32, threshold: float | None
) -> PredictedImage:
    first, second = np.sort(probabilities)[::-1][:2]
    likeliest = int(probabilities.argmax()) if threshold is None else int(probabilities[1] >= threshold)
    return PredictedImage(
        file=sample.file,
        label=label,
        labelled=sample.label if named else "",
        predicted=card.classes[likeliest],
        probabilities=[float(value) for value in probabilities],
        doubt=float(1 - (first - second)),
    )


def _known_label(card: ModelCard, dataset: Dataset, sample: Sample) -> str | None:
    """Return the image's true class as the model calls it; None where it has none that the model knows.

    Beside good images every other class is a defect, also one that the training did not have.
    """
    if card.task == "type":
        return sample.label if sample.label in card.classes else None
    if sample.label == card.good:
        return card.classes[0]
    is_defect = sample.label in card.known or (bool(sample.label) and str(card.good) in dataset.classes)
    return card.classes[1] if is_defect else None


def _notes_on_training(known: list[bool], labels: list[str | None]) -> list[str]:
    if not any(known):
        return []
    judged = ", and left out of the figures" if any(labels) else ""
    trained = [one for one in known if one]
    return [f"{_of(trained, known)} among those that the model was trained on{judged}."]


def _notes(card: ModelCard, deep_white: int, samples: list[Sample], labels: list[str | None]) -> list[str]:
    """Return what a reader must know of images that are unlike those of the trial, a sentence each."""
    taken, notes = card.input, list[str]()
    if card.test.never_found:
        notes.append(f"On the trial's test images this model found {card.test.never_found}: do not rely on it there.")
    strange = sorted({sample.label for sample, label in zip(samples, labels, strict=True) if label is None} - {""})
    if strange and (any(labels) or len(strange) > 1):
        notes.append(
            f"The model does not know the class{'es' * (len(strange) > 1)} {', '.join(strange)}: these images were "
            f"asked about, and do not count as right or wrong."
        )
    other = [
        s
        for s in samples
        if not (taken.heights[0] <= s.height <= taken.heights[1] and taken.widths[0] <= s.width <= taken.widths[1])
    ]
    if other:
        notes.append(
            f"{_of(other, samples)} of another size than those of the trial (such as {other[0].file}, "
            f"{other[0].width} x {other[0].height}). All are resized to {taken.resolution[1]} x "
            f"{taken.resolution[0]}, so details of these appear at another scale."
        )
    coloured = [sample for sample in samples if not sample.gray] if taken.channels == 1 else []
    if coloured:
        notes.append(f"{_of(coloured, samples)} in colour; the model sees them gray, as the trial's.")
    deep = [sample for sample in samples if sample.format.mode == "I;16"] if taken.white is None else []
    if deep:
        notes.append(
            f"{_of(deep, samples)} of 16 bits, and the trial had none that say what white is: {deep_white} was "
            f"taken for white."
        )
    return notes


def _of(some: Sequence[object], all_images: Sequence[object]) -> str:
    return f"{len(some)} of {len(all_images)} images {'is' if len(some) == 1 else 'are'}"


def _as_in_the_trial(card: ModelCard, choices: ReadingChoices, progress: Progress) -> ReadingChoices:
    """Return how to read a folder: as was asked for, else as the trial read its own; which is said."""
    choices = ReadingChoices(**{**ReadingChoices(**card.input.choices).elsewhere.unusual(), **choices.unusual()})
    if choices.unusual():
        progress.say(f"Folders are read with{choices.as_typed()}")
    return choices


def _check_threshold(card: ModelCard, threshold: float | None) -> None:
    if threshold is None:
        return
    if card.task != "good":
        raise SettingError(
            f"--threshold is for a model that tells defective images from good ones; this one tells "
            f"{', '.join(card.classes)} apart, and takes the likeliest."
        )


def _write(folder: Path, record: PredictionRecord, dataset: Dataset, rows: list[int], pictures: int) -> None:
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in OUTPUTS:
            (folder / name).unlink(missing_ok=True)
    write_text(folder / TABLE, prediction_csv(record))
    if pictures > 0 and record.images:
        write_bytes(folder / SHEET, encode_png(doubt_sheet(record, dataset, rows, pictures), "RGB"), durable=False)
    write_record(folder / PREDICTION_FILE, record)


def prediction_csv(record: PredictionRecord) -> str:
    """Return a row for each image: file, class, probability of each class, doubt, its true class where the model knows
    it, and the class that it is labelled with; rows of files that could not be read hold the reason in their place.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    known = (f"p({label})" for label in record.classes)
    table.writerow(["file", "class", *known, "doubt", "true class", "labelled", "problem"])
    for image in record.images:
        numbers = [f"{value:.6f}" for value in (*image.probabilities, image.doubt)]
        table.writerow([image.file, image.predicted, *numbers, image.label or "", image.labelled, ""])
    for file in record.broken:
        table.writerow([file.file, "", *[""] * len(record.classes), "", "", "", file.reason])
    return out.getvalue()
