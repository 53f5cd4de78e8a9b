"""Exporting a run: which images go out, with which origin, and which never do."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import flawforge
from flawforge.core.errors import DataUnusableError, RunBrokenError, RunExistsError, RunNotFoundError, SettingError
from flawforge.data.reading.load import load
from flawforge.data.writing.formats import EXPORT_FORMATS
from flawforge.studies.export import export
from flawforge.studies.synthesis import generate


def manifest(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


@pytest.fixture
def made(make_run: Any) -> Any:
    """A run with a synthetic set of 5 images; it was trained on 12."""
    run = make_run()
    generate(run, 5)
    return run


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_generated_images_go_out_in_every_format_with_their_origin(format: str, made: Any, tmp_path: Path) -> None:
    done = export(made, tmp_path / "out", format)
    assert (done.images, done.origins, done.classes) == (5, {"synthetic": 5}, {"scratches": 5})
    generated = [json.loads(line) for line in (made.synthetic / "manifest.jsonl").read_text().splitlines()]
    for line, entry in zip(manifest(tmp_path / "out"), generated, strict=True):
        assert {key: line[key] for key in ("class", "seed", "index", "checkpoint")} == {
            key: entry[key] for key in ("class", "seed", "index", "checkpoint")
        }
        assert (line["origin"], line["version"], line["source"]) == ("synthetic", flawforge.__version__, entry["file"])
        assert Path(line["file"]).name == f"synthetic_{Path(entry['file']).name}"
    if format != "webdataset":
        back = load(tmp_path / "out")
        assert back.counts == {"scratches": 5}
        first = (made.synthetic / generated[0]["file"]).read_bytes()
        assert first in {(back.root / sample.file).read_bytes() for sample in back.samples}


@pytest.mark.parametrize(
    ("format", "file"),
    [
        ("coco", "annotations/instances_train.json"),
        ("voc", "Annotations/synthetic_scratches_000000.xml"),
        ("labelme", "train/synthetic_scratches_000000.json"),
        ("hf", "train/metadata.jsonl"),
        ("webdataset", "train-000000.tar"),
        ("yolo", "data.yaml"),
    ],
)
def test_the_files_of_the_format_tell_it_too(format: str, file: str, made: Any, tmp_path: Path) -> None:
    export(made, tmp_path / "out", format)
    text = (tmp_path / "out" / file).read_bytes()
    assert b"synthetic" in text
    if format != "yolo":
        assert b"step_00000001@" in text


def test_without_a_place_each_gets_the_whole_image_or_is_left_out(made: Any, tmp_path: Path) -> None:
    done = export(made, tmp_path / "out", "yolo")
    assert done.notes[0].startswith("5 images have a class but no box and no mask (such as scratches/scratches_000000")
    assert {path.read_text() for path in (tmp_path / "out/labels/train").iterdir()} == {"0 0.5 0.5 1 1\n"}
    with pytest.raises(DataUnusableError, match="5 generated images were left out: they have a class, but no box"):
        export(made, tmp_path / "none", "yolo", unplaced="leave-out")
    assert not (tmp_path / "none").exists()


def test_with_the_real_images_and_never_the_held_out_ones(
    tmp_path: Path, draw_images: Any, make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load(draw_images(tmp_path / "data" / "scratches", 12))
    run = make_run(data.take(range(8)))
    settings = run.settings
    chosen = settings.selection.model_copy(update={"samples": [one.sha256 for one in data.samples[:8]]})
    run.save_settings(settings.model_copy(update={"selection": chosen}))
    generate(run, 20)
    done = export(run, tmp_path / "out", "imagefolder", with_real=True, share=0.5)
    assert done.origins == {"real": 8, "synthetic": 8}
    lines = manifest(tmp_path / "out")
    real = {line["source"] for line in lines if line["origin"] == "real"}
    assert real == {sample.file for sample in data.samples[:8]}
    held_out = {sample.sha256 for sample in data.samples[8:]}
    assert not held_out & {sample.sha256 for sample in load(tmp_path / "out").samples}
    assert [line["index"] for line in lines if line["origin"] == "synthetic"] == list(range(8))


def test_a_share_needs_images_enough(made: Any, tmp_path: Path) -> None:
    with pytest.raises(DataUnusableError, match=r"beside 12 real images of class 'scratches' that takes 12 .* has 5"):
        export(made, tmp_path / "out", with_real=True, share=0.5)
    with pytest.raises(DataUnusableError, match="no generated image fits"):
        export(made, tmp_path / "out", with_real=True, share=0.01)
    counted = (
        Counter(line["origin"] for line in manifest(tmp_path / "part"))
        if export(made, tmp_path / "part", with_real=True, share=0.25)
        else Counter()
    )
    assert counted == {"real": 12, "synthetic": 4}


def test_generated_images_are_only_trained_on(made: Any, tmp_path: Path) -> None:
    done = export(made, tmp_path / "out", "yolo", with_real=True, val=0.25)
    parts = Counter((line["origin"], line["part"]) for line in manifest(tmp_path / "out"))
    assert parts["synthetic", "train"] == 5
    assert parts["real", "train"] + parts["real", "val"] == 12
    assert parts["real", "val"] > 0
    assert any(note.startswith("The generator has learnt from the images in val and test") for note in done.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.5}, "--share is the share of generated images beside real ones; add --with-real"),
        ({"share": 1.0, "with_real": True}, "--share is 1; it is the share of generated images, above 0 and below 1"),
        ({"share": float("nan"), "with_real": True}, "--share is nan"),
        ({"val": 0.2}, "--val and --test divide real images"),
        ({"format": "pascal"}, "--format is 'pascal'; there are imagefolder"),
        ({"classes": ["scratch"]}, "has no such class. Did you mean 'scratches'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    options: dict[str, Any], message: str, made: Any, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=message):
        export(made, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_file_that_has_changed_is_told_and_nothing_is_left_behind(made: Any, tmp_path: Path) -> None:
    (made.synthetic / "scratches" / "scratches_000003.png").write_bytes(b"x")
    with pytest.raises(RunBrokenError, match=r"scratches_000003.png is gone or has changed since it was generated"):
        export(made, tmp_path / "out")
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith((".out", "out"))]


def test_a_run_without_a_set_says_how_to_make_one(make_run: Any, tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="Generate one with: flawforge generate"):
        export(make_run(), tmp_path / "out")


def test_generate_can_export_as_well(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    generate(run, 3, format="coco", out=tmp_path / "coco")
    assert len(manifest(tmp_path / "coco")) == 3
    assert len(list(run.synthetic.rglob("*.png"))) == 3  # the set itself is where audit and report look for it
    with pytest.raises(RunExistsError, match="already holds a dataset export"):
        generate(run, 4, format="coco", out=tmp_path / "coco")
    assert len(list(run.synthetic.rglob("*.png"))) == 3
    generate(run, 4, format="coco", out=tmp_path / "coco", overwrite=True)
    assert len(manifest(tmp_path / "coco")) == 4
    with pytest.raises(SettingError, match="--format yolo writes an export beside the set; give it a folder"):
        generate(run, 4, format="yolo")
