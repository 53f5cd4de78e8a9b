"""Converting: what is chosen, divided, noted and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataUnusableError, RunExistsError, SettingError
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.writing.convert import convert
from flawforge.data.writing.formats import EXPORT_FORMATS

Save = Callable[..., Path]


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def plain(tmp_path: Path, save: Save) -> Path:
    """Class folders without boxes or masks."""
    for seed in range(8):
        save(tmp_path / "plain" / ("dent", "ok")[seed % 2] / f"{seed}.png", seed)
    return tmp_path / "plain"


def annotations(folder: Path) -> dict[str, list[list[int]]]:
    """Return the boxes of each image in a COCO export."""
    whole = json.loads((folder / "annotations" / "instances_train.json").read_text())
    names = {image["id"]: image["file_name"] for image in whole["images"]}
    boxes: dict[str, list[list[int]]] = {name: [] for name in names.values()}
    for one in whole["annotations"]:
        boxes[names[one["image_id"]]].append(one["bbox"])
    return boxes


def test_a_class_without_a_place_gets_the_whole_image_and_a_good_image_nothing(plain: Path, tmp_path: Path) -> None:
    done = convert(plain, tmp_path / "out", "coco")
    assert annotations(tmp_path / "out") == {f"{seed}.png": [] if seed % 2 else [[0, 0, 32, 24]] for seed in range(8)}
    assert done.notes == (
        "4 images have a class but no box and no mask (such as dent/0.png), and COCO has no other place for a class: "
        "each got one box over the whole image. --unplaced leave-out leaves such images out.",
        "Images of class ok are written as images without a defect.",
    )
    assert load(tmp_path / "out").counts == {"dent": 4, "good": 4}


def test_such_images_can_be_left_out(plain: Path, tmp_path: Path) -> None:
    done = convert(plain, tmp_path / "out", "yolo", unplaced="leave-out")
    assert (done.images, done.classes) == (4, {"ok": 4})
    assert "4 images with a defect but without a box or a mask (such as dent/0.png) were left out." in done.notes
    with pytest.raises(DataUnusableError, match="no image is left to write as COCO. 4 images with a defect"):
        convert(plain, tmp_path / "none", "coco", classes=["dent"], unplaced="leave-out")


def test_formats_of_classes_need_no_place(plain: Path, tmp_path: Path) -> None:
    assert convert(plain, tmp_path / "out", "imagefolder").notes == ()
    assert load(tmp_path / "out").counts == {"dent": 4, "ok": 4}


def test_the_good_class_can_be_named(plain: Path, tmp_path: Path) -> None:
    convert(plain, tmp_path / "out", "coco", good="dent")
    assert annotations(tmp_path / "out")["0.png"] == []
    with pytest.raises(SettingError, match="--good is 'dnet'; .* has dent, ok. Did you mean 'dent'"):
        convert(plain, tmp_path / "other", "coco", good="dnet")


def test_each_product_of_mvtec_has_its_own_good_images(tmp_path: Path, save: Save) -> None:
    for seed, product in enumerate(("nut", "bolt")):
        for place, folder in enumerate(("train/good", "test/good", "test/bent")):
            save(tmp_path / "in" / product / folder / "0.png", 10 * seed + place)
    done = convert(tmp_path / "in", tmp_path / "out", "yolo")
    assert "Images of class bolt-good, nut-good are written as images without a defect." in done.notes
    assert (tmp_path / "out/data.yaml").read_text().endswith("names:\n  0: bolt-bent\n  1: nut-bent\n")


def test_images_without_a_class_are_left_out_and_told(plain: Path, tmp_path: Path) -> None:
    data = load(plain)
    data = replace(data, samples=data.samples[1:], unlabelled=data.samples[:1])
    done = convert(data, tmp_path / "out")
    assert (done.images, done.notes) == (7, ("1 image without a class was left out.",))


def test_only_the_classes_that_were_asked_for(plain: Path, tmp_path: Path) -> None:
    assert convert(plain, tmp_path / "out", classes=["ok"]).classes == {"ok": 4}
    with pytest.raises(DataUnusableError, match="there is no class 'okay'"):
        convert(plain, tmp_path / "other", classes=["okay"])


def test_parts_keep_images_of_one_specimen_together(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    monkeypatch.setattr(Dataset, "groups", lambda self, progress: groups)
    done = convert(plain, tmp_path / "out", "yolo", val=0.25, test=0.25)
    assert sum(done.parts.values()) == 8
    lines = [json.loads(line) for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()]
    part = {line["source"]: line["part"] for line in lines}
    files = [sample.file for sample in load(plain).samples]
    assert all(part[files[row]] == part[files[row + 1]] for row in range(0, 8, 2))
    assert {line["file"].split("/")[1] for line in lines} == {"train", "val", "test"}
    for line in lines:
        assert line["file"].startswith(f"images/{line['part']}/")
        assert all((tmp_path / "out" / file).is_file() for file in line["files"])


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"val": 1.0}, "--val is 1; it is a share of the images, such as 0.2, from 0 to below 1"),
        ({"test": -0.1}, "--test is -0.1"),
        ({"val": float("nan")}, "--val is nan"),
        ({"val": 0.5, "test": 0.5}, "--val 0.5 and --test 0.5 leave no image to train on"),
    ],
)
def test_shares_that_cannot_be(shares: dict[str, float], message: str, plain: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=message):
        convert(plain, tmp_path / "out", **shares)
    assert not (tmp_path / "out").exists()


def test_an_unknown_format_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--format is 'cocoa'; there are imagefolder, .* Did you mean 'coco'"):
        convert(tmp_path / "nowhere", tmp_path / "out", "cocoa")


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_the_same_input_gives_the_same_bytes_and_a_dry_run_lists_them(
    format: str, marked: Dataset, tmp_path: Path
) -> None:
    rehearsed = convert(marked, tmp_path / "one", format, dry_run=True)
    assert not (tmp_path / "one").exists()
    done = convert(marked, tmp_path / "one", format)
    convert(marked, tmp_path / "two", format)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert sorted(rehearsed.files) == sorted(tree(tmp_path / "one"))
    assert (rehearsed.written, done.written) == (False, True)
    assert replace(rehearsed, written=True) == done
    assert rehearsed.as_json()["files"] == list(done.files)
    assert done.as_json()["files"] == len(done.files)
    json.dumps(rehearsed.as_json())
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_each_image_is_in_the_manifest_with_its_origin(format: str, marked: Dataset, tmp_path: Path) -> None:
    convert(marked, tmp_path / "out", format)
    lines = [json.loads(line) for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()]
    assert [(line["source"], line["class"]) for line in lines] == [(one.file, one.label) for one in marked.samples]
    assert {(line["origin"], line["version"], line["part"]) for line in lines} == {("real", "0.1.0", "train")}
    facts = json.loads((tmp_path / "out/export.json").read_text())
    assert (facts["format"], facts["images"], facts["origins"]) == (format, 8, {"real": 8})
    assert len({line["file"] for line in lines}) == 8


def test_the_origin_of_a_generated_image_stays_with_it(plain: Path, tmp_path: Path) -> None:
    (plain / "set.json").write_text("{}")
    line = {"file": "dent/0.png", "class": "dent", "seed": 3, "index": 7, "checkpoint": "step@1", "sha256": "x"}
    (plain / "manifest.jsonl").write_text(json.dumps(line) + "\n{not whole\n")
    convert(plain, tmp_path / "one")
    convert(tmp_path / "one", tmp_path / "two")
    for folder, source in (("one", "dent/0.png"), ("two", "train/dent/0.png")):
        first, *others = map(json.loads, (tmp_path / folder / "manifest.jsonl").read_text().splitlines())
        kept = {key: first[key] for key in ("origin", "seed", "index", "checkpoint", "source")}
        assert kept == {"origin": "synthetic", "seed": 3, "index": 7, "checkpoint": "step@1", "source": source}
        assert {other["origin"] for other in others} == {"real"}


def test_what_is_in_the_folder_is_never_mixed_with(plain: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    convert(plain, out, "yolo")
    with pytest.raises(RunExistsError, match="out already holds a dataset export. Add --overwrite to replace it"):
        convert(plain, out, "coco")
    convert(plain, out, "coco", dry_run=True)
    assert (out / "data.yaml").exists()
    convert(plain, out, "coco", overwrite=True)
    assert not (out / "data.yaml").exists()
    (out / "mine.txt").write_text("x")
    with pytest.raises(RunExistsError, match=r"1 files? that (is|are) not of it \(such as mine.txt\)"):
        convert(plain, out, "yolo", overwrite=True)
    assert (out / "mine.txt").exists()
    with pytest.raises(RunExistsError, match=r"holds files that belong to no dataset export \(dent, ok\)"):
        convert(plain, plain, "yolo", overwrite=True)


def test_files_that_readers_see_differently_become_plain_ones(tmp_path: Path) -> None:
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30)
    small = (pixels % 256).astype(np.uint8)
    colour = np.stack([small, small.T.reshape(20, 30), small[::-1]], axis=-1)
    folder = tmp_path / "in" / "dent"
    folder.mkdir(parents=True)
    Image.fromarray(small).save(folder / "gray.png")
    Image.fromarray(pixels).save(folder / "deep.png")
    Image.fromarray(pixels).save(folder / "deep.tif.TIF", "TIFF")
    Image.fromarray(colour).save(folder / "photo 1.jpeg")
    Image.fromarray(colour).convert("P").save(folder / "palette.png")
    Image.fromarray(colour).save(folder / "wrong ending.png", "BMP")
    note = Image.Exif()
    note[274] = 6
    Image.fromarray(colour).save(folder / "turned.jpg", exif=note)
    before = load(tmp_path / "in")
    convert(before, tmp_path / "out")
    written = {path.name for path in (tmp_path / "out" / "train" / "dent").iterdir()}
    assert written == {
        "gray.png",
        "deep.png",
        "deep_tif.png",
        "photo_1.jpg",
        "palette.png",
        "wrong_ending.png",
        "turned.png",
    }
    after = load(tmp_path / "out")
    assert sorted(one.sha256 for one in after.samples) == sorted(one.sha256 for one in before.samples)
    for name, new in (("gray.png", "gray.png"), ("deep.png", "deep.png"), ("photo 1.jpeg", "photo_1.jpg")):
        assert (folder / name).read_bytes() == (tmp_path / "out/train/dent" / new).read_bytes()
    assert {one.turned for one in after.samples} == {1}


def test_tiles_go_out_as_images_of_their_own(tmp_path: Path, save: Save) -> None:
    save(tmp_path / "in" / "dent" / "0.png", 0, 40, 60)
    mask = np.zeros((40, 60), dtype=np.uint8)
    mask[4:12, 4:14] = mask[24:36, 40:52] = 255
    (tmp_path / "in" / "masks" / "dent").mkdir(parents=True)
    Image.fromarray(mask).save(tmp_path / "in" / "masks" / "dent" / "0.png")
    before = load(tmp_path / "in", ReadingChoices(tiles=32))
    convert(before, tmp_path / "out", "coco")
    after = load(tmp_path / "out")
    assert after.counts == before.counts
    assert sorted(one.sha256 for one in after.samples) == sorted(one.sha256 for one in before.samples)
    tiles = {(one.tile.left, one.tile.top): row for row, one in enumerate(before.samples) if one.tile}
    for row, sample in enumerate(after.samples):
        left, top = map(int, Path(sample.file).stem.split("_")[1:])
        np.testing.assert_array_equal(after.mask(row), before.mask(tiles[left, top]))
