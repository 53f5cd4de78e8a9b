from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataUnusableError, RunBrokenError
from flawforge.core.progress import SILENT
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices
from flawforge.runs.run_settings import UnlabelledImages
from flawforge.studies.sets.training_images import find_training, load_whole, training_rows
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
    monkeypatch.setattr("flawforge.studies.sets.training_images.find_unlabelled", lambda *_: load(folder))
    run.save_settings(run.settings.model_copy(update={"unlabelled": UnlabelledImages()}))
    found = find_training(run, None, SILENT)
    assert (len(found), load(folder).white, found.white) == (5, 16383, 4095)


def named(folder: Path) -> Path:
    folder.mkdir()
    for index in range(8):
        pixels = np.random.default_rng(100 + index).integers(0, 255, (16, 16)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{'dent' if index % 2 else 'pit'}_{index}.png")
    return folder


def test_the_choices_of_the_run_are_recorded_and_made_again(tmp_path: Path) -> None:
    folder = named(tmp_path / "data")
    run = train(folder, tmp_path / "run", "dcgan-lite", choices=ReadingChoices(classes_from="names"), **TINY)
    assert run.settings.data.choices == {"classes_from": "names"}
    assert run.settings.data.classes == {"dent": 4, "pit": 4}
    assert find_training(run, None, SILENT).fingerprint == run.settings.data.fingerprint
    assert load_whole(run, named(tmp_path / "moved"), SILENT).counts == {"dent": 4, "pit": 4}


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
    (more / "dent_1.xml").write_text(
        "<annotation><object><name>dent</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>4</ymax>"
        "</bndbox></object></annotation>"
    )
    for index in range(3, 8, 2):
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
