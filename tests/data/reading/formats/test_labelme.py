"""LabelMe: its shapes, the image that a file means, flags, and damaged files."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from damaged import damaged
from flawforge.core.errors import DataUnusableError
from flawforge.data.reading.file_tree import walk
from flawforge.data.reading.formats.labelme import labelme
from flawforge.data.reading.load import load
from flawforge.data.regions import draw_region
from flawforge.data.sample import Broken

from ..listed import labels

Write = Callable[..., Path]


@pytest.fixture
def image(tmp_path: Path, save: Write) -> Write:
    """Write an image of 32x24 and a file of shapes for it: its stem, its shapes, other keys."""

    def write(stem: str, *shapes: Any, **other: Any) -> Path:
        save(tmp_path / f"{stem}.png", seed=sum(map(ord, stem)))
        content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"{stem}.png", "imageData": None}
        content |= {"imageHeight": 24, "imageWidth": 32} | other
        (tmp_path / f"{stem}.json").write_text(json.dumps(content))
        return tmp_path

    return write


def shape(kind: str, *points: tuple[float, float], label: Any = "dent", **other: Any) -> dict[str, Any]:
    return {"label": label, "points": [list(point) for point in points], "shape_type": kind, **other}


def png(mask: np.ndarray) -> str:
    target = BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(target, "PNG")
    return base64.b64encode(target.getvalue()).decode()


def drawn(folder: Path) -> np.ndarray:
    """Return (24, 32) bool of all regions of the only image."""
    (sample,) = load(folder).samples
    assert sample.boxes == ()
    assert {mark.label for mark in sample.marks} == {"dent"}
    masks = [draw_region(region, 24, 32, folder) for mark in sample.marks for region in mark.regions]
    return np.logical_or.reduce(masks)


def test_polygons_and_rectangles_cover_what_their_corners_enclose(image):
    block = np.zeros((24, 32), bool)
    block[3:10, 5:15] = True
    corners = [(5, 3), (15, 3), (15, 10), (5, 10)]
    for one in (
        shape("polygon", *corners),
        {"label": "dent", "points": [list(corner) for corner in corners]},  # as old versions write it
        shape("rectangle", (5, 3), (15, 10)),
        shape("rectangle", (15, 3), (5, 10)),
        shape("rectangle", (15, 10), (5, 3)),
        shape("rectangle", *corners),
    ):
        assert np.array_equal(drawn(image("a", one)), block)


def test_a_circle_goes_through_its_second_point(image):
    mask = drawn(image("a", shape("circle", (16, 12), (16 + 6, 12 - 8))))
    rows, columns = np.mgrid[:24, :32] + 0.5
    assert np.array_equal(mask, np.hypot(rows - 12, columns - 16) < 10)


def test_a_mask_shape_includes_its_corners(image):
    mask = np.zeros((24, 32), bool)
    mask[4:9, 6:16] = np.random.default_rng(0).random((5, 10)) > 0.5
    one = shape("mask", (6, 4), (15, 8), mask=png(mask[4:9, 6:16]))
    assert np.array_equal(drawn(image("a", one)), mask)


def test_points_and_lines_are_as_thick_as_the_tool_draws_them_and_that_is_said(image):
    mask = drawn(image("a", shape("point", (16, 12))))
    assert (mask.any(axis=0).sum(), mask.sum()) == (11, pytest.approx(math.pi * 5.5**2, rel=0.05))
    assert drawn(image("a", shape("line", (4, 12), (24, 12)))).sum() == 200
    bend = image("a", shape("linestrip", (4, 12), (24, 12), (24, 2)))
    assert drawn(bend).sum() == 200 + 100 - 25
    assert load(bend).notes[-1] == (
        "Once: lines, which were taken for bars 10 pixels wide, as LabelMe draws them (a.json, shape 1)."
    )


def test_what_is_in_no_file_or_in_an_empty_one(image, save):
    folder = image("a", shape("rectangle", (5, 3), (15, 10)))
    image("b")
    image("c", flags={"rust": True, "old": False})
    image("d", flags={"rust": True, "old": True})
    save(folder / "e.png", 5)
    dataset = load(folder)
    assert labels(dataset) == {"a.png": "dent", "b.png": "good", "c.png": "rust"}
    assert {sample.file: sample.label_source for sample in dataset.unlabelled} == {
        "d.png": "d.json has no shape and several flags: rust, old",
        "e.png": "no label file",
    }
    assert [note for note in dataset.notes if "such as" in note] == [
        "1 image has labels that mark nothing (LabelMe; such as b.png): it is read as 'good'. --unmarked unlabelled "
        "leaves them out.",
        "1 image has labels that cannot be read (such as d.png): it is not labelled, and not used.",
        "1 image has no label file (LabelMe; such as e.png): it is not labelled, and not used. --unmarked good reads "
        "them as good.",
    ]


def test_the_image_of_a_file(tmp_path, save, image):
    """The file's own name goes first, then the image's name that is in it, whatever folders stand before that."""
    box = shape("rectangle", (5, 3), (15, 10))
    image("a", box, imagePath="..\\old\\b.png")
    save(tmp_path / "b.png", 7)
    save(tmp_path / "pictures" / "c.png", 8)
    (tmp_path / "json").mkdir()
    content = {"version": "5.5.0", "shapes": [box], "imagePath": "C:\\work\\c.png"}
    (tmp_path / "json" / "0001.json").write_text(json.dumps(content))
    (tmp_path / "json" / "0002.json").write_text(json.dumps(content | {"imagePath": "../../../etc/passwd"}))
    dataset = load(tmp_path)
    assert {sample.file: sample.label_source for sample in dataset.samples} == {
        "a.png": "a.json",
        "pictures/c.png": "json/0001.json",
    }
    assert dataset.broken == (Broken("json/0002.json", "is an annotation without an image of the same name"),)
    assert (
        "Once: label files that name another image than the one of their own name, which was taken (a.json names "
        "..\\old\\b.png)."
    ) in dataset.notes


def test_shapes_in_an_image_of_another_size_are_scaled(image):
    folder = image("a", shape("rectangle", (10, 6), (30, 20)), imageHeight=48, imageWidth=64)
    assert drawn(folder).sum() == 70
    assert "declare another size" in load(folder).notes[0]


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (shape("polygon", (1, 1), (5, 5)), "it has fewer than three points"),
        (shape("polygon", (1, 1), (5, 5), (math.nan, 3)), "its numbers are not finite, or far outside any picture"),
        (shape("polygon", (1, 1), (5, 5), (1, 2, 3)), "a point has not two numbers"),
        (shape("rectangle", (1, 1)), "it has not two points"),
        (shape("circle", (1, 1), (2, 2), (3, 3)), "it has not two points"),
        (shape("point"), "it has no points"),
        (shape("line", (1, 1)), "it has fewer than two points"),
        ({"label": "dent", "points": "none"}, "it has fewer than three points"),
        ({"label": "dent", "points": [["a", "b"]]}, "it holds something else than numbers"),
        (shape("star", (1, 1)), "'star' is no known kind of shape"),
        (shape("mask", (1, 1), (2, 2), mask="!"), "its mask is no picture"),
        (shape("mask", (1, 1), (2, 2), mask=None), "its mask is no picture"),
        (shape("mask", (1, 1), (2, 3), mask=png(np.ones((2, 2)))), "its mask has another size than its corners"),
        (shape("mask", (1, 1), (50, 2), mask=""), "its corners lie outside the image"),
    ],
)
def test_shapes_that_cannot_be_drawn_count_for_their_label(image, one, why):
    dataset = load(image("a", one, shape("polygon", (0, 0), (9, 0), (9, 9), label=None)))
    assert (dataset.counts, dataset.samples[0].marks[0].regions) == ({"dent": 1}, ())
    told = "Once: shapes that cannot be drawn, which were read for their label alone (a.json, shape 1: "
    assert any(note.startswith(told + why) for note in dataset.notes)
    assert "Once: shapes without a label, which were left out (a.json, shape 2)." in dataset.notes


def test_a_mask_shape_needs_the_size_of_its_image(image):
    one = shape("mask", (1, 1), (2, 2), mask=png(np.ones((2, 2))))
    dataset = load(image("a", one, imageWidth=None))
    assert "the file does not say how large the image is" in dataset.notes[0]


@pytest.mark.parametrize("label", [3, 2.5])
def test_numbers_may_be_labels(image, label):
    assert load(image("a", shape("rectangle", (5, 3), (15, 10), label=label))).counts == {str(label): 1}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"version": "5", "shapes": [', "is no JSON: Expecting value: line 1 column 29 (char 28)"),
        (b"", "is empty"),
        (b"\0\0\0\n", "is empty"),
        (b'{"shapes": ' + b"[" * 100_000, "is no JSON of labels: it is nested too deeply"),
        (b'{"version": "5", "shapes": [3, {"points": []}]}', "has no shape with a label"),
        (b'{"version": "5", "shapes": [], "imagePath": "\xd6.png"}', "is no JSON: it is not written in UTF-8"),
    ],
)
def test_damaged_files_are_named_and_their_images_are_not_labelled(image, content, why):
    image("a", shape("rectangle", (5, 3), (15, 10)))
    folder = image("b")
    (folder / "b.json").write_bytes(content)
    (folder / "lost.json").write_bytes(content)
    dataset = load(folder)
    assert (labels(dataset), [sample.file for sample in dataset.unlabelled]) == ({"a.png": "dent"}, ["b.png"])
    assert dataset.broken == (
        Broken("b.json", f"annotation of b.png {why}"),
        Broken("lost.json", "is an annotation without an image of the same name"),
    )


def test_nothing_becomes_a_class_where_all_files_are_damaged(tmp_path, save):
    save(tmp_path / "dent" / "a.png")
    (tmp_path / "dent" / "other.json").write_text('{"shapes": [')
    assert load(tmp_path).counts == {"dent": 1}
    (tmp_path / "dent" / "a.json").write_text('{"shapes": [')
    with pytest.raises(DataUnusableError, match="a.json is no JSON"):
        load(tmp_path)


@pytest.mark.parametrize("content", ["{}", '{"shapes": 3, "version": 1}', '{"shapes": []}', '["shapes"]', ""])
def test_other_json_is_no_label_file(tmp_path, save, content):
    save(tmp_path / "dent" / "a.png")
    (tmp_path / "dent" / "a.json").write_text(content)
    assert labelme(tmp_path, walk(tmp_path)) is None
    assert (load(tmp_path).counts, load(tmp_path).broken) == ({"dent": 1}, ())


COORDINATES = st.floats(0, 1000, width=32)
POINTS = st.tuples(COORDINATES, COORDINATES)
SHAPES = st.one_of(
    st.tuples(st.sampled_from(["rectangle", "circle", "line"]), st.lists(POINTS, min_size=2, max_size=2)),
    st.tuples(st.just("polygon"), st.lists(POINTS, min_size=3, max_size=9)),
    st.tuples(st.just("point"), st.lists(POINTS, min_size=1, max_size=1)),
)


@settings(max_examples=50)
@given(
    files=st.lists(st.lists(st.tuples(st.sampled_from(["dent", "划痕"]), SHAPES), max_size=4), min_size=1, max_size=4)
)
def test_what_is_written_is_read_back(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelme")
    for i, shapes in enumerate(files):
        (folder / f"{i}.png").touch()
        written = [shape(kind, *points, label=label) for label, (kind, points) in shapes]
        (folder / f"{i}.json").write_text(json.dumps({"version": "5", "shapes": written}, ensure_ascii=i % 2 == 0))
    found = labelme(folder, walk(folder))
    assert found is not None
    assert found.broken == []
    for i, shapes in enumerate(files):
        marks = found.images[f"{i}.png"].marks
        assert [mark.label for mark in marks] == [label for label, _ in shapes]
        for mark, (_, (kind, points)) in zip(marks, shapes, strict=True):
            ring = np.reshape(mark.regions[0].rings[0], (-1, 2))
            if kind == "polygon":
                assert np.array_equal(ring, points)
            elif kind == "rectangle":
                assert np.array_equal((ring.min(axis=0), ring.max(axis=0)), np.sort(points, axis=0))
            else:
                centre = {"circle": points[0], "line": np.mean(points, axis=0), "point": np.floor(points[0]) + 0.5}[
                    kind
                ]
                assert np.allclose(ring.mean(axis=0), centre, atol=1e-3)


@pytest.mark.nightly
def test_damaged_bytes_end_in_a_reading(image):
    folder = image(
        "a", shape("polygon", (1, 1), (5, 5), (9, 1)), shape("mask", (1, 1), (2, 2), mask=png(np.ones((2, 2))))
    )
    image("b", shape("circle", (5, 3), (15, 10)))
    for _ in damaged(folder / "a.json"):
        found = labelme(folder, walk(folder))
        assert found is not None
        assert set(found.images) == {"a.png", "b.png"}
