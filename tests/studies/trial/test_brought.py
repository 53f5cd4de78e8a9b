"""Generated images that the user brings, as an arm of a trial."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import flawforge
import trial_material as material
from flawforge.core.errors import DataUnusableError, RunExistsError, SettingError
from flawforge.core.progress import SILENT
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.runs.set_files import ManifestEntry
from flawforge.runs.trials import TrialRecord
from flawforge.studies.trial.setup.bench import load_bench
from flawforge.studies.trial.setup.given_set import Brought, read_brought, sentences_of, with_set, withdraw_seen
from flawforge.studies.trial.setup.open import open_trial
from flawforge.studies.trial.setup.test_split import Division
from heard import Heard

SMALL: dict[str, Any] = {**material.SMALL, "seeds": 3, "early_stop": False, "keep_model": False}
ARMS = ("classical", "set:from-vendor")


def by_content(dataset: Dataset, progress: Any = None) -> Any:
    return np.unique([sample.sha256 for sample in dataset.samples], return_inverse=True)[1]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return material.draw_dataset(tmp_path_factory.mktemp("trial") / "photos", 40)


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good generator's images, as JPEG of twice the size; one of each class was thrown out by hand."""
    root = tmp_path_factory.mktemp("other") / "from-vendor"
    rng = np.random.default_rng(99)
    for label in material.CLASSES:
        (root / label).mkdir(parents=True)
        for index in range(40):
            image = Image.fromarray(material.draw(label, rng)).resize((64, 64), Image.Resampling.BICUBIC)
            image.convert("RGB").save(root / label / f"{index:03d}.jpg", quality=92)
    entries = [
        ManifestEntry(f"{label}/{index:03d}.jpg", label, 0, index, "", "", 64, 64, "RGB")
        for label in material.CLASSES
        for index in range(41)
    ]
    (root / "manifest.jsonl").write_text("".join(entry.line() for entry in entries))
    classes = dict.fromkeys(material.CLASSES, 41)
    facts = {"format": 1, "n": len(entries), "classes": classes, "complete": True, "white": 255, "command": "..."}
    (root / "set.json").write_text(json.dumps(facts))
    return root


@pytest.fixture(scope="module")
def judged(photos: Path, vendor: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrialRecord]:
    out = tmp_path_factory.mktemp("judged") / "out"
    return out, flawforge.trial(photos, out, synthetic=vendor, **{**SMALL, "arms": ("classical",)})


def test_the_set_is_an_arm_named_after_its_folder_and_judged(judged: tuple[Path, TrialRecord]) -> None:
    out, record = judged
    assert record.protocol.arms == list(ARMS)
    (found,) = record.comparisons
    assert (found.arm, found.control) == ("set:from-vendor", "classical")
    assert found.word == "helps"
    assert not (out / "generators").exists()  # none is trained
    page = flawforge.report(out).read_text()
    assert "the generated images of the folder from-vendor" in page


def test_a_choice_by_eye_is_told_by_record_verdict_and_page(judged: tuple[Path, TrialRecord], vendor: Path) -> None:
    out, record = judged
    assert record.chosen_by_hand == "3 of 123 images were removed"
    said = "The images of set:from-vendor were chosen by hand: 3 of 123 images were removed. This holds for that choice"
    assert said in record.verdict.sentence.splitlines()[-1]
    assert said in flawforge.report(out).read_text()
    assert load_bench(out).by_hand == record.chosen_by_hand


def test_what_holds_where_nobody_knows_what_its_generator_saw_is_said(judged: tuple[Path, TrialRecord]) -> None:
    notes = " ".join(judged[1].notes)
    assert "120 images of " in notes
    assert "none shows what a test image shows" in notes
    assert "If it saw test images, its gain is flattered and the verdict on it does not hold" in notes
    assert "Not levelled for set:from-vendor, as real images are tested as they are: file format: JPEG, " in notes
    assert "Levelled for set:from-vendor: size: 64x64, real ones 32x32." in notes


def test_no_generator_is_among_the_usual_arms(vendor: Path) -> None:
    usual = with_set({"shots": (3,)}, vendor)["arms"]
    assert usual == ("real", "classical", "placebo", "pseudo-labelled", "set:from-vendor")
    assert with_set({"arms": ("classical", "generated")}, vendor)["arms"] == (
        "classical",
        "generated",
        "set:from-vendor",
    )
    assert with_set({"arms": ARMS}, vendor)["arms"] == ARMS
    assert with_set({}, None) == {}


def test_images_without_a_class_beside_those_with_one_are_left_out_and_said(photos: Path, tmp_path: Path) -> None:
    """A folder of label files that had none for one image was said to have a class '', which nobody can rename."""
    rng = np.random.default_rng(98)
    for label in material.CLASSES:
        Image.fromarray(material.draw(label, rng)).save(tmp_path / f"{label}.png")
        (tmp_path / f"{label}.json").write_text(
            json.dumps(
                {
                    "shapes": [{"label": label, "shape_type": "rectangle", "points": [[2, 2], [9, 9]]}],
                    "imagePath": f"{label}.png",
                    "imageHeight": 32,
                    "imageWidth": 32,
                }
            )
        )
    Image.fromarray(material.draw(label, rng)).save(tmp_path / "z.png")
    settings = TrialSettings.parse({"shots": (3,), "arms": ("classical", f"set:{tmp_path.name}")})
    heard = Heard()
    found = read_brought(tmp_path, None, load(photos), settings, None, heard)
    assert found is not None
    assert sorted(found.images.classes) == sorted(material.CLASSES)
    (said,) = heard.said
    assert said.startswith("1 image is not labelled and left out (such as z.png: no label file). To see all: ")
    assert "1 image without a class was left out" in sentences_of(found, 9)[0]


