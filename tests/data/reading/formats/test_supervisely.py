"""Supervisely: polygons with holes, rectangles and bitmaps, and what is damaged in them."""

from __future__ import annotations

import base64
import json
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from damaged import read_or_explained
from flawforge.data.reading.load import load
from flawforge.data.sample import Box


def bitmap(pixels: np.ndarray, left: int, top: int, mode: str = "RGBA") -> dict[str, Any]:
    """Return a bitmap as the tool packs it; True is marked."""
    picture = Image.fromarray((pixels * 255).astype(np.uint8))
    if mode == "RGBA":
        picture = Image.merge("RGBA", [picture] * 4)
    elif mode == "P":
        picture = Image.fromarray(pixels.astype(np.uint8)).convert("P")
        picture.putpalette([0, 0, 0, 255, 255, 255] + [0] * 762)
    data = BytesIO()
    picture.save(data, "PNG", **({"transparency": 0} if mode == "P" else {}))
    packed = base64.b64encode(zlib.compress(data.getvalue())).decode()
    return {"classTitle": "spot", "geometryType": "bitmap", "bitmap": {"data": packed, "origin": [left, top]}}


def shape(kind: str, *points: list[Any], holes: Any = ()) -> dict[str, Any]:
    return {
        "classTitle": "scratch",
        "geometryType": kind,
        "points": {"exterior": list(points), "interior": list(holes)},
    }


@pytest.fixture
def folder(tmp_path, save):
    def write(*objects: Any, **more: Any):
        for number in range(3):
            save(tmp_path / "ds" / "img" / f"{number}.png", number)
        (tmp_path / "ds" / "ann").mkdir(exist_ok=True)
        for number, listed in ((0, list(objects)), (1, [])):
            data = {"description": "", "tags": [], "size": {"height": 24, "width": 32}, "objects": listed, **more}
            (tmp_path / "ds" / "ann" / f"{number}.png.json").write_text(json.dumps(data))
        (tmp_path / "meta.json").write_text(json.dumps({"classes": [{"title": "spot"}], "tags": []}))
        return tmp_path

    return write


def test_rectangles_and_polygons_with_holes(folder):
    hole = [[8, 8], [12, 8], [12, 12], [8, 12]]
    ring = [[4, 4], [16, 4], [16, 16], [4, 16]]
    dataset = load(folder(shape("rectangle", [9, 11], [4, 5]), shape("polygon", *ring, holes=[hole])))
    assert (dataset.layout, dataset.counts) == ("supervisely", {"good": 1, "scratch": 1})
    assert [sample.label_source for sample in dataset.unlabelled] == ["no label file"]
    scratched = dataset.samples[1]
    assert scratched.boxes == (Box("scratch", 4, 5, 10, 12),)
    assert dataset.mask(1)[6, 6]
    assert not dataset.mask(1)[10, 10]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), mode=st.sampled_from(["RGBA", "P", "L"]))
def test_bitmaps_are_read_back_pixel_for_pixel(folder, seed, mode):
    draws = np.random.default_rng(seed)
    height, width = draws.integers(1, 12, 2)
    left, top = int(draws.integers(0, 33 - width)), int(draws.integers(0, 25 - height))
    pixels = draws.random((height, width)) < 0.5
    pixels[-1, -1] = True
    dataset = load(folder(bitmap(pixels, left, top, mode)))
    mask = np.zeros((24, 32), bool)
    mask[top : top + height, left : left + width] = pixels
    assert np.array_equal(dataset.mask(1), mask)


FULL = np.ones((3, 3), bool)
LARGE = bitmap(np.ones((30, 3), bool), 0, 0)
RING = ([1, 1], [5, 1], [5, 5])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (bitmap(FULL, 30, 0), "its bitmap leaves the image, or marks nothing"),
        (bitmap(FULL, -1, 0), "its bitmap leaves the image, or marks nothing"),
        (bitmap(~FULL, 0, 0), "its bitmap leaves the image, or marks nothing"),
        (LARGE, "its bitmap is larger than its image"),
        (LARGE | {"bitmap": {"data": "~", "origin": [0, 0]}}, "object 1: Only base64 data is allowed"),
        (LARGE | {"bitmap": {"data": base64.b64encode(b"x").decode(), "origin": [0, 0]}}, "its bitmap cannot be read"),
        (LARGE | {"bitmap": {"data": "", "origin": [1e30, 0]}}, "its numbers are not finite"),
        (LARGE | {"bitmap": None}, "its bitmap has no data"),
        (shape("polygon", [1, 1], [5, 5]), "'polygon' of 2 points"),
        (shape("line", *RING), "'line' of 3 points"),
        (shape("polygon", [1, 1, 1], *RING), "its points are not pairs of numbers"),
        (shape("polygon", ["x", 1], *RING), "it holds something else than numbers"),
        (shape("polygon", *RING) | {"points": 3}, "its points are not pairs of numbers"),
    ],
)
def test_shapes_that_cannot_be_read_leave_the_class(folder, wrong, told):
    dataset = load(folder(wrong))
    assert sum(dataset.counts.values()) == 2
    assert len(dataset.classes) == 2
    assert any(told in note for note in dataset.notes), dataset.notes


@pytest.mark.parametrize("wrong", [None, {}, {"classTitle": ""}, {"classTitle": 3}])
def test_objects_without_a_class_leave_the_image_unlabelled(folder, wrong):
    dataset = load(folder(wrong))
    assert dataset.counts == {"good": 1}
    assert "ds/ann/0.png.json has no object with a class" in {one.label_source for one in dataset.unlabelled}


def test_a_damaged_file_leaves_its_image_unlabelled(folder):
    data = folder()
    (data / "ds" / "ann" / "0.png.json").write_text('{"objects": [], "size"')
    dataset = load(data)
    assert dataset.counts == {"good": 1}
    assert [one.file for one in dataset.broken] == ["ds/ann/0.png.json"]


@pytest.mark.nightly
def test_damaged_bytes_end_in_a_reading_or_a_named_error(folder):
    data = folder(bitmap(FULL, 3, 3), shape("polygon", *RING))
    read_or_explained(data / "ds" / "ann" / "0.png.json", lambda: load(data))
