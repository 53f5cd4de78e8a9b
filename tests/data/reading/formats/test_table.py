"""Plain tables beside images: classes, boxes, one column for each class."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from damaged import read_or_explained
from flawforge.data.reading.load import load
from flawforge.data.reading.merge import UNLABELLED
from flawforge.data.sample import Box

from ..listed import labels


@pytest.fixture
def folder(tmp_path, save):
    """Save four images and a table."""

    def write(text: str, file: str = "labels.csv"):
        for number in range(4):
            if not (tmp_path / "images" / f"{number}.png").exists():
                save(tmp_path / "images" / f"{number}.png", number)
        (tmp_path / file).write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("file name;label\n0.png;pit\n1.png;pit\n2.png;dent\n3.png;good\n", "labels.csv"),
        ("images/0.png,pit\nimages/1.png,pit\nimages/2.png,dent\nimages/3.png,good\n", "any.csv"),
        ("0\tpit\n1\tpit\n2\tdent\n3\tgood\n", "labels.tsv"),
        ("id,defect_type,operator\n0.bmp,pit,7\n1.bmp,pit,8\n2.bmp,dent,7\n3.bmp,good,9\n", "list.csv"),
        ("filename, pit, dent, good\n0.png,1,0,0\n1.png,1,0,0\n2.png,0,1,0\n3.png,0,0,1\n", "_classes.csv"),
        ("picture,finding\n0.png,pit\n1.png,pit\n2.png,dent\n3.png,good\n", "labels.csv"),
    ],
)
def test_classes_of_a_table(folder, text, file):
    dataset = load(folder(text, file))
    expected = ["pit", "pit", "dent", "good"]
    assert (dataset.layout, dataset.unlabelled) == ("table", ())
    assert labels(dataset) == {f"images/{number}.png": label for number, label in enumerate(expected)}
    assert {sample.label_source for sample in dataset.samples} == {file}


@pytest.mark.parametrize(
    "text",
    [
        "image,group\n0.png,1\n1.png,1\n2.png,2\n3.png,2\n",  # numbers of something
        "image,exposure\n0.png,1.5\n1.png,1.5\n2.png,2.5\n3.png,2.5\n",
        "0.png,0.25\n1.png,0.25\n2.png,0.5\n3.png,0.5\n",
        "image,serial\n0.png,A1\n1.png,A2\n2.png,A3\n3.png,A4\n",  # one for each
        "image,width,height\n0.png,32,24\n1.png,32,24\n2.png,32,24\n3.png,32,24\n",
        "images/0.png      1.0   mono\nimages/1.png      0.3   poly\n",
    ],
)
def test_tables_of_other_facts_give_no_classes(folder, text):
    assert load(folder(text)).layout == "flat"


def test_rows_that_are_missing_empty_or_about_other_images(folder):
    dataset = load(folder("file,class\n0.png,pit\n1.png,\n2.png\n7.png,dent\n"))
    assert dataset.counts == {"pit": 1}
    assert {sample.file: sample.label_source for sample in dataset.unlabelled} == {
        "images/1.png": "labels.csv gives it no class",
        "images/2.png": "labels.csv gives it no class",
        "images/3.png": "the labels do not name it",
    }
    assert "Once: rows of images that are not in the folder, which were left out (labels.csv, line 5)." in (
        dataset.notes
    )


def test_several_classes_of_an_image_are_told(folder):
    dataset = load(folder("file,class\n0.png,pit\n0.png,dent\n1.png,dent\n1.png,dent\n2.png,good\n3.png,good\n"))
    assert dataset.counts == {"dent": 1, "good": 2, "pit": 1}
    told = (
        "Once: images that a table gives several classes; that in the file's name was taken, else the first "
        "(labels.csv, images/0.png: pit, dent)."
    )
    assert told in dataset.notes


def test_two_tables_that_differ_are_told(folder):
    folder("file,class\n0.png,pit\n1.png,dent\n2.png,dent\n", "a.csv")
    dataset = load(folder("file,class\n0.png,pit\n1.png,pit\n3.png,pit\n", "b.csv"))
    assert dataset.counts == {"dent": 2, "pit": 2}
    told = "Once: images of which two tables say something else; the first was followed (images/1.png: a.csv, b.csv)."
    assert told in dataset.notes


@pytest.mark.parametrize(
    "text",
    [
        "filename,width,height,class,xmin,ymin,xmax,ymax\n"
        "0.png,64,48,pit,4,6,20,30\n0.png,64,48,dent,40,2,8,10\n1.png,64,48,pit,2,2,4,4\n2.png,64,48,,,,,\n",
        "0.png,2,3,10,15,pit\n0.png,20,1,4,5,dent\n1.png,1,1,2,2,pit\n2.png,,,,,\n",
    ],
)
def test_boxes_of_a_table(folder, text):
    dataset = load(folder(text))
    assert dataset.counts == {"good": 1, "pit": 2}
    assert dataset.samples[1].boxes == (Box("pit", 2, 3, 10, 15), Box("dent", 4, 1, 20, 5))
    assert [sample.file for sample in dataset.unlabelled] == ["images/3.png"]
    assert any(note.startswith("Once: boxes whose corners were in the wrong order") for note in dataset.notes)


@pytest.mark.parametrize("cell", ["nan", "1e400", "", "wide"])
def test_a_box_that_is_none_leaves_the_class(folder, cell):
    dataset = load(folder(f"file,class,x1,y1,x2,y2\n0.png,pit,1,2,{cell},4\n1.png,pit,1,2,3,4\n"))
    assert [sample.boxes for sample in dataset.samples] == [(), (Box("pit", 1, 2, 3, 4),)]
    assert "Once: rows without a box of four numbers: only their class was taken (labels.csv, line 2)." in (
        dataset.notes
    )


def test_a_table_that_contradicts_class_folders_is_followed_and_told(tmp_path, save):
    for number, label in enumerate(("pit", "dent", "pit")):
        save(tmp_path / label / f"{number}.png", number)
    (tmp_path / "labels.csv").write_text("image,label\n0.png,dent\n1.png,dent\n2.png,pit\n")
    dataset = load(tmp_path)
    assert dataset.counts == {"dent": 2, "pit": 1}
    assert any(
        note.startswith("Once: images whose folder is of another class than their label") for note in dataset.notes
    )


def test_a_table_that_says_what_class_folders_say_changes_nothing(tmp_path, save):
    for number, label in enumerate(("pit", "dent", "pit")):
        save(tmp_path / label / f"{number}.png", number)
    (tmp_path / "groups.csv").write_text("image,class,group\n0.png,pit,1\n1.png,dent,2\n")
    dataset = load(tmp_path)
    assert (dataset.layout, dataset.counts) == ("classes", {"dent": 1, "pit": 2})
    assert {sample.label_source for sample in dataset.samples} == {"folder"}


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8).filter(
    lambda name: name.casefold() not in UNLABELLED
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    classes=st.lists(NAMES, min_size=4, max_size=4),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    header=st.sampled_from(["image{}class\n", "File Name{}Label\n"]),
)
def test_what_is_written_is_read_back(folder, classes, delimiter, header):
    quoted = ['"' + name.replace('"', '""') + '"' for name in classes]
    rows = [f"{number}.png{delimiter}{cell}\n" for number, cell in enumerate(quoted)]
    read = load(folder(header.format(delimiter) + "".join(rows)))
    once = {name.casefold(): [other for other in classes if other.casefold() == name.casefold()] for name in classes}
    for file, label in labels(read).items():
        assert label in once[classes[int(file[7])].casefold()]
    assert len(read) == 4


@pytest.mark.nightly
@pytest.mark.parametrize(
    "text",
    [
        "file,class,x1,y1,x2,y2\n0.png,pit,1,2,5,4\n1.png,dent,1,2,3,4\n2.png,,,,,\n",
        "ImageId,ClassId,EncodedPixels\n0.png,1,5 3 40 2\n1.png,2,7 7\n2.png,1,\n",
    ],
)
def test_damaged_bytes_end_in_a_reading_or_a_named_error(folder, text):
    data = folder(text)
    read_or_explained(data / "labels.csv", lambda: load(data), (b"", b'"', b",", b"\n", b"-1", b"9" * 30, b"\x00"))
