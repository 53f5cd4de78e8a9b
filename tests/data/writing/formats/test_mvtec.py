"""MVTec AD: good images to train on, all defects to test on."""

from __future__ import annotations

from pathlib import Path

from flawforge.data.dataset import Dataset
from flawforge.data.writing.convert import convert


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}


def test_it_lies_as_mvtec_has_it(marked: Dataset, tmp_path: Path) -> None:
    assert convert(marked, tmp_path / "out", "mvtec").notes == ()
    assert files(tmp_path / "out") == {
        "train/good/plain.png",
        "train/good/clean.png",
        "test/scratch/ring.png",
        "test/scratch/pixel.png",
        "test/scratch/box.png",
        "test/spot/border.png",
        "test/spot/parts.png",
        "test/spot/line.png",
        "ground_truth/scratch/ring_mask.png",
        "ground_truth/scratch/pixel_mask.png",
        "ground_truth/spot/border_mask.png",
        "ground_truth/spot/parts_mask.png",
        "ground_truth/spot/line_mask.png",
    }


def test_without_good_images_that_is_told(marked: Dataset, tmp_path: Path) -> None:
    (note,) = convert(marked, tmp_path / "out", "mvtec", classes=["spot"]).notes
    assert note.startswith("There is no good image to train on")
    assert not any(file.startswith("train") for file in files(tmp_path / "out"))
