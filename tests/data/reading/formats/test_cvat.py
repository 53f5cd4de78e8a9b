"""CVAT for images: its shapes, tags, several files, and what is damaged."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damaged import damaged
from flawforge.core.errors import DataUnusableError
from flawforge.data.reading.file_tree import walk
from flawforge.data.reading.formats.cvat import cvat
from flawforge.data.reading.load import load
from flawforge.data.regions import Polygon, draw_region
from flawforge.data.sample import Box

from ..listed import labels

Write = Callable[..., Path]
BOX = '<box label="dent" source="manual" occluded="0" xtl="8.00" ytl="6.00" xbr="20.00" ybr="18.00" z_order="0"/>'


def document(**images: str) -> str:
    """Return a file with the entries of images of 32x24, by stem."""
    entries = (
        f'<image id="{i}" name={quoteattr(stem + ".png")} width="32" height="24">{content}</image>'
        for i, (stem, content) in enumerate(images.items())
    )
    opening = "<?xml version='1.0' encoding='utf-8'?><annotations><version>1.1</version><meta/>"
    return f"{opening}{''.join(entries)}</annotations>"


@pytest.fixture
def folder(tmp_path: Path, save: Write) -> Write:
    """Write images of 32x24 and one file with their entries; None: the file does not list the image."""

    def write(**images: str | None) -> Path:
        for i, stem in enumerate(images):
            save(tmp_path / f"{stem}.png", i)
        listed = {stem: content for stem, content in images.items() if content is not None}
        (tmp_path / "annotations.xml").write_text(document(**listed), encoding="utf-8")
        return tmp_path

    return write


def drawn(root: Path) -> np.ndarray:
    """Return (24, 32) bool of the only region of the only image."""
    (sample,) = load(root).samples
    ((region,),) = (mark.regions for mark in sample.marks)
    return draw_region(region, 24, 32, root)


def rows_of(mask: np.ndarray) -> str:
    """Return run lengths along the rows, ground first."""
    runs = [(bool(value), len(list(run))) for value, run in itertools.groupby(mask.ravel())]
    return ", ".join(map(str, ([0] if runs[0][0] else []) + [length for _, length in runs]))


def test_boxes_tags_and_what_is_not_listed(folder):
    dataset = load(
        folder(a=BOX, b="", c='<tag label="rust"/><tag label="old"/>', d=None, e=BOX + '<tag label="rust"/>')
    )
    assert dataset.layout == "cvat"
    assert labels(dataset) == {"a.png": "dent", "b.png": "good", "c.png": "rust", "e.png": "dent"}
    assert dataset.samples[0].boxes == (Box("dent", 8, 6, 20, 18),)
    assert [sample.label_source for sample in dataset.unlabelled] == ["the labels do not name it"]
    assert "Once: images with several tags, of which the first was taken (annotations.xml, c.png: rust, old)." in (
        dataset.notes
    )


def test_a_turned_box_covers_what_is_turned(folder):
    root = folder(a='<box label="dent" rotation="90" xtl="8" ytl="10" xbr="20" ybr="14"/>')
    expected = np.zeros((24, 32), bool)
    expected[6:18, 12:16] = True
    assert np.array_equal(drawn(root), expected)
    assert load(root).samples[0].boxes == (Box("dent", 12, 6, 16, 18),)


def test_polygons_ellipses_and_masks(folder):
    polygon = '<polygon label="dent" points="4.00,3.00;12.00,3.00;12.00,9.00;4.00,9.00"/>'
    assert drawn(folder(a=polygon))[3:9, 4:12].all()
    assert drawn(folder(a=polygon)).sum() == 48
    rows, columns = np.mgrid[:24, :32] + 0.5
    inside = ((columns - 16) / 10) ** 2 + ((rows - 12) / 5) ** 2 < 1
    assert np.array_equal(drawn(folder(a='<ellipse label="dent" cx="16" cy="12" rx="10" ry="5"/>')), inside)
    turned = drawn(folder(a='<ellipse label="dent" cx="16" cy="12" rx="10" ry="5" rotation="90"/>'))
    assert (turned.any(axis=1).sum(), turned.any(axis=0).sum()) == (20, 10)
    for first in (True, False):
        mask = np.zeros((24, 32), bool)
        mask[4:9, 6:16] = np.random.default_rng(0).random((5, 10)) > 0.5
        mask[4, 6] = first
        runs = rows_of(mask[4:9, 6:16])
        part = f'<mask label="dent" rle="{runs}" left="6" top="4" width="10" height="5"/>'
        assert np.array_equal(drawn(folder(a=part)), mask)


def test_lines_and_points_count_for_their_label(folder):
    dataset = load(folder(a='<polyline label="dent" points="1,2;3,4"/><points label="dent" points="1,2"/>'))
    assert (dataset.counts, dataset.samples[0].mask, dataset.samples[0].boxes) == ({"dent": 1}, None, ())
    assert dataset.notes == (
        "2 lines and points, which cover no area: they were read for their label alone (such as annotations.xml, "
        "a.png).",
    )


def test_names_with_folders_and_several_files(tmp_path, save):
    for i, part in enumerate(("train", "val")):
        save(tmp_path / "images" / part / "a.png", i)
        entry = f'<image name="{part}\\a.png" width="32" height="24">{BOX.replace("dent", part)}</image>'
        (tmp_path / f"{part}.xml").write_text(f"<annotations><meta/>{entry}</annotations>")
    assert labels(load(tmp_path)) == {"images/train/a.png": "train", "images/val/a.png": "val"}


def test_entries_that_belong_to_nothing_or_are_there_twice_are_told(folder):
    root = folder(a=BOX)
    content = document(a=BOX, lost=BOX).replace(
        "</annotations>", f'<image name="a.png">{BOX * 2}</image><image/></annotations>'
    )
    (root / "annotations.xml").write_text(content)
    dataset = load(root)
    assert [sample.boxes for sample in dataset.samples] == [(Box("dent", 8, 6, 20, 18),)]
    assert sorted(dataset.notes) == [
        "2 listed images that are not in the folder, which were left out (such as annotations.xml, lost.png).",
        "Once: images that are listed twice, of which the first entry was read (annotations.xml, a.png).",
    ]


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ('<box label="dent" xtl="nan" ytl="1" xbr="2" ybr="3"/>', "'nan' is no number that a picture could have"),
        ('<box label="dent" xtl="1" ytl="1" xbr="2"/>', "'' is no number"),
        ('<box label="dent" xtl="1" ytl="1" xbr="2" ybr="2" rotation="x"/>', "'x' is no number"),
        ('<polygon label="dent" points="1,2;3,4"/>', "it has fewer than three points of two numbers"),
        ('<polygon label="dent" points="1,2;3,4;5"/>', "it has fewer than three points of two numbers"),
        ('<polygon label="dent"/>', "'' is no number"),
        ('<ellipse label="dent" cx="1" cy="1" rx="inf" ry="2"/>', "'inf' is no number that a picture could have"),
        ('<mask label="dent" rle="1,2" left="0" top="0" width="2" height="2"/>', "its run lengths sum up to 3, not to"),
        (
            '<mask label="dent" rle="-1,5" left="0" top="0" width="2" height="2"/>',
            "its run lengths sum up to 4, not to",
        ),
        ('<mask label="dent" left="0" top="0" width="2" height="2"/>', "'' is no number"),
        ('<mask label="dent" rle="4" left="31" top="0" width="2" height="2"/>', "it reaches beyond the image"),
        ('<mask label="dent" rle="4" left="-1" top="0" width="2" height="2"/>', "it reaches beyond the image"),
        ('<mask label="dent" rle="4" left="0" top="-1" width="2" height="2"/>', "it reaches beyond the image"),
        ('<mask label="dent" rle="0" left="0" top="0" width="0" height="2"/>', "it reaches beyond the image"),
        ('<mask label="dent" rle="0" left="0" top="0" width="2" height="0"/>', "it reaches beyond the image"),
    ],
)
def test_shapes_that_cannot_be_drawn_count_for_their_label(folder, shape, why):
    dataset = load(folder(a=shape + BOX.replace('"dent"', '""')))
    assert (dataset.counts, dataset.samples[0].marks[0].regions) == ({"dent": 1}, ())
    told = "Once: shapes that cannot be drawn, which were read for their label alone (annotations.xml, a.png: dent: "
    assert any(note.startswith(told + why) for note in dataset.notes)
    assert "Once: shapes without a label, which were left out (annotations.xml, a.png)." in dataset.notes


def test_a_mask_needs_a_sane_size_of_its_image(folder):
    root = folder(a='<mask label="dent" rle="0,4" left="0" top="0" width="2" height="2"/>')
    for size in ('width="99999" height="99999"', ""):
        text = document(a="").replace('width="32" height="24">', f"{size}>").replace("></image>", ">PART</image>")
        part = '<mask label="dent" rle="0,4" left="0" top="0" width="2" height="2"/>'
        (root / "annotations.xml").write_text(text.replace("PART", part))
        assert any("the file does not say how large the image is" in note for note in load(root).notes)


def test_an_image_whose_shapes_have_no_label_is_not_labelled(folder):
    dataset = load(folder(a=BOX, b=BOX.replace('"dent"', '" "')))
    assert [sample.file for sample in dataset.unlabelled] == ["b.png"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<annotations><image name='a.png'>", "is no XML: no element found"),
        ("<annotations><track/></annotations>", "is CVAT's format for videos: export it as 'CVAT for images'"),
    ],
)
def test_files_that_cannot_be_read_are_named_and_nothing_becomes_good(folder, content, reason):
    root = folder(a=BOX)
    (root / "annotations.xml").write_text(content)
    with pytest.raises(DataUnusableError, match="none of the 1 images"):
        load(root)
    found = cvat(root, walk(root))
    assert found is not None
    assert [(one.file, one.reason[: len(reason)]) for one in found.broken] == [("annotations.xml", reason)]


@pytest.mark.parametrize(
    "content", ["<annotation/>", "<annotations/>", "<x", "<image/>", "<annotations><a/></annotations>"]
)
def test_other_xml_is_no_label_file(folder, content):
    root = folder(a=None)
    (root / "annotations.xml").write_text(content)
    assert cvat(root, walk(root)) is None


def test_the_reader_of_pascal_voc_leaves_it_alone(folder, save_xml):
    root = folder(a=BOX, b=None)
    save_xml(root / "b.xml", ("rust", 1, 1, 5, 5))
    dataset = load(root)
    assert (labels(dataset), dataset.broken) == ({"a.png": "dent", "b.png": "rust"}, ())


NUMBERS = st.integers(0, 3200).map(lambda value: value / 100)
LABELS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=8).filter(str.strip)
PARTS = st.one_of(
    st.tuples(st.just("box"), LABELS, st.lists(NUMBERS, min_size=4, max_size=4)),
    st.tuples(st.just("polygon"), LABELS, st.lists(NUMBERS, min_size=6, max_size=12).filter(lambda p: len(p) % 2 == 0)),
)


@settings(max_examples=50)
@given(images=st.lists(st.lists(PARTS, max_size=4), min_size=1, max_size=4))
def test_what_is_written_is_read_back(images, tmp_path_factory):
    root = tmp_path_factory.mktemp("cvat")
    entries = {}
    for i, parts in enumerate(images):
        (root / f"i{i}.png").touch()
        content = ""
        for kind, label, values in parts:
            if kind == "box":
                place = " ".join(
                    f'{key}="{value}"' for key, value in zip(("xtl", "ytl", "xbr", "ybr"), values, strict=True)
                )
            else:
                place = f'points="{";".join(f"{x},{y}" for x, y in zip(values[::2], values[1::2], strict=True))}"'
            content += f"<{kind} label={quoteattr(label)} {place}/>"
        entries[f"i{i}"] = content
    (root / "a.xml").write_text(document(**entries), encoding="utf-8")
    found = cvat(root, walk(root))
    assert found is not None
    assert (found.broken, found.remarks) == ([], [])
    for i, parts in enumerate(images):
        for mark, (kind, label, values) in zip(found.images[f"i{i}.png"].marks, parts, strict=True):
            assert mark.label == label
            if kind == "box":
                (x0, x1), (y0, y1) = sorted(values[::2]), sorted(values[1::2])
                assert mark.corners == (x0, y0, x1, y1)
            else:
                assert mark.regions == (Polygon((tuple(values),)),)


@pytest.mark.nightly
def test_damaged_bytes_end_in_a_reading(folder):
    root = folder(a=BOX, b='<polygon label="dent" points="4.00,3.00;12.00,3.00;12.00,9.00"/>', c=None)
    for _ in damaged(root / "annotations.xml"):
        found = cvat(root, walk(root))
        assert found is None or found.images.keys() <= {"a.png", "b.png", "c.png"}
