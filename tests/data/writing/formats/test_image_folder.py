"""ImageFolder: nothing but class folders below a part, so that torchvision finds no class too many."""

from __future__ import annotations

from pathlib import Path

from flawforge.data.dataset import Dataset
from flawforge.data.writing.convert import convert


def test_a_part_has_class_folders_alone_and_masks_lie_beside_the_parts(marked: Dataset, tmp_path: Path) -> None:
    convert(marked, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out" / "train").iterdir()) == ["good", "scratch", "spot"]
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out" / "masks").rglob("*.png")}
    spots = {f"masks/train/spot/{name}.png" for name in ("border", "parts", "line")}
    assert found == {"masks/train/scratch/ring.png", "masks/train/scratch/pixel.png", *spots}
