"""What a model says of a folder: the trial's own probabilities, whatever the folder holds beside."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix

import flawforge
import trial_material as material
from flawforge.core.errors import DataUnusableError, RunExistsError, SettingError
from flawforge.data.reading_choices import ReadingChoices
from flawforge.runs.detection.predictions import PredictionRecord
from flawforge.runs.model_cards import card_text, read_card
from flawforge.runs.records import write_record
from flawforge.runs.trials import TrialRecord
from flawforge.studies.prediction import open_model
from flawforge.studies.prediction.run import _as_in_the_trial
from flawforge.studies.trial import load_bench
from flawforge.studies.trial.keep import _in_words
from flawforge.training.classifier.fit import predict as probabilities_of
from heard import Heard

Left = tuple[Path, TrialRecord]
OURS = "model/small-cnn"
BLIND = "this model found none of"  # so short a training may find nothing of a class


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    return material.draw_dataset(tmp_path / "fresh", 6, seed=5)


def test_it_reproduces_the_trial_s_probabilities_of_the_test_images(left: Left, photos: Path) -> None:
    out, _ = left
    bench = load_bench(out)
    card, network = open_model(out / OURS)
    expected = probabilities_of(network, torch.from_numpy(bench.images)).numpy()
    record = flawforge.predict(out / OURS, photos)
    assert record.classes == list(material.CLASSES) == card.classes
    by_file = {image.file: image.probabilities for image in record.images}
    for index, sample in enumerate(bench.dataset.samples):
        np.testing.assert_array_equal(np.float32(by_file[sample.file]), expected[index])
    assert record.evaluation is not None
    assert record.evaluation.images == len(bench.division.test)  # what it was trained on does not count
    assert any(f"{len(bench.division.pool)} of {len(bench.dataset)} images are among those" in n for n in record.notes)
    assert record.evaluation.confusion == card.test.confusion
    assert record.evaluation.accuracy.value == card.test.accuracy.value


def test_a_class_that_the_model_never_finds_is_named_wherever_the_model_is(
    left: Left, fresh: Path, tmp_path: Path
) -> None:
    shutil.copytree(left[0] / OURS, tmp_path / "model")
    card = read_card(tmp_path / "model")
    first = card.classes[0]
    count = card.test.per_class[first]
    blind = [[0] * (len(card.classes) - 1) + [count], *card.test.confusion[1:]]
    card = card.model_copy(update={"test": card.test.model_copy(update={"confusion": blind})})
    write_record(tmp_path / "model" / "card.json", card)
    missed = f"none of the {count} images of {first}"
    assert card.test.never_found.startswith(missed)
    assert missed in card_text(card)
    assert missed in _in_words(card)
    assert any(missed in note for note in flawforge.predict(tmp_path / "model", fresh).notes)
    rows = [[1 if at == row else 0 for at in range(len(card.classes))] for row in range(len(card.classes))]
    assert card.test.model_copy(update={"confusion": rows}).never_found == ""


def test_a_labelled_folder_has_the_confusion_matrix_of_scikit_learn(left: Left, fresh: Path, tmp_path: Path) -> None:
    record = flawforge.predict(left[0] / OURS, fresh, out=tmp_path / "asked")
    with (tmp_path / "asked" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert record.evaluation is not None
    true, said = [row["file"].split("/")[0] for row in rows], [row["class"] for row in rows]
    assert [row["true class"] for row in rows] == true
    assert record.evaluation.confusion == confusion_matrix(true, said, labels=record.classes).tolist()
    for row, image in zip(rows, record.images, strict=True):
        shares = sorted((float(row[f"p({label})"]) for label in record.classes), reverse=True)
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert float(row["doubt"]) == pytest.approx(1 - shares[0] + shares[1], abs=2e-6)
        assert max(record.classes, key=lambda label: float(row[f"p({label})"])) == row["class"] == image.predicted
    doubts = [image.doubt for image in record.by_doubt]
    assert doubts == sorted(doubts, reverse=True)
    assert json.loads((tmp_path / "asked" / "prediction.json").read_text())["kind"] == "prediction"
    with Image.open(tmp_path / "asked" / "doubtful.png") as sheet:
        assert sheet.mode == "RGB"
        assert sheet.width > 1000


def test_damaged_files_are_named_and_the_rest_goes_on(left: Left, fresh: Path, tmp_path: Path) -> None:
    (fresh / "dots" / "000.png").write_bytes((fresh / "dots" / "000.png").read_bytes()[:200])
    (fresh / "dots" / "001.png").write_bytes(b"")
    heard = Heard()
    record = flawforge.predict(left[0] / OURS, fresh, out=tmp_path / "asked", progress=heard)
    assert [(file.file, file.reason) for file in record.broken] == [
        ("dots/000.png", "is cut short: the end of the picture is missing"),
        ("dots/001.png", "is empty (0 bytes)"),
    ]
    assert len(record.images) == 16
    assert sum("it was passed over" in text for text in heard.warned) == 2
    table = (tmp_path / "asked" / "predictions.csv").read_text()
    assert "dots/001.png,,,,,,,,is empty (0 bytes)" in table


def test_a_file_that_goes_while_it_is_read_is_named(left: Left, fresh: Path) -> None:
    dataset = flawforge.load(fresh)
    (fresh / "waves" / "003.png").unlink()
    record = flawforge.predict(left[0] / OURS, dataset)
    assert [(file.file, file.reason) for file in record.broken] == [("waves/003.png", "is no longer there")]
    assert len(record.images) == 17


def asked(left: Left, folder: Path) -> PredictionRecord:
    return flawforge.predict(left[0] / OURS, folder)


def test_other_depths_and_colours_of_the_same_picture_say_the_same(left: Left, fresh: Path, tmp_path: Path) -> None:
    plain = asked(left, fresh)
    for name in ("deep", "colour", "wide"):
        shutil.copytree(fresh, tmp_path / name)
    for file in (tmp_path / "deep").rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(file)).astype(np.uint16) * 257).save(file)
    for file in (tmp_path / "colour").rglob("*.png"):
        gray = np.asarray(Image.open(file))
        Image.fromarray(np.stack([gray, gray, gray ^ 1], -1)).save(file)  # a hair from gray
    for file in (tmp_path / "wide").rglob("*.png"):
        with Image.open(file) as image:
            image.resize((64, 32)).save(file)
    deep, colour, wide = (asked(left, tmp_path / name) for name in ("deep", "colour", "wide"))
    assert [i.probabilities for i in deep.images] == [i.probabilities for i in plain.images]
    assert any("are of 16 bits, and the trial had none that say what white is: 65535" in note for note in deep.notes)
    for one, other in zip(colour.images, plain.images, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=0.1)
    assert any("images are in colour; the model sees them gray" in note for note in colour.notes)
    assert any("18 of 18 images are of another size than those of the trial" in note for note in wide.notes)
    assert not [note for note in plain.notes if BLIND not in note]


def test_unknown_classes_and_no_classes_are_asked_about_and_not_judged(left: Left, fresh: Path, tmp_path: Path) -> None:
    (fresh / "waves").rename(fresh / "cracks")
    record = flawforge.predict(left[0] / OURS, fresh, out=tmp_path / "asked")
    with (tmp_path / "asked" / "predictions.csv").open() as file:
        told = {(row["true class"], row["labelled"]) for row in csv.DictReader(file)}
    assert told == {(label, label) for label in ("dots", "stripes")} | {("", "cracks")}
    assert record.evaluation is not None
    assert record.evaluation.images == 12
    assert any("does not know the class cracks" in note for note in record.notes)
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in (fresh / "dots").iterdir():
        shutil.copy(file, flat)
    record = asked(left, flat)
    assert record.evaluation is None
    assert {image.labelled for image in record.images} == {""}
    assert not [note for note in record.notes if BLIND not in note]
    assert len(record.images) == 6


@pytest.fixture
def by_names(left: Left, tmp_path: Path) -> Path:
    """The model of a trial that took classes from names and read masks inverted."""
    place = tmp_path / "model"
    shutil.copytree(left[0] / OURS, place)
    card = json.loads((place / "card.json").read_text())
    card["input"]["choices"] = {"classes_from": "names", "invert_masks": True, "unmarked": "unlabelled"}
    (place / "card.json").write_text(json.dumps(card))
    return place


def test_a_folder_is_read_as_the_trial_read_its_own(by_names: Path, fresh: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for file in sorted(fresh.rglob("*.png")):
        shutil.copy(file, flat / f"{file.parent.name}_{file.name}")
    heard = Heard()
    record = flawforge.predict(by_names, flat, progress=heard)
    assert all(image.label == image.file.split("_")[0] for image in record.images)
    assert record.evaluation is not None
    assert any("--unmarked unlabelled --classes-from names --invert-masks" in line for line in heard.said)
    read = _as_in_the_trial(read_card(by_names), ReadingChoices(unmarked="good", tiles=32), heard)
    assert read == ReadingChoices(
        unmarked="good", classes_from="names", invert_masks=True, tiles=32
    )  # asked for, first


def test_thresholds_move_what_is_called_defective_and_a_new_defect_counts_as_one(judged: Path, tmp_path: Path) -> None:
    fresh = material.draw_dataset(tmp_path / "fresh", 6, seed=5, classes=("dots", "good", "stripes"))
    usual = flawforge.predict(judged, fresh)
    assert usual.classes == ["good", "defective"]
    assert usual.evaluation is not None
    assert usual.evaluation.per_class == {"good": 6, "defective": 12}
    strict, lax = (flawforge.predict(judged, fresh, threshold=value) for value in (1.0, 0.0))
    assert lax.counts == {"good": 0, "defective": 18}
    assert strict.counts["good"] >= usual.counts["good"]
    middle = sorted(image.probabilities[1] for image in usual.images)[9]
    found = flawforge.predict(judged, fresh, threshold=middle)
    assert found.counts["defective"] == sum(image.probabilities[1] >= middle for image in usual.images)
    with pytest.raises(SettingError, match="--threshold is 2; it is a probability"):
        flawforge.predict(judged, fresh, threshold=2)


def test_a_threshold_for_types_is_refused(left: Left, fresh: Path) -> None:
    with pytest.raises(SettingError, match="--threshold is for a model that tells defective images from good ones"):
        flawforge.predict(left[0] / OURS, fresh, threshold=0.5)


def test_only_a_prediction_is_ever_replaced(left: Left, fresh: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("x")
    with pytest.raises(RunExistsError, match="files that belong to no prediction"):
        flawforge.predict(left[0], fresh, out=tmp_path / "taken", overwrite=True)
    flawforge.predict(left[0], fresh, out=tmp_path / "asked", pictures=0)
    assert sorted(path.name for path in (tmp_path / "asked").glob("[!.]*")) == ["prediction.json", "predictions.csv"]
    with pytest.raises(RunExistsError, match="Add --overwrite to replace it"):
        flawforge.predict(left[0], fresh, out=tmp_path / "asked")
    flawforge.predict(left[0], fresh, out=tmp_path / "asked", overwrite=True)
    assert (tmp_path / "asked" / "doubtful.png").is_file()
    with pytest.raises(DataUnusableError, match="is a Flawforge prediction folder, not a dataset"):
        flawforge.load(tmp_path / "asked")


def test_the_sheet_shows_the_most_doubtful_first(left: Left, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flawforge.studies.prediction import doubt_sheet as room

    record, dataset = asked(left, fresh), flawforge.load(fresh)
    shown: list[str] = []
    cell = room._cell

    def noted(record: Any, image: Any, *rest: Any) -> Any:
        shown.append(image.file)
        return cell(record, image, *rest)

    monkeypatch.setattr(room, "_cell", noted)
    sheet = room.doubt_sheet(record, dataset, list(range(len(dataset))), 7)
    assert shown == [image.file for image in record.by_doubt[:7]]
    assert sheet.shape[1] == room.COLUMNS * (room.CELL + room.GAP) + room.GAP


def test_an_image_that_goes_between_two_looks_moves_no_other_s_class(left: Left, fresh: Path) -> None:
    material.draw_dataset(fresh.parent / "more", 1, seed=6)
    shutil.copytree(fresh.parent / "more" / material.CLASSES[0], fresh / "zz-odd")
    data = flawforge.load(fresh)
    (fresh / data.samples[0].file).unlink()
    record = flawforge.predict(left[0] / OURS, data)
    assert [file.file for file in record.broken] == [data.samples[0].file]
    (note,) = [note for note in record.notes if "does not know" in note]
    assert note.startswith("The model does not know the class zz-odd:")
