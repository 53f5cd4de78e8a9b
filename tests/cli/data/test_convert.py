"""``flawforge convert``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.cli.data.exporting import FormatName
from flawforge.data.estimates import estimated_from
from flawforge.data.reading.load import load
from flawforge.data.sample import Mark
from flawforge.data.writing.convert import convert
from flawforge.data.writing.formats import EXPORT_FORMATS
from flawforge.training.estimated_masks import estimate_masks

Typed = Callable[..., int]


def test_it_says_what_it_wrote(typed: Typed, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("convert", lines, "--format", "imagefolder", "--out", tmp_path / "out") == 0
    shown = capsys.readouterr().out
    assert shown == f"wrote 8 images (8 real) as imagefolder: 8 lines; 8 in train\nfolder: {tmp_path / 'out'}\n"


def test_a_dry_run_lists_the_files(
    typed: Typed, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed("convert", lines, "--format", "yolo", "--out", tmp_path / "out", "--dry-run") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[:2] == ["images/train/00.png", "labels/train/00.txt"]
    assert "would write 8 images (8 real) as yolo: 8 lines; 8 in train" in shown
    assert any(line.startswith("- 8 images have a class but no box and no mask") for line in shown)
    assert not (tmp_path / "out").exists()


def test_json_is_the_result(typed: Typed, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("convert", lines, "--format", "coco", "--out", tmp_path / "out", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    expected = {"folder", "format", "images", "classes", "origins", "parts", "notes", "files", "written"}
    assert printed.keys() == expected
    assert (printed["images"], printed["origins"], printed["files"]) == (8, {"real": 8}, 11)


def test_the_words_of_reading_are_taken(
    typed: Typed, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in lines.iterdir():
        path.rename(path.with_name(f"dent_{path.name}"))
    words = (
        "convert",
        lines,
        "--format",
        "imagefolder",
        "--out",
        tmp_path / "out",
        "--classes-from",
        "names",
        "--json",
    )
    assert typed(*words) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == {"dent": 8}


def test_a_problem_is_explained(typed: Typed, lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("convert", lines, "--format", "coco", "--out", lines) == 1
    assert "holds files that belong to no dataset export" in capsys.readouterr().err
    assert typed("convert", lines, "--format", "cocoa", "--out", tmp_path / "out") == 2
    assert typed("convert", lines, "--out", tmp_path / "out") == 2


def test_every_format_is_a_word_of_the_option() -> None:
    assert set(FormatName.__args__) == set(EXPORT_FORMATS)  # type: ignore[attr-defined]


def test_masks_are_estimated_for_a_person_to_mend(
    typed: Typed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos" / "pit").mkdir(parents=True)
    pixels = np.random.default_rng(0).normal(120, 6, (60, 72))
    pixels[20:34, 30:44] -= 60
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "photos" / "pit" / "0.png")
    data = load(tmp_path / "photos")
    boxed = replace(data, samples=tuple(replace(one, marks=(Mark("pit", (24, 14, 50, 40)),)) for one in data.samples))
    convert(boxed, tmp_path / "boxed", "coco")
    words = ("convert", tmp_path / "boxed", "--format", "labelme", "--out", tmp_path / "to-mend")
    assert typed(*words, "--estimate-masks") == 0
    assert "- The masks of 1 image are estimated from their boxes, not drawn (1 of pit)." in capsys.readouterr().out
    (line,) = (tmp_path / "to-mend" / "manifest.jsonl").read_text().splitlines()
    assert json.loads(line)["mask"] == "estimated from box"
    again = load(tmp_path / "to-mend")
    assert estimated_from(again.samples[0]) == "box"
    assert "The masks of 1 image are estimated from their boxes" in again.notes[-1]
    mask = again.mask(0)
    truth = np.zeros((60, 72), bool)
    truth[20:34, 30:44] = True
    assert (mask & truth).sum() / (mask | truth).sum() > 0.85
    mended = ("convert", tmp_path / "to-mend", "--format", "coco", "--out", tmp_path / "mended", "--estimate-masks")
    assert typed(*mended) == 0
    assert "are estimated from their boxes" in capsys.readouterr().out
    assert typed(*words, "--overwrite") == 0
    assert "The masks" not in capsys.readouterr().out
    assert load(tmp_path / "to-mend").mask(0).sum() == 26 * 26
    (tmp_path / "mended" / "manifest.jsonl").unlink()
    drawn = ("convert", tmp_path / "mended", "--format", "coco", "--out", tmp_path / "drawn", "--estimate-masks")
    assert typed(*drawn) == 0
    assert "No mask is estimated" in capsys.readouterr().err


def test_a_mask_that_a_person_has_mended_counts_as_drawn(tmp_path: Path) -> None:
    (tmp_path / "photos" / "pit").mkdir(parents=True)
    pixels = np.random.default_rng(0).normal(120, 6, (60, 72))
    pixels[20:34, 30:44] -= 60
    for name in "ab":
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "photos" / "pit" / f"{name}.png")
    data = load(tmp_path / "photos")
    boxed = replace(data, samples=tuple(replace(one, marks=(Mark("pit", (24, 14, 50, 40)),)) for one in data.samples))
    estimated = estimate_masks(boxed).data
    convert(estimated, tmp_path / "to-mend", "labelme")
    convert(estimated, tmp_path / "together", "coco")
    file = next((tmp_path / "to-mend").rglob("*a.json"))
    file.write_text(file.read_text().replace('"version"', '"version" '))
    assert [estimated_from(one) for one in load(tmp_path / "to-mend").samples] == ["", "box"]
    assert [estimated_from(one) for one in load(tmp_path / "together").samples] == ["box", "box"]
    (tmp_path / "to-mend" / "manifest.jsonl").unlink()
    assert [estimated_from(one) for one in load(tmp_path / "to-mend").samples] == ["", ""]
