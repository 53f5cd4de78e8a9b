"""Composed sets: what the manifest declares, what is marked in the images, and what the other verbs make of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import SettingError
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.runs.folder import Run
from flawforge.runs.set_files import ManifestEntry
from flawforge.studies.copies import audit
from flawforge.studies.export import export
from flawforge.studies.search import search
from flawforge.studies.synthesis import generate
from flawforge.studies.synthesis.composer import flaws
from flawforge.training.train import train


@pytest.fixture
def run(draw_images: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Compose two classes, one of them with masks."""
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self)))
    folder = tmp_path / "data"
    for number, label in enumerate(("dents", "pits")):
        draw_images(folder / label, 5, sizes=((20, 24), (30, 26)), seed=number)
    for file in sorted((folder / "dents").iterdir()):
        mask = np.zeros(np.asarray(Image.open(file)).shape, np.uint8)
        mask[4:10, 6:14] = 255
        (folder / "masks" / "dents").mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(folder / "masks" / "dents" / file.name)
    return train(folder, tmp_path / "run", "compose", previews=0)


def test_sizes_are_real_ones_and_sources_and_light_are_named(run: Run) -> None:
    made = generate(run, 6)
    data = load(run.settings.data.root)
    sizes = {sample.file: (sample.width, sample.height) for sample in data.samples}
    for entry in made.entries():
        assert (entry.width, entry.height) == sizes[entry.sources[0]]
        assert all(file.startswith(entry.label) for file in entry.sources)
        assert not entry.light.startswith(entry.label)
        assert made.read(entry).shape == (entry.height, entry.width)


def test_more_images_leave_the_first_as_they_were(run: Run) -> None:
    few = {entry.file: entry.sha256 for entry in generate(run, 3).entries()}
    more = {entry.file: entry.sha256 for entry in generate(run, 20).entries()}
    assert few.items() <= more.items()
    again = {entry.file: entry.sha256 for entry in generate(run, 20, out=run.path / "again").entries()}
    assert again == more


def test_cut_boxes_and_clipped_pixels_are_told() -> None:
    whole, cut = ("dents", 1, 2, 5, 6, False), ("dents", 1, 2, 5, 6, True)
    plain = ManifestEntry("a.png", "dents", 0, 0, "", "", 8, 8, "L", boxes=(whole,), clipped=0.01)
    assert flaws([plain]) == []
    told = flaws([plain, replace(plain, boxes=(whole, cut, cut)), replace(plain, clipped=0.02)])
    assert told == [
        "1 of 3 images have a box that is cut; its last entry in manifest.jsonl is true.",
        "In 1 of 3 images over 1% of the pixels are clipped to black or white.",
    ]


def test_defects_that_are_hardly_seen_are_told() -> None:
    plain = ManifestEntry("a.png", "dents", 0, 0, "", "", 8, 8, "L")
    placed = [
        {"contrast": 6.0, "ground_contrast": 5.0, "shift": 0.0},
        {"contrast": 5.99, "ground_contrast": 5.0, "shift": -2.5},  # a dark stain over bright stripes
        {"strength": 1.0},
    ]
    seen = [replace(plain, placed=one) for one in placed]
    assert flaws(seen) == []
    faint = replace(plain, placed={"contrast": 5.99, "ground_contrast": 5.0, "shift": -2.49})
    assert flaws([*seen, faint])[0].startswith("In 1 of 4 images the defect may be hardly seen: ")


def test_masks_lie_beside_the_images_and_go_with_the_set(run: Run) -> None:
    made = generate(run, 4)
    for entry in made.entries():
        assert bool(entry.mask) is (entry.label == "dents")
        if entry.mask:
            mask = np.asarray(Image.open(made.folder / entry.mask))
            assert mask.shape == (entry.height, entry.width)
            assert set(np.unique(mask)) == {0, 255}
    generate(run, 2, seed=1, overwrite=True)
    assert len(list((made.folder / "masks").rglob("*.png"))) == 2


def test_an_export_has_the_masks_and_reads_back(run: Run, tmp_path: Path) -> None:
    made = generate(run, 4, classes=["dents"])
    export(run, tmp_path / "coco", "coco")
    files = [file for file in (tmp_path / "coco").rglob("*.json") if "annotations" in json.loads(file.read_text())]
    told = json.loads(files[0].read_text())
    masks = {Path(entry.file).name: np.asarray(Image.open(made.folder / entry.mask)) for entry in made.entries()}
    areas = {name: int((mask > 0).sum()) for name, mask in masks.items()}
    names = {image["id"]: image["file_name"].split("synthetic_")[1] for image in told["images"]}
    found = dict.fromkeys(areas, 0)
    for mark in told["annotations"]:
        found[names[mark["image_id"]]] += mark["area"]
    assert found == areas


@pytest.mark.usefixtures("quick_audit")
def test_an_audit_counts_undeclared_reuse_alone(run: Run) -> None:
    made = generate(run, 4)
    record = audit(run)
    assert record.composed == 8
    assert record.sentence.startswith("The images are composed of your images by design")
    assert record.copying is not None
    assert record.copying.found == 0
    text = (made.folder / "manifest.jsonl").read_text()
    first = json.loads(text.splitlines()[0])
    assert len(first["sources"]) in (1, 2)


def test_verbs_that_need_a_latent_or_a_training_refuse(run: Run, tmp_path: Path) -> None:
    made = generate(run, 2)
    with pytest.raises(SettingError, match="recipe compose has no latent"):
        generate(run, 2, truncation=1.0, overwrite=True)
    assert len(list(made.entries())) == len(list(made.folder.rglob("*.png"))) - len(
        list((made.folder / "masks").rglob("*.png"))
    )
    with pytest.raises(SettingError, match="recipe compose trains nothing"):
        search(run.settings.data.root, tmp_path / "search", recipe="compose")
    with pytest.raises(SettingError, match="recipe native cannot be searched"):
        search(run.settings.data.root, tmp_path / "search", recipe="native")
