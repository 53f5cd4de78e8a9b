"""Pascal VOC: annotations beside images or in folders of their own, whole, partial and damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damaged import damaged
from flawforge.core.errors import DataUnusableError
from flawforge.data.reading.file_tree import walk
from flawforge.data.reading.formats.voc import voc
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.regions import Polygon
from flawforge.data.sample import Box, Broken

from ..listed import labels, masks

Write = Callable[..., Path]


def test_voc_takes_the_class_from_the_file_s_name_else_from_most_boxes(tmp_path, save, save_xml):
    boxes = {
        "rust_1": [("dent", 1, 1, 5, 6), ("dent", 2, 2, 5, 6), ("rust", 3, 3, 9, 9)],
        "IMG_77": [("dent", 1, 1, 5, 6), ("rust", 1, 1, 2, 2), ("rust", 3, 3, 9, 9)],
        "clean_1": [],
    }
    for seed, (stem, found) in enumerate(boxes.items()):
        save(tmp_path / "JPEGImages" / f"{stem}.jpg", seed)
        save_xml(tmp_path / "Annotations" / f"{stem}.xml", *found)
    save(tmp_path / "JPEGImages" / "dent_9.jpg", 9)  # no annotation
    save(tmp_path / "masks" / "rust_1.png", 10)
    save(tmp_path / "SegmentationClass" / "rust_1.png", 11)
    dataset = load(tmp_path)
    assert dataset.layout == "voc"
    assert labels(dataset) == {
        "JPEGImages/clean_1.jpg": "good",
        "JPEGImages/IMG_77.jpg": "rust",
        "JPEGImages/rust_1.jpg": "rust",
    }
    assert [Path(sample.file).stem for sample in dataset.samples] == ["clean_1", "IMG_77", "rust_1"]
    rust = next(sample for sample in dataset.samples if sample.file.endswith("rust_1.jpg"))
    assert rust.boxes[0] == Box("dent", left=0, top=0, right=5, bottom=6)
    assert rust.mask == "masks/rust_1.png"
    sources = {sample.file: sample.label_source for sample in dataset.unlabelled}
    assert sources["JPEGImages/dent_9.jpg"] == "no label file"
    assert dataset.notes[0] == (
        "1 image has labels that mark nothing (Pascal VOC; such as JPEGImages/clean_1.jpg): it is read as 'good'. "
        "--unmarked unlabelled leaves them out."
    )


def test_an_annotation_without_its_image_is_told(tmp_path, save, save_xml):
    save(tmp_path / "images" / "dent_1.jpg", 1)
    save(tmp_path / "images" / "rust_1.jpg", 2)
    save_xml(tmp_path / "annotations" / "rust_1.xml", ("rust", 1, 1, 5, 6))
    save_xml(tmp_path / "annotations" / "lost.xml", ("dent", 1, 1, 5, 6))
    dataset = load(tmp_path)
    assert (dataset.counts, [sample.file for sample in dataset.unlabelled]) == ({"rust": 1}, ["images/dent_1.jpg"])
    assert dataset.broken == (Broken("annotations/lost.xml", "is an annotation without an image of the same name"),)


def test_voc_in_train_and_validation_with_class_folders(tmp_path, save, save_xml):
    for i, part in enumerate(("train", "validation")):
        save(tmp_path / part / "images" / "dent" / "dent_1.jpg", i)
        save_xml(tmp_path / part / "annotations" / "dent_1.xml", ("dent", 1, 1, 5 + i, 5))
    dataset = load(tmp_path)
    assert [sample.boxes[0].right for sample in dataset.samples] == [5, 6]


def test_xml_beside_each_image(tmp_path, save, save_xml):
    save(tmp_path / "a.png", 1)
    save_xml(tmp_path / "a.xml", ("dent", 1, 1, 5, 5))
    assert labels(load(tmp_path)) == {"a.png": "dent"}


@pytest.mark.parametrize("content", ["<ImageMetadata><Gain>2</Gain></ImageMetadata>", "<x/>", ""])
def test_xml_of_cameras_and_microscopes_is_no_annotation(tmp_path, save, content):
    """Metadata beside each image once made all of them background."""
    for i in range(3):
        for label in ("scratch", "pit"):
            save(tmp_path / label / f"{i}.tif", i + 10 * (label == "pit"))
            (tmp_path / label / f"{i}.xml").write_text(content)
    (tmp_path / "scratch" / "0.xml").write_bytes('<?xml version="1.0"?><Info/>'.encode("utf-16"))
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts, dataset.broken) == ("classes", {"pit": 3, "scratch": 3}, ())


def test_images_without_xml_beside_images_with_it_keep_their_folder_s_class(tmp_path, save, save_xml):
    for i in range(3):
        save(tmp_path / "scratch" / f"s{i}.png", i)
        save_xml(tmp_path / "scratch" / f"s{i}.xml", ("Kratzer", 1, 1, 5, 5))
    save(tmp_path / "good" / "g.png", 10)
    save(tmp_path / "scratch" / "new.png", 11)
    save(tmp_path / "masks" / "scratch" / "s0.png", 12)
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.broken) == ("voc", ())
    assert dataset.counts == {"Kratzer": 3, "good": 1, "scratch": 1}
    assert masks(dataset)["scratch/s0.png"] == "masks/scratch/s0.png"
    assert (
        dataset.notes[:2]
        == ("1 image has no label file (Pascal VOC) while the others have one: its class is that of its folder.",) * 2
    )


def test_a_few_annotations_beside_images_do_not_change_the_classes(tmp_path, save, save_xml):
    for i in range(4):
        save(tmp_path / "scratch" / f"s{i}.png", i)
        save(tmp_path / "good" / f"g{i}.png", i + 10)
    save_xml(tmp_path / "scratch" / "s1.xml", ("Kratzer", 1, 1, 5, 5))
    (tmp_path / "scratch" / "s2.xml").write_text("<annotation><object>")
    save_xml(tmp_path / "scratch" / "s9.xml", ("Kratzer", 1, 1, 5, 5))
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts) == ("classes", {"good": 4, "scratch": 4})
    assert {s.file: s.boxes for s in dataset.samples if s.boxes} == {"scratch/s1.png": (Box("Kratzer", 0, 0, 5, 5),)}
    assert [one.file for one in dataset.broken] == ["scratch/s2.xml", "scratch/s9.xml"]
    assert dataset.notes == (
        "Only 2 of 8 images have labels (Pascal VOC): what they mark was read, and the class of each image is that "
        "of its folder.",
    )


@pytest.mark.parametrize(("unmarked", "counts"), [(None, {"dent": 3}), ("good", {"dent": 3, "good": 2})])
def test_images_without_xml_in_a_flat_folder_are_not_labelled_yet(tmp_path, save, save_xml, unmarked, counts):
    for i in range(3):
        save(tmp_path / f"dent_{i}.png", i)
        save_xml(tmp_path / f"dent_{i}.xml", ("dent", 1, 1, 5, 5))
    save(tmp_path / "dent_9.png", 9)
    save(tmp_path / "surface.png", 10)
    dataset = load(tmp_path, ReadingChoices(unmarked=unmarked))
    assert dataset.counts == counts
    assert dataset.notes[0].startswith("2 images have no label file (Pascal VOC; such as dent_9.png): they are ")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("<annotation>", "is no XML: no element found: line 1, column 12"),
        (
            '<!DOCTYPE a [<!ENTITY b "b">]><annotation>&b;</annotation>',
            "declares XML entities, which no annotation needs",
        ),
    ],
)
def test_damaged_annotations_are_named_and_their_images_are_not_labelled(tmp_path, save, save_xml, content, why):
    for i in (1, 2):
        save(tmp_path / "images" / f"dent_{i}.jpg", i)
        save_xml(tmp_path / "annotations" / f"dent_{i}.xml", ("dent", 1, 1, 5, 5))
    (tmp_path / "annotations" / "dent_2.xml").write_text(content)
    save_xml(tmp_path / "annotations" / "dent_3.xml", ("dent", 1, 1, 5, 5))
    dataset = load(tmp_path)
    assert (dataset.counts, len(dataset.unlabelled)) == ({"dent": 1}, 1)
    assert dataset.broken == (
        Broken("annotations/dent_2.xml", f"annotation of dent_2.jpg {why}"),
        Broken("annotations/dent_3.xml", "is an annotation without an image of the same name"),
    )


@pytest.fixture
def annotated(tmp_path: Path, save: Write) -> Write:
    """Write an image of 32x24 and an annotation with boxes (xmin, ymin, xmax, ymax) of dents, or any XML for it."""

    def write(stem: str, *boxes: tuple[object, ...], xml: str = "", size: bool = True, encoding: str = "utf-8") -> Path:
        save(tmp_path / f"{stem}.png", sum(map(ord, stem)))
        objects = "".join(
            "<object><name>dent</name><truncated>1</truncated><difficult>1</difficult><bndbox>"
            + "".join(f"<{name}>{value}</{name}>" for name, value in zip(NAMES, box, strict=True))
            + "</bndbox></object>"
            for box in boxes
        )
        frame = "<size><width>32</width><height>24</height><depth>3</depth></size>" if size else ""
        text = xml or f"<annotation>{frame}{objects}</annotation>"
        (tmp_path / f"{stem}.xml").write_bytes(text.encode(encoding))
        return tmp_path

    return write


NAMES = ("xmin", "ymin", "xmax", "ymax")


@pytest.mark.parametrize(
    ("boxes", "expected", "note"),
    [
        ([(1, 1, 32, 24), (5, 5, 9, 9)], [(0, 0, 32, 24), (4, 4, 9, 9)], None),
        (
            [(0, 3, 32, 9), (5, 5, 9, 9)],
            [(0, 3, 32, 9), (5, 5, 9, 9)],
            "The corners of boxes count from 0 (one in a.xml is 0) and exclude the last pixel, as corners at the "
            "border show.",
        ),
        (
            [(0, 3, 31, 9), (5, 5, 9, 9)],
            [(0, 3, 32, 10), (5, 5, 10, 10)],
            "The corners of boxes count from 0 (one in a.xml is 0) and include the last pixel, as corners at the "
            "border show.",
        ),
        (
            [(0, 3, 20, 9)],
            [(0, 3, 20, 9)],
            "The corners of boxes count from 0 (one in a.xml is 0) and exclude the last pixel, which nothing in the "
            "files tells.",
        ),
        (
            [(5, 5, 9, 9)],
            [(4, 4, 9, 9)],
            "Nothing tells whether the corners of the 1 boxes count from 0 or from 1: from 1 was assumed, as Pascal "
            "VOC has it. The difference is one pixel.",
        ),
        (
            [(0, 3, 32, 9), (5, 5, 31, 9)],
            [(0, 3, 32, 9), (5, 5, 31, 9)],
            "The corners of boxes count from 0 (one in a.xml is 0) and exclude the last pixel, as corners at the "
            "border show.",
        ),
        ([(0, 1, 20, 9), *[(1, 1, 9, 9)] * 8], [(0, 0, 20, 9), *[(0, 0, 9, 9)] * 8], None),  # a slip
    ],
)
def test_where_corners_count_from(annotated, boxes, expected, note):
    dataset = load(annotated("a", *boxes))
    (sample,) = dataset.samples
    assert [(box.left, box.top, box.right, box.bottom) for box in sample.boxes] == expected
    assert dataset.notes == ((note,) if note else ())


def test_swapped_corners_commas_and_objects_without_a_place(annotated):
    folder = annotated("a", ("9", "1,5", "1", "8,5"), ("x", 1, 2, 3), (1, 1, "nan", 5), (1, 1, "1e400", 5))
    dataset = load(folder)
    assert dataset.samples[0].boxes == (Box("dent", 0, 0, 9, 8),)
    assert dataset.counts == {"dent": 1}
    assert dataset.notes == (
        "3 objects without a box of four numbers were read for their class alone (such as a.xml, object 2).",
        "Once: boxes whose corners were in the wrong order were turned round (a.xml, object 1).",
    )


@pytest.mark.parametrize(
    "polygon",
    [
        "<x1>5</x1><y1>6</y1><x2>20</x2><y2>6</y2><x3>10</x3><y3>20</y3>",
        "<pt><x>5</x><y>6</y></pt><pt><x>20</x><y>6</y></pt><pt><x>10</x><y>20</y></pt>",
    ],
)
def test_a_polygon_gives_the_box_where_there_is_none(annotated, polygon):
    xml = f"<annotation><object><name>dent</name><polygon>{polygon}</polygon></object></annotation>"
    (sample,) = load(annotated("a", xml=xml)).samples
    assert sample.boxes == (Box("dent", 5, 6, 20, 20),)
    assert sample.marks[0].regions == (Polygon(((5, 6, 20, 6, 10, 20),)),)


def test_the_image_that_an_annotation_names(annotated, save):
    """Its own name goes first; what it says inside is told where it differs, and taken where there is no other."""
    box = "<object><name>dent</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
    folder = annotated("a", xml=f"<annotation><filename>other.jpg</filename>{box}</annotation>")
    annotated("b", xml=f"<annotation><filename>C:\\old\\b.bmp</filename>{box}</annotation>")
    save(folder / "pictures" / "c.png", 3)
    (folder / "0001.xml").write_text(f"<annotation><filename>c</filename>{box}</annotation>")
    dataset = load(folder)
    assert dataset.counts == {"dent": 3}
    assert dataset.notes == (
        "Once: label files that name another image than the one of their own name, which was taken (a.xml names "
        "other.jpg).",
    )


def test_other_files_are_not_said_to_hold_the_classes(annotated):
    folder = annotated("a", (1, 1, 9, 9))
    (folder / "groups.csv").write_text("image,group\n")
    assert load(folder).notes == ()


def test_no_objects_no_size_and_no_name(annotated):
    folder = annotated("a", (1, 1, 9, 9), size=False)
    annotated("b")
    annotated("c", xml="<annotation><object><name/></object></annotation>")
    annotated("d", xml="<annotation><size><width>0</width><height>x</height></size></annotation>")
    dataset = load(folder)
    assert labels(dataset) == {"a.png": "dent", "b.png": "good", "d.png": "good"}
    assert [sample.label_source for sample in dataset.unlabelled] == ["c.xml has no object with a name"]


LABELS = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=8)
SPANS = st.tuples(st.integers(0, 98), st.integers(1, 99)).map(lambda pair: (pair[0], min(pair[0] + pair[1], 99)))
OBJECTS = st.lists(st.tuples(LABELS, SPANS, SPANS), max_size=5)


@settings(max_examples=50)
@given(files=st.lists(OBJECTS, min_size=1, max_size=4), encoding=st.sampled_from(["utf-8", "utf-16", "gb18030"]))
def test_what_is_written_is_read_back(files, encoding, tmp_path_factory):
    folder = tmp_path_factory.mktemp("voc")
    for i, objects in enumerate([[("corner", (0, 99), (0, 99))], *files]):
        (folder / f"{i}.png").touch()
        text = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin><xmax>{x1}</xmax>"
            f"<ymax>{y1}</ymax></bndbox></object>"
            for label, (x0, x1), (y0, y1) in objects
        )
        text = f"<a:annotation xmlns:a='x'><a:size/>{text}</a:annotation>"
        (folder / f"{i}.xml").write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding))
    found = voc(folder, walk(folder))
    assert found is not None
    assert found.broken == []
    for i, objects in enumerate(files, start=1):
        marks = found.images[f"{i}.png"].marks
        assert [(mark.label, mark.corners) for mark in marks] == [
            (label, (x0, y0, x1, y1)) for label, (x0, x1), (y0, y1) in objects
        ]


@pytest.mark.nightly
def test_damaged_bytes_end_in_a_reading(annotated):
    folder = annotated("a", (1, 1, 9, 9), (3, 3, 12, 20))
    annotated("b", (1, 1, 9, 9))
    (folder / "a.xml").write_bytes(b'<?xml version="1.0" encoding="gb2312"?>' + (folder / "a.xml").read_bytes())
    for _ in damaged(folder / "a.xml"):
        found = voc(folder, walk(folder))
        assert found is not None
        assert set(found.images) == {"a.png", "b.png"}


def test_neu_det(real_data):
    dataset = load(real_data("neu-det"))
    assert dataset.layout == "voc"
    assert set(dataset.counts.values()) == {300}
    assert len(dataset.classes) == 6
    assert sum(len(sample.boxes) for sample in dataset.samples) == 4189
    other = [sum(box.label != sample.label for box in sample.boxes) for sample in dataset.samples]
    assert (sum(other), sum(count > 0 for count in other)) == (188, 123)
    assert sum(sample.mask is not None for sample in dataset.samples) == 900
    assert (dataset.channels, dataset.broken) == (1, ())
    assert dataset.duplicates == (("images/patches_101.jpg", "images/patches_105.jpg"),)


def test_annotations_that_are_all_damaged_are_no_class_of_their_own(tmp_path, save):
    """Such a folder was once read as one class, named after it, without a word."""
    for i in range(3):
        save(tmp_path / "images" / f"dent_{i}.jpg", i)
        (tmp_path / "images" / f"dent_{i}.xml").write_text("<annotation>")
    with pytest.raises(DataUnusableError, match=r"none of the 3 images .* has a class: .*dent_0.xml is no XML"):
        load(tmp_path)
    save(tmp_path / "images" / "pit_9.jpg", 9)
    assert load(tmp_path, ReadingChoices("good")).counts == {"good": 1}
