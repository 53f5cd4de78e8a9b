"""The folders that people have are judged: their arrangement decides neither what is counted nor what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import field_folders
import flawforge
from flawforge.core.images import eight_bits
from flawforge.data.reading.load import load_regardless

pytestmark = pytest.mark.usefixtures("own_cache", "own_groups")
IMAGES = {"severstal": 20, "twelve-bit": 14}
MORE = {"kolektor1": 30, "kolektor2": 24, "magnetic": 24, "visa": 20, "loco": 24, "mvtec-several": 16, "coco": 20}
MORE |= {"yolo-split": 20, "yolo-beside": 20, "labelme": 20, "gc10": 24, "hot-pixel": 14, "jpeg-masks": 14}
CASES = [*IMAGES.items(), *(pytest.param(*case, marks=pytest.mark.nightly) for case in MORE.items())]
DRAWN = field_folders.surface


def _flat(name: str, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Draw a folder, and as PNG files in one folder as many images of other pieces of the same material."""
    field_folders.FIELD[name](shelf / "field")
    monkeypatch.setattr(field_folders, "surface", lambda seed, *rest: DRAWN(seed + 10**6, *rest))
    field_folders.FIELD[name](shelf / "other")
    (shelf / "flat").mkdir()
    others = load_regardless(shelf / "other")
    for row in range(len(others)):
        Image.fromarray(eight_bits(others.read(row), others.white)).save(shelf / "flat" / f"{row}.png")
    return shelf / "field", shelf / "flat"


def _plant(folder: Path, into: Path) -> str:
    """Put an altered copy of one of a folder's images into another; return whose."""
    whole = load_regardless(folder)
    pixels = eight_bits(whole.read(len(whole) - 2), whole.white)[:, ::-1].astype(float)
    noise = np.random.default_rng(0).normal(0, 3, pixels.shape)
    Image.fromarray(np.clip(1.05 * np.roll(pixels, 3, 1) + 5 + noise, 0, 255).astype(np.uint8)).save(into / "copy.png")
    return whole.samples[len(whole) - 2].file


def _copies(real: Path, made: Path) -> tuple[list[tuple[str, str]], Any]:
    found = flawforge.audit(real, synthetic=made)
    pairs = [pair for pair in found.pairs if pair.likeness is not None and pair.likeness.copied]
    assert found.copying is not None
    assert found.copying.recovered == found.copying.planted
    return [(pair.file, pair.likeness.file) for pair in pairs if pair.likeness], found


@pytest.mark.parametrize(("name", "images"), CASES)
def test_a_folder_is_judged_by_what_it_shows(
    name: str, images: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field, flat = _flat(name, tmp_path, monkeypatch)
    for real, made in ((field, flat), (flat, field)):
        scored = flawforge.score(real, synthetic=made, extractor="pixels", pictures=0)
        assert (scored.n_generated, scored.n_training) == (images, images)
        assert "not distinguishable from the real ones" in scored.sentence
    copied = _plant(field, flat)
    found, audit = _copies(field, flat)
    assert found == [("copy.png", copied)]
    assert (audit.n_generated, audit.n_training) == (images + 1, images)
