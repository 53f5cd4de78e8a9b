"""YOLO: rows of boxes and outlines, names of classes in their several files, files that are no labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from damaged import damaged
from flawforge.data.inspection.warnings import grave_warnings
from flawforge.data.reading.file_tree import walk
from flawforge.data.reading.formats.yolo import yolo
from flawforge.data.reading.labels import Labels
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.regions import Polygon, draw_region
from flawforge.data.sample import Box, Broken

from ..listed import labels

TRIANGLE = "0 0.25 0.25 0.75 0.25 0.5 0.75"


@pytest.fixture
def beside(tmp_path: Path, save: Callable[..., Path]) -> Callable[..., Path]:
    """Write images a.png, b.png, ... of 32x24 with a label file beside each; None for an image: it has no file."""

    def write(*texts: str | bytes | None, names: str | None = "scratch\nspot\n") -> Path:
        for i, text in enumerate(texts):
            save(tmp_path / f"{'abcdefgh'[i]}.png", i)
            if text is not None:
                data = text if isinstance(text, bytes) else text.encode()
                (tmp_path / f"{'abcdefgh'[i]}.txt").write_bytes(data)
        if names is not None:
            (tmp_path / "classes.txt").write_text(names)
        return tmp_path

    return write


def test_a_box_is_centre_and_size_and_a_file_without_rows_or_none_means_good(beside):
    dataset = load(beside("1 0.5 0.5 0.25 0.5\n0 0.25\t0.25 0.25 0.25\n1 0.9 0.9 0.1 0.1", "", None, "\n \n"))
    assert (dataset.layout, dataset.counts) == ("yolo", {"good": 3, "spot": 1})
    spot = next(sample for sample in dataset.samples if sample.label == "spot")
    assert spot.boxes[:2] == (Box("spot", 12, 6, 20, 18), Box("scratch", 4, 3, 12, 9))
    assert {sample.label_source for sample in dataset.samples} == {"a.txt", "b.txt", "d.txt", "no label file"}
    assert dataset.notes == (
        "2 images have labels that mark nothing (YOLO; such as b.png): they are read as 'good'. "
        "--unmarked unlabelled leaves them out.",
        "1 image has no label file (YOLO; such as c.png): it is read as 'good'. --unmarked unlabelled leaves them out.",
    )
    left_out = load(dataset.root, ReadingChoices(unmarked="unlabelled"))
    assert (left_out.counts, len(left_out.unlabelled)) == ({"spot": 1}, 3)


@pytest.mark.parametrize(("images", "texts"), [("images/{}", "labels/{}"), ("{}/images", "{}/labels")])
def test_the_parts_of_a_split_keep_their_own_files(tmp_path, save, images, texts):
    for i, part in enumerate(("train", "val")):
        save(tmp_path / images.format(part) / "x.png", i)
        (tmp_path / texts.format(part)).mkdir(parents=True)
        (tmp_path / texts.format(part) / "x.txt").write_text(f"{i} 0.5 0.5 0.5 0.5")
    save(tmp_path / images.format("test") / "y.png", 9)  # nobody labelled this part
    (tmp_path / "data.yaml").write_text("train: ../train\nnames:\n  0: scratch\n  1: 'no'\n  2: y\n")
    dataset = load(tmp_path)
    assert labels(dataset) == {f"{images.format('train')}/x.png": "scratch", f"{images.format('val')}/x.png": "no"}
    assert [sample.file for sample in dataset.unlabelled] == [f"{images.format('test')}/y.png"]


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("data.yaml", "names: [dent, no]", ["dent", "no"]),
        ("dataset.yml", "names: {0: dent, '1': 007}", ["dent", "007"]),
        ("obj.names", "dent\r\nrust\r\n", ["dent", "rust"]),
        ("classes.txt", "\ufeffdent\n\nrust\n", ["dent", "1"]),
        ("classes.txt", "", ["0", "1"]),
        ("notes.yaml", "about: names", ["0", "1"]),
        ("notes.yaml", "about: [", ["0", "1"]),
    ],
)
def test_names_of_classes(beside, file, text, expected):
    folder = beside("0 0.5 0.5 0.5 0.5", "1 0.5 0.5 0.5 0.5", names=None)
    (folder / file).write_text(text, encoding="utf-8")
    dataset = load(folder)
    assert list(labels(dataset).values()) == sorted(expected)
    assert dataset.broken == ()
    assert any("they are numbers" in note for note in dataset.notes) == (expected == ["0", "1"])
    assert any("a class that has no name" in note for note in dataset.notes) == (expected == ["dent", "1"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"names: [a, [b", "is no YAML: while parsing a flow sequence"),
        (b"names: scratch", "names no classes: names is neither a list nor numbers with names"),
        (b"names: {x: y}", "names no classes: names is neither a list nor numbers with names"),
        (b"names: " + b"[" * 3000, "is no YAML: "),
        (b"names: [\xd6l]", "is no text in UTF-8: save it as UTF-8"),
        (b"names: [" + b"a," * 200_000 + b"]", "is larger than 256 kilobytes, which no file of its kind is"),
    ],
)
def test_names_that_cannot_be_read_are_told(beside, content, reason):
    folder = beside("0 0.5 0.5 0.5 0.5", names=None)
    (folder / "data.yaml").write_bytes(content)
    dataset = load(folder)
    assert dataset.counts == {"0": 1}
    assert [(broken.file, broken.reason[: len(reason)]) for broken in dataset.broken] == [("data.yaml", reason)]


def test_the_nearest_names_hold_and_those_that_disagree_are_told(tmp_path, save):
    for i, part in enumerate(("one", "two")):
        save(tmp_path / part / "x.png", i)
        (tmp_path / part / "x.txt").write_text("0 0.5 0.5 0.5 0.5")
        (tmp_path / part / "classes.txt").write_text(f"kind{part}")
    (tmp_path / "one" / "data.yaml").write_text("names: [dent]")
    dataset = load(tmp_path)
    assert sorted(labels(dataset).values()) == ["dent", "kindtwo"]
    assert dataset.notes == (
        "Once: files that name other classes than the one beside them (one/classes.txt; one/data.yaml was followed).",
    )


def test_names_beside_the_labels_hold_where_they_agree(tmp_path, save):
    save(tmp_path / "images" / "x.png")
    for folder in ("labels", "one", "two"):
        (tmp_path / folder).mkdir()
    (tmp_path / "labels" / "x.txt").write_text("0 0.5 0.5 0.5 0.5")
    (tmp_path / "one" / "classes.txt").write_text("dent")
    (tmp_path / "two" / "classes.txt").write_text("dent\n")
    assert load(tmp_path).counts == {"dent": 1}
    (tmp_path / "two" / "classes.txt").write_text("rust")
    dataset = load(tmp_path)
    assert dataset.counts == {"0": 1}
    assert dataset.notes == (
        "The files that name classes differ, and none lies above all labels (one/classes.txt and two/classes.txt): "
        "where no name is known, classes are numbers.",
    )


def test_outlines_and_boxes(beside):
    """An outline led through its hole by a bridge encloses no hole; one of an even count ends in a confidence."""
    ring = "0 0 0 1 0 1 1 0 1 0 0 0.25 0.25 0.25 0.75 0.75 0.75 0.75 0.25 0.25 0.25"
    dataset = load(beside(TRIANGLE, ring, f"{TRIANGLE} 0.9", f"{TRIANGLE}\n1 0.5 0.5 0.5 0.5 0.8"))
    marks = {sample.file: sample.marks for sample in dataset.samples}
    assert marks["a.png"][0].corners is None
    assert marks["a.png"][0].regions == (Polygon(((8.0, 6.0, 24.0, 6.0, 16.0, 18.0),)),) == marks["c.png"][0].regions
    mask = draw_region(marks["b.png"][0].regions[0], 24, 32, dataset.root)
    expected = np.ones((24, 32), bool)
    expected[6:18, 8:24] = False
    assert np.array_equal(mask, expected)
    assert [sample.boxes for sample in dataset.samples if sample.file == "d.png"] == [(Box("spot", 8, 6, 24, 18),)]
    assert dataset.notes == (
        f"2 rows that end in a confidence, as predictions do: it was not used (such as c.txt: {TRIANGLE} 0.9).",
        "Once: files that mix boxes and outlines, which trainers of YOLO refuse; both were read (d.txt).",
    )


def test_an_outline_that_is_thinner_than_a_pixel_is_told(beside):
    dataset = load(beside("0 0.1 0.5 0.9 0.5 0.9 0.51", TRIANGLE))
    assert dataset.notes == ("Once: outlines less than a pixel wide, which may cover none (a.png).",)


def test_key_points_after_a_box_are_no_outline(beside):
    folder = beside("0 0.5 0.5 0.5 0.5 0.1 0.1 2 0.3 0.3 1", names=None)
    (folder / "data.yaml").write_text("kpt_shape: [2, 3]\nnames: [dent]")
    assert [sample.boxes for sample in load(folder).samples] == [(Box("dent", 8, 6, 24, 18),)]


def test_what_reaches_a_little_beyond_the_image_is_cut_and_counted(beside):
    dataset = load(
        beside("0 0.1 0.5 0.4 0.5", "0 0.5 0.5 1.2 0.5 1.2 0.9", "0 -0.4 0.1 0.1 0.1", "0 -0.2 0 -0.1 0 0 1")
    )
    assert dataset.counts == {"scratch": 4}
    marks = {sample.file: sample.marks[0] for sample in dataset.samples}
    assert marks["a.png"].corners == (0, 6, 10, 18)
    assert (marks["c.png"].corners, marks["d.png"].regions) == (None, ())
    assert draw_region(marks["b.png"].regions[0], 24, 32, dataset.root).any()
    assert sorted(dataset.notes) == [
        "Once: boxes that reach beyond their image, which were cut to it (a.png).",
        "Once: boxes wholly outside their image, which were left out (c.png).",
        "Once: outlines that reach beyond their image, which were cut to it (b.png).",
        "Once: outlines wholly outside their image, which were left out (d.png).",
    ]
    outside = [note for note in dataset.notes if "wholly outside" in note]
    assert [told for told in grave_warnings(dataset) if "outside" in told] == outside, "train says so too"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("0 nan 0.5 0.1 0.1", "'nan' is no number that a picture could have"),
        ("0 inf 0.5 0.1 0.1", "'inf' is no number that a picture could have"),
        ("0 0.5 0.5 1e400 0.1", "'1e400' is no number that a picture could have"),
        ("0 100 200 30 40", "its numbers are no shares of the image, from 0 to 1"),
        ("0 0.5 0.5 0.1", "it has fewer than five numbers"),
        ("0 0.5 0.5 -0.1 0.1", "its width or height is negative"),
        ("-1 0.5 0.5 0.1 0.1", "its class is no whole number from 0 on"),
        ("0.5 0.5 0.5 0.1 0.1", "its class is no whole number from 0 on"),
        ("9999999 0.5 0.5 0.1 0.1", "its class is no whole number from 0 on"),
        ("scratch 0.5 0.5 0.1 0.1", "'scratch' is no number"),
    ],
)
def test_rows_that_cannot_be_read(beside, row, why):
    """Alone they leave their image without a label, never good; beside another they are told and left out."""
    good = "1 0.5 0.5 0.5 0.5"
    dataset = load(beside(f"{row}\n{good}", good, row, good))
    assert dataset.counts == {"spot": 3}
    assert [sample.file for sample in dataset.unlabelled] == ["c.png"]
    reason = f"annotation of c.png has no row of a class and shares of the image: {why} in {row!r}"
    assert dataset.broken == (Broken("c.txt", reason),)
    told = f"Once: rows that are no box and no outline, which were left out (a.txt: {row} ({why}))."
    assert told in dataset.notes


def test_rows_of_one_pixel_rows_of_zeros_and_rows_that_are_there_twice(beside):
    dataset = load(beside("0 0.5 0.5 0 0\n0 0.5 0.5 0 0", "0 0 0 0 0", names=None))
    assert labels(dataset) == {"a.png": "0", "b.png": "good"}
    assert [sample.boxes for sample in dataset.samples] == [(Box("0", 16, 12, 17, 13),), ()]
    assert {note for note in dataset.notes if note.startswith("Once: rows")} == {
        "Once: rows of zeros, as an empty mask is written, which mark nothing (b.txt: 0 0 0 0 0).",
        "Once: rows that are there twice, which were read once (a.txt: 0 0.5 0.5 0 0).",
    }


def test_notes_beside_images_are_no_labels(beside):
    folder = beside("Line 3, late shift", "12.5 mm", "3", "", names=None)
    assert (load(folder).layout, len(load(folder).samples)) == ("flat", 4)


def test_a_data_yaml_beside_folders_of_classes_is_no_detection(tmp_path, save):
    for i, label in enumerate(("dent", "rust")):
        save(tmp_path / "train" / label / "1.png", i)
    (tmp_path / "data.yaml").write_text("names: [dent, rust]\nnc: 2")
    (tmp_path / "train" / "dent" / "1.txt").write_text("seen at the left")
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts, dataset.broken) == ("classes", {"dent": 1, "rust": 1}, ())


def test_a_folder_of_labels_of_which_none_can_be_read_is_not_read_as_a_class(tmp_path, save, beside):
    save(tmp_path / "images" / "x.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "x.txt").write_bytes(b"\xff\x00\x9d")
    (tmp_path / "data.yaml").write_text("names: [dent]")
    found = yolo(tmp_path, walk(tmp_path))
    assert isinstance(found, Labels)
    assert found.images["images/x.png"].unreadable == "is no text in UTF-8: save it as UTF-8"


def test_label_files_without_an_image_are_told_and_other_text_is_not(beside, tmp_path):
    folder = beside("0 0.5 0.5 0.5 0.5")
    (folder / "lost.txt").write_text("0 0.5 0.5 0.5 0.5")
    (folder / "empty.txt").write_text("")
    (folder / "readme.txt").write_text("Taken in May.")
    for name, text in (("gone", "0 0.5 0.5 0.5 0.5"), ("none", "")):
        (folder / "other").mkdir(exist_ok=True)
        (folder / "other" / f"{name}.txt").write_text(text)
    dataset = load(folder)
    reason = "is an annotation without an image of the same name"
    assert dataset.broken == (Broken("empty.txt", reason), Broken("lost.txt", reason), Broken("other/gone.txt", reason))


SHARES = st.integers(0, 1000).map(lambda value: value / 1000)
BOXES = st.tuples(SHARES, SHARES, SHARES, SHARES).filter(any)
OUTLINES = st.lists(SHARES, min_size=6, max_size=24).filter(lambda ring: len(ring) % 2 == 0 and any(ring))
ROWS = st.lists(st.tuples(st.integers(0, 3), BOXES | OUTLINES), max_size=5, unique_by=str)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(ROWS, min_size=1, max_size=4).filter(any))
def test_what_is_written_is_read_back(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("yolo")
    names = ["dent", "rust", "pit", "slag"]
    (folder / "data.yaml").write_text(f"names: {names}")
    for i, rows in enumerate(files):
        (folder / f"{i}.png").touch()
        (folder / f"{i}.txt").write_text("\n".join(f"{kind} {' '.join(map(str, shares))}" for kind, shares in rows))
    found = yolo(folder, walk(folder))
    assert found is not None
    assert found.broken == []
    for i, rows in enumerate(files):
        image = found.images[f"{i}.png"]
        assert (image.frame, [mark.label for mark in image.marks]) == ((1, 1), [names[kind] for kind, _ in rows])
        for mark, (_, shares) in zip(image.marks, rows, strict=True):
            if len(shares) == 4:
                x0, y0, x1, y1 = mark.corners
                assert np.allclose(((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0), shares)
            else:
                assert mark.regions == (Polygon((tuple(shares),)),)


@pytest.mark.nightly
@pytest.mark.parametrize("file", ["a.txt", "data.yaml"])
def test_damaged_bytes_end_in_a_reading(beside, file):
    folder = beside(f"{TRIANGLE}\n1 0.5 0.5 0.25 0.5\n", "1 0.5 0.5 0.25 0.5\n", names=None)
    (folder / "data.yaml").write_text("path: .\nnames:\n  0: scratch\n  1: spot\n")
    for _ in damaged(folder / file):
        found = yolo(folder, walk(folder))
        assert found is None or set(found.images) == {"a.png", "b.png"}