def test_a_set_without_classes_is_refused_by_that(photos: Path) -> None:
    data = load(photos)
    none = replace(data, samples=tuple(replace(sample, label="") for sample in data.samples))
    settings = TrialSettings.parse({"shots": (3,), "arms": ("classical", "set:photos")})
    with pytest.raises(DataUnusableError, match=r"has images without a class, and .* into a folder of its name\."):
        read_brought(none, None, data, settings, None, SILENT)


@pytest.mark.parametrize("disguise", ["as it is", "mirrored, enlarged, as JPEG"])
def test_a_copy_of_a_test_image_is_refused(photos: Path, tmp_path: Path, disguise: str) -> None:
    settings = TrialSettings.parse(
        {key: SMALL[key] for key in ("shots", "resolution", "steps", "batch", "made", "models")}
    )
    before = open_trial(photos, tmp_path / "before", settings)
    tested = before.dataset.samples[int(before.division.test[0])]
    (tmp_path / "leaky" / tested.label).mkdir(parents=True)
    image = Image.open(photos / tested.file)
    if disguise != "as it is":
        image = image.resize((64, 64), Image.Resampling.BICUBIC).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image.save(tmp_path / "leaky" / tested.label / ("copy.png" if disguise == "as it is" else "copy.jpg"))
    with pytest.raises(DataUnusableError, match=f"test images have leaked: 1 of the 1 images in .*{tested.file}"):
        flawforge.trial(photos, tmp_path / "out", synthetic=tmp_path / "leaky", **SMALL)


def test_images_that_its_generator_saw_are_kept_out_of_the_test_set(
    photos: Path, vendor: Path, tmp_path: Path, judged: tuple[Path, TrialRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dataset, "groups", by_content)  # no two show one specimen
    before = load_bench(judged[0])
    tested = [before.dataset.samples[int(index)] for index in before.division.test]
    saw = tmp_path / "saw"
    saw.mkdir()
    for number, sample in enumerate(tested[::4]):
        Image.open(photos / sample.file).save(saw / f"{number}.png")
    settings = TrialSettings.parse(
        {key: SMALL[key] for key in ("shots", "resolution", "steps", "batch", "made", "models")}
    )
    bench = open_trial(photos, tmp_path / "out", settings, synthetic=vendor, synthetic_saw=saw)
    left = {bench.dataset.samples[int(index)].sha256 for index in bench.division.test}
    assert not left & {sample.sha256 for sample in tested[::4]}
    assert len(left) == len(tested) - len(tested[::4])
    assert any("were kept out of the test set" in told for told in bench.told)
    assert load_bench(tmp_path / "out").told == bench.told
    with pytest.raises(DataUnusableError, match=r"saw all test images of class dots \(--synthetic-saw\)"):
        open_trial(photos, tmp_path / "none", settings, synthetic=vendor, synthetic_saw=photos)


def test_a_test_image_goes_where_another_of_its_joined_group_was_seen(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Near copies that the search for overlaps keeps apart, and the division joined."""
    monkeypatch.setattr(Dataset, "groups", by_content)
    data = load(photos)
    groups = np.arange(len(data))
    groups[[1, 41]] = 0, 40  # in two classes; of each pair the first was seen
    test = np.array([1, 2, 41, 42, 81])
    before = Division(test, np.setdiff1d(np.arange(len(data)), test), groups, 2, "")
    found = withdraw_seen(data, before, Brought(data, data.take([0, 40]), ""), SILENT)
    assert found.test.tolist() == [2, 42, 81]
    assert set(found.pool) == set(range(len(data))) - {2, 42, 81}


def test_what_does_not_fit_is_refused(
    photos: Path, vendor: Path, tmp_path: Path, judged: tuple[Path, TrialRecord]
) -> None:
    with pytest.raises(SettingError, match="arm set:x takes images from a folder: name it with --synthetic DIR"):
        flawforge.trial(photos, tmp_path / "a", **{**SMALL, "arms": ("classical", "set:x")})
    with pytest.raises(SettingError, match="there are no images for arm set:x"):
        flawforge.trial(photos, tmp_path / "b", synthetic=vendor, **{**SMALL, "arms": ("classical", "set:x")})
    with pytest.raises(DataUnusableError, match="has a class 'dots'?.*put the generated images of each into a folder"):
        flawforge.trial(photos, tmp_path / "c", synthetic=vendor / "dots", classes=("stripes", "waves"), **SMALL)
    with pytest.raises(RunExistsError, match="holds a trial with other settings: the seen by set:from-vendor images"):
        flawforge.trial(photos, judged[0], synthetic=vendor, synthetic_saw=vendor, **{**SMALL, "arms": ("classical",)})
