"""Held-out images: which count, in what words, and that audit and score take the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataUnusableError, RunBrokenError, SettingError
from flawforge.core.progress import SILENT
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices
from flawforge.runs.folder import Run
from flawforge.runs.run_settings import RunSettings, UnlabelledImages
from flawforge.studies.copies import audit
from flawforge.studies.realism import score
from flawforge.studies.sets.held_out import HeldOut, find_held_out, find_training, load_whole, training_rows
from flawforge.studies.synthesis import generate
from flawforge.training.train import train

TINY = {"resolution": 16, "generator_depth": 2, "discriminator_depth": 2, "latent": 8, "batch": 4, "kimg": 0.02}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of five images each; one image is in both."""
    rng = np.random.default_rng(0)
    shared = rng.integers(0, 255, (16, 16)).astype(np.uint8)
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(5):
            pixels = shared if i == 0 else rng.integers(0, 255, (16, 16)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{i}.png")
    return tmp_path / "data"


def test_a_choice_of_classes_and_shots_is_made_again(folder: Path, tmp_path: Path) -> None:
    run = train(folder, tmp_path / "run", "dcgan-lite", classes=["b"], shots=3, **TINY)
    found = find_training(run, None, SILENT)
    assert found.counts == {"b": 3}
    assert found.fingerprint == run.settings.data.fingerprint
    part, rows = training_rows(run, load_whole(run, None, SILENT), SILENT)
    assert (part.counts, len(rows)) == ({"b": 5}, 3)


def test_a_part_that_was_given_as_a_dataset_is_found_by_content(folder: Path, tmp_path: Path) -> None:
    given = load(folder).select(["b"]).take([0, 2, 3])
    run = train(given, tmp_path / "run", "dcgan-lite", **TINY)
    found = find_training(run, None, SILENT)
    assert [sample.file for sample in found.samples] == ["b/0.png", "b/2.png", "b/3.png"]


def test_images_that_have_changed_are_refused(folder: Path, tmp_path: Path) -> None:
    run = train(folder, tmp_path / "run", "dcgan-lite", classes=["b"], **TINY)
    (folder / "b" / "4.png").unlink()
    with pytest.raises(DataUnusableError, match="it had 5 .b 5., here the same choice gives 4"):
        find_training(run, None, SILENT)


def test_unlabelled_images_do_not_change_the_scale_that_training_gave(
    make_run: Any, draw_images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12-bit training images, and an unlabelled one with glare, by which white would be 16383."""
    run = make_run(load(draw_images(tmp_path / "dents", 4, mode="I;16")))
    folder = draw_images(tmp_path / "more", 1, mode="I;16", seed=1)
    glare = np.array(Image.open(next(folder.iterdir())))
    glare[:3, :3] = 5000
    Image.fromarray(glare).save(next(folder.iterdir()))
    monkeypatch.setattr("flawforge.studies.sets.held_out.find_unlabelled", lambda *_: load(folder))
    run.save_settings(run.settings.model_copy(update={"unlabelled": UnlabelledImages()}))
    found = find_training(run, None, SILENT)
    assert (len(found), load(folder).white, found.white) == (5, 16383, 4095)


@pytest.fixture(autouse=True)
def _two_images_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files 000 and 001 show one specimen, 002 and 003 another, and so on; folders do not matter."""

    def groups(self: Dataset, progress: Any = None) -> np.ndarray:
        return np.array([int(Path(sample.file).stem[-3:]) // 2 for sample in self.samples])

    monkeypatch.setattr(Dataset, "groups", groups)


def trained_on(make_run: Any, whole: Dataset, rows: list[int], **settings: Any) -> Run:
    """Leave a run on these rows of a dataset, as one that the user chose by hand."""
    part = whole.take(rows)
    run: Run = make_run(part)
    chosen = {"classes": None, "shots": None, "samples": [sample.sha256 for sample in part.samples]}
    run.save_settings(RunSettings.model_validate({**run.settings.dump(), "selection": chosen, **settings}))
    return run


def files(found: HeldOut, rows: np.ndarray) -> list[int]:
    return [int(Path(found.data.samples[row].file).stem[-3:]) for row in rows]


def named(folder: Path) -> Path:
    folder.mkdir()
    for index in range(8):
        pixels = np.random.default_rng(100 + index).integers(0, 255, (16, 16)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{'dent' if index % 2 else 'pit'}_{100 + index}.png")
    return folder


def test_the_choices_of_the_run_are_recorded_and_made_again(tmp_path: Path) -> None:
    folder = named(tmp_path / "data")
    run = train(folder, tmp_path / "run", "dcgan-lite", choices=ReadingChoices(classes_from="names"), **TINY)
    assert run.settings.data.choices == {"classes_from": "names"}
    assert run.settings.data.classes == {"dent": 4, "pit": 4}
    assert find_training(run, None, SILENT).fingerprint == run.settings.data.fingerprint
    assert load_whole(run, named(tmp_path / "moved"), SILENT).counts == {"dent": 4, "pit": 4}


def test_a_labels_file_is_recorded_and_one_that_changed_since_is_named(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "mended.csv"
    first = load(folder).samples[0]
    file.write_text(f"file,class\n{first.file},b\n")
    how: dict[str, Any] = {"choices": ReadingChoices(labels=file), **TINY}
    run = train(folder, tmp_path / "run", "dcgan-lite", **how)
    assert run.settings.data.choices["labels"] == str(file)
    assert run.settings.data.warnings == [f"mended.csv gives 1 image another class: {first.label} to b 1."]
    assert find_training(run, None, SILENT).fingerprint == run.settings.data.fingerprint
    file.write_text(file.read_text() + "gone.png,b\n")
    assert len(find_training(run, None, SILENT)) == run.settings.data.samples
    with pytest.raises(SettingError, match="begun with other settings: the labels file"):
        train(folder, tmp_path / "run", "dcgan-lite", resume=True, **how)
    file.write_text(f"file,class\n{first.file},{first.label}\n")
    with pytest.raises(DataUnusableError, match=r"The labels file .*mended.csv has changed since"):
        find_training(run, None, SILENT)


def test_usual_choices_leave_no_word_in_run_json(folder: Path, tmp_path: Path) -> None:
    run = train(folder, tmp_path / "run", "dcgan-lite", classes=["b"], **TINY)
    assert '"choices"' not in run.settings_file.read_text()


def test_choices_of_a_later_version_are_no_traceback(folder: Path, tmp_path: Path) -> None:
    run = train(folder, tmp_path / "run", "dcgan-lite", classes=["b"], **TINY)
    run.settings_file.write_text(run.settings_file.read_text().replace('"source":', '"choices": {"x": 1}, "source":'))
    with pytest.raises(RunBrokenError, match="read by choices that this version does not know"):
        load_whole(run, None, SILENT)


def test_unlabelled_images_of_the_folder_without_labels_count_too(folder: Path, tmp_path: Path) -> None:
    """A labelled folder given to --unlabelled, whose labels cannot be read in part, was once cut to the rest."""
    more = named(tmp_path / "more")
    (more / "dent_101.xml").write_text(
        "<annotation><object><name>dent</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>4</ymax>"
        "</bndbox></object></annotation>"
    )
    for index in range(103, 108, 2):
        (more / f"dent_{index}.xml").write_text("<annotation>")
    run = train(folder, tmp_path / "run", "fewshot", unlabelled=more, **{**TINY, "shots": 4})
    assert run.settings.unlabelled is not None
    assert run.settings.unlabelled.count == 8
    assert len(find_training(run, None, SILENT)) == 8 + 8


def test_a_run_of_an_earlier_version_keeps_the_white_that_it_was_trained_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hot pixel was once taken for white, and the generator learnt a surface 16 times darker."""
    folder = tmp_path / "data" / "dent"
    folder.mkdir(parents=True)
    for index in range(4):
        pixels = np.random.default_rng(index).integers(300, 3000, (16, 16)).astype(np.uint16)
        pixels[3, 3] = 65535
        Image.fromarray(pixels).save(folder / f"{index}.png")
    run = train(folder, tmp_path / "run", "dcgan-lite", **TINY)
    assert run.settings.data.white == find_training(run, None, SILENT).white == 4095
    about = run.settings.data.model_copy(update={"white": 65535, "deep_white": 65535})
    run.save_settings(run.settings.model_copy(update={"data": about}))
    assert find_training(run, None, SILENT).white == 65535
    seen = []
    read = Dataset.pixels
    monkeypatch.setattr(Dataset, "pixels", lambda self, *told: seen.append(self.white) or read(self, *told))
    train(folder, tmp_path / "run", resume=True, **{"kimg": 0.04})
    assert seen == [65535]


def test_the_unused_images_of_other_groups_count(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    whole = load(draw_images(tmp_path / "dents", 12))
    held = {"judging": {"samples": [whole.samples[row].sha256 for row in (4, 5, 1)]}}
    found = find_held_out(trained_on(make_run, whole, [0, 2, 10], **held), None, None, SILENT)
    assert (files(found, found.training), files(found, found.rows)) == ([0, 2, 10], [4, 5, 6, 7, 8, 9])
    assert (found.against, found.source) == ("held-out", whole.fingerprint)
    assert found.reference.tolist() == found.rows.tolist()
    assert found.independent().fingerprint == whole.take([4, 6, 8]).fingerprint
    assert found.notes == (
        "Held-out images: 6 real images of the trained classes that were not used for training.",
        "2 of these show specimens that the checkpoint was selected by, not trained on.",
        "3 more show the same specimens as training images and are left out.",
    )


def test_images_that_training_saw_without_a_class_do_not_count(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    whole = load(draw_images(tmp_path / "dents", 12))
    seen = {"unlabelled": {"samples": [whole.samples[4].sha256]}}
    found = find_held_out(trained_on(make_run, whole, [0, 2, 10], **seen), None, None, SILENT)
    assert files(found, found.rows) == [6, 7, 8, 9]


def test_there_are_none_where_training_used_all(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    found = find_held_out(make_run(draw_images(tmp_path / "dents", 12)), None, None, SILENT)
    assert (found.against, len(found.rows), len(found.reference), len(found.independent())) == ("training", 0, 12, 0)
    assert found.notes == (
        "No held-out images: training used all 12 real images. To have some, train with --shots, or give other real "
        "images with --held-out DIR.",
    )


def test_there_are_none_where_the_rest_shows_the_same_specimens(
    make_run: Any, draw_images: Any, tmp_path: Path
) -> None:
    whole = load(draw_images(tmp_path / "dents", 12))
    found = find_held_out(trained_on(make_run, whole, [0, 2, 4, 6, 8, 10]), None, None, SILENT)
    assert (found.against, files(found, found.reference)) == ("training", [0, 2, 4, 6, 8, 10])
    assert found.notes == (
        "No held-out images: the 6 unused images show the same specimens. To have some, train with fewer --shots, or "
        "give other real images with --held-out DIR.",
    )


def test_given_images_count_instead(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    other = draw_images(tmp_path / "other" / "dents", 10, seed=1)
    selecting = {"judging": {"samples": [load(other).samples[9].sha256]}}
    run = trained_on(make_run, load(draw_images(tmp_path / "dents", 4)), [0, 1, 2, 3], **selecting)
    found = find_held_out(run, None, other, SILENT)
    assert (files(found, found.training), files(found, found.rows)) == ([0, 1, 2, 3], [4, 5, 6, 7, 8, 9])
    assert (found.against, found.source.split()[1]) == ("given", load(other).fingerprint)
    assert found.notes == (
        f"Held-out images: 6 real images from {other} that were not used for training.",
        "2 of these show specimens that the checkpoint was selected by, not trained on.",
        "4 more show the same specimens as training images and are left out.",
    )


def test_given_images_of_specimens_that_training_saw_or_selected_by_are_known(
    make_run: Any, draw_images: Any, tmp_path: Path
) -> None:
    whole, other = load(draw_images(tmp_path / "dents", 12)), draw_images(tmp_path / "other" / "dents", 12, seed=1)
    alone = draw_images(tmp_path / "alone" / "dents", 5, seed=2)
    settings = {
        "judging": {"samples": [whole.samples[6].sha256]},
        "unlabelled": {"source": str(alone), "root": str(alone), "samples": [load(alone).samples[4].sha256]},
    }
    found = find_held_out(trained_on(make_run, whole, [0, 1, 2], **settings), None, other, SILENT)
    assert files(found, found.rows) == [6, 7, 8, 9, 10, 11]
    assert files(found, found.training) == [0, 1, 2]
    assert found.notes[1:] == (
        "2 of these show specimens that the checkpoint was selected by, not trained on.",
        "6 more show the same specimens as training images and are left out.",
    )


def test_given_training_images_and_specimens_are_refused(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    folder = draw_images(tmp_path / "dents", 4)
    run = make_run(folder)
    with pytest.raises(DataUnusableError) as leaked:
        find_held_out(run, None, folder, SILENT)
    assert str(leaked.value) == (
        f"--held-out {folder} holds 4 of the 4 training images (for example dents_000.png = dents_000.png). Compared "
        f"with images that training has seen, copies look good: take them out."
    )
    same = draw_images(tmp_path / "other" / "dents", 4, seed=1)
    with pytest.raises(DataUnusableError) as known:
        find_held_out(run, None, same, SILENT)
    assert str(known.value) == (
        f"--held-out {same}: every image there shows the same specimen as a training image. Give images of other "
        f"specimens."
    )


def test_glare_elsewhere_does_not_change_the_scale_of_16_bit_images(
    make_run: Any, draw_images: Any, tmp_path: Path
) -> None:
    from PIL import Image

    folder = draw_images(tmp_path / "dents", 12, mode="I;16")
    glare = np.array(Image.open(folder / "dents_009.png"))
    glare[:3, :3] = 5000
    Image.fromarray(glare).save(folder / "dents_009.png")
    whole = load(folder)
    assert whole.white == 16383
    found = find_held_out(trained_on(make_run, whole, [0, 1, 2]), None, None, SILENT)
    assert (found.data.white, found.independent().white) == (4095, 4095)


def test_audit_and_score_take_the_same_images_and_say_the_same(
    make_run: Any, draw_images: Any, tmp_path: Path, quick_audit: None
) -> None:
    whole = load(draw_images(tmp_path / "dents", 60, sizes=((16, 16),)))
    run = trained_on(make_run, whole, list(range(24)))
    generate(run, 16)
    other = draw_images(tmp_path / "other" / "dents", 50, sizes=((16, 16),), seed=1)
    for given in (None, other):
        audited, scored = audit(run, held_out=given), score(run, held_out=given, pictures=0)
        told = [note for note in audited.notes if not note.startswith("Copied patches")]
        assert told == scored.notes[: len(told)] != []
        assert audited.inputs["real"] == scored.inputs["real"]
        number = 18 if given is None else 13
        assert f"; 12 training, {number} held-out, 16 generated images" in audited.tests[0].note
