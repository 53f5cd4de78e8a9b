from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawforge.core.settings.recipes import recipe
from flawforge.data.dataset import Dataset
from flawforge.data.inspection.inspect import inspect
from flawforge.data.inspection.proportions import elongated, small_defects
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.regions import MaskImage
from flawforge.data.sample import Mark, Sample

PLAIN: dict[str, Any] = {"mode": "L", "encoding": "PNG", "gray": True, "peak": 255, "sha256": ""}


def drawn(width: int, height: int, *marks: Mark, root: Path = Path()) -> Dataset:
    one = [Sample(f"{i}.png", "a", marks, width=width, height=height, **PLAIN) for i in range(3)]
    return Dataset("drawn", root, "flat", tuple(one))


@pytest.mark.parametrize(
    ("width", "height", "advice"),
    [
        (1024, 64, "--tiles 64 cuts them into squares at native resolution; --resolution 16x256"),
        (64, 1024, "--tiles 64 cuts them into squares at native resolution; --resolution 256x16"),
        (1600, 256, "--tiles 256 cuts them into squares at native resolution; --resolution 32x256"),
        (400, 200, "--tiles 200 cuts them into squares at native resolution; --resolution 64x128"),
        (80_000, 20, "--tiles 20 cuts them into squares at native resolution; --resolution 8x512"),
    ],
)
def test_elongated_images_get_a_word_and_two_remedies(width: int, height: int, advice: str) -> None:
    told = elongated(drawn(width, height))
    assert f"(such as 0.png: {width}x{height})" in told
    assert advice in told
    recipe("fewshot", resolution=advice.split()[-1])  # which is allowed


@pytest.mark.parametrize(("width", "height"), [(64, 64), (199, 100), (100, 199)])
def test_others_get_none(width: int, height: int) -> None:
    assert elongated(drawn(width, height)) == ""


def test_a_defect_below_one_pixel_of_the_network_is_named_with_the_tiles_that_keep_it() -> None:
    assert small_defects(drawn(3840, 2160, Mark("dot", (1000, 1000, 1020, 1020)))) == (
        "3 of 3 defects are smaller than one pixel when training makes their image 64x64 (such as in 0.png: 400 pixels "
        "of 3840x2160): the generator cannot learn them. --tiles 320 cuts the images into squares in which they are "
        "large enough."
    )
    assert small_defects(drawn(3840, 2160, Mark("dot", (1000, 1000, 1100, 1100)))) == ""
    assert small_defects(drawn(3840, 2160, Mark("dot"))) == ""
    assert small_defects(drawn(3840, 2160)) == ""


def test_small_defects_are_found_in_masks_too(tmp_path: Path) -> None:
    mask = np.zeros((640, 640), np.uint8)
    mask[9:12, 9:12] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    marked = drawn(640, 640, Mark(regions=(MaskImage("m.png", threshold=127),)), root=tmp_path)
    assert "3 of 3 defects" in small_defects(marked)
    assert "--tiles 64 " in small_defects(marked)


def test_tiles_are_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "dent").mkdir()
    for seed in range(2):
        pixels = np.random.default_rng(seed).integers(0, 255, (40, 200), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "dent" / f"{seed}.png")
    assert any("elongated" in note for note in inspect(tmp_path, groups=False).notes)
    cut = inspect(tmp_path, groups=False, choices=ReadingChoices(tiles=40))
    assert not any("elongated" in note for note in cut.notes)
