"""Run lengths in tables, as competitions have them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flawforge.data.reading.formats.runs import numbered_runs
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.regions import expand_runs

from ..listed import labels


def written(pixels: np.ndarray) -> str:
    """Return the pixels as pairs of start and length, from 1 down the columns."""
    flat = np.concatenate([[0], pixels.T.ravel().astype(int), [0]])
    ups, downs = np.flatnonzero(np.diff(flat) == 1) + 1, np.flatnonzero(np.diff(flat) == -1) + 1
    return " ".join(f"{up} {down - up}" for up, down in zip(ups, downs, strict=True))


@pytest.fixture
def folder(tmp_path, save):
    """Save four images of training and one of a test, and a table of run lengths."""

    def write(text: str, file: str = "train.csv"):
        for number in range(4):
            save(tmp_path / "train_images" / f"{number}.jpg", number)
        save(tmp_path / "test_images" / "9.jpg", 9)
        (tmp_path / file).write_text(text)
        return tmp_path

    return write


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 30), st.sampled_from([0.05, 0.5, 1.0]))
def test_run_lengths_are_read_back_pixel_for_pixel(seed, height, width, share):
    pixels = np.random.default_rng(seed).random((height, width)) < share
    pixels[-1, -1] = True
    assert np.array_equal(expand_runs(numbered_runs(written(pixels), height, width)), pixels)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("5", "a start has no length"),
        ("5 3 1", "a start has no length"),
        ("x 3", "they are not whole numbers"),
        ("1.0 3", "they are not whole numbers"),
        ("0 3", "they leave the picture of 6 x 4 pixels"),
        ("23 3", "they leave the picture of 6 x 4 pixels"),
        ("3 0", "they leave the picture of 6 x 4 pixels"),
        ("3 -1", "a number is that of no pixel"),
        ("3 99999999999999999999", "a number is that of no pixel"),
        ("3 " + "9" * 5000, "they are not whole numbers"),
        ("3 4 5 2", "they overlap"),
    ],
)
def test_run_lengths_that_do_not_fit_are_refused(text, why):
    with pytest.raises(ValueError) as caught:
        numbered_runs(text, 4, 6)
    assert str(caught.value) == why


def test_run_lengths_in_any_order_up_to_the_last_pixel():
    assert numbered_runs("24 1 1 2", 4, 6).counts == (0, 2, 21, 1, 0)


def test_a_row_for_each_class_of_an_image(folder):
    pixels = np.zeros((24, 32), bool)
    pixels[3:6, 5:9] = True
    rows = [f"0.jpg,3,{written(pixels)}", f"1.jpg,1,{written(pixels[::-1])}", f"1.jpg,2,{written(pixels)}"]
    dataset = load(folder("ImageId,ClassId,EncodedPixels\n" + "\n".join([*rows, f"2.jpg,1,{written(pixels)}"])))
    assert labels(dataset) == {
        "train_images/0.jpg": "3",
        "train_images/1.jpg": "1",
        "train_images/2.jpg": "1",
        "train_images/3.jpg": "good",
    }
    assert [(sample.file, sample.label_source) for sample in dataset.unlabelled] == [
        ("test_images/9.jpg", "the labels do not name it")
    ]
    place = next(i for i, sample in enumerate(dataset.samples) if sample.file == "train_images/1.jpg")
    assert np.array_equal(dataset.mask(place), pixels | pixels[::-1])
    assert np.array_equal(dataset.mask(place, "2"), pixels)
    assert any(note.startswith("1 image has no label file (run lengths in a table;") for note in dataset.notes)


@pytest.mark.parametrize(("unmarked", "good"), [(None, {"good": 1}), ("unlabelled", {})])
@pytest.mark.parametrize("nothing", ["", "-1", "NaN"])
def test_a_row_for_each_image_and_class_of_which_many_are_empty(folder, unmarked, good, nothing):
    """Where a table says "nothing", an image that it does not name is not labelled."""
    marked = {("0", 1): "5 3", ("1", 4): "30 9"}
    rows = [f"{i}.jpg_{k},{marked.get((i, k), nothing)}" for i in "012" for k in range(1, 5)]
    data = folder("ImageId_ClassId,EncodedPixels\n" + "\n".join(rows))
    dataset = load(data, ReadingChoices(unmarked=unmarked))
    assert dataset.counts == {"1": 1, "4": 1, **good}
    assert sum(sample.mask is not None for sample in dataset.samples) == 2
    assert "train_images/3.jpg" in {sample.file for sample in dataset.unlabelled}


def test_an_example_of_answers_is_no_label(folder):
    folder("ImageId,ClassId,EncodedPixels\n0.jpg,3,1 768\n9.jpg,1,1 768\n", "sample_submission.csv")
    dataset = load(folder("ImageId,ClassId,EncodedPixels\n0.jpg,2,1 7\n1.jpg,2,1 7\n2.jpg,2,1 7\n3.jpg,2,1 7\n"))
    assert (dataset.counts, len(dataset.unlabelled)) == ({"2": 4}, 1)


def test_what_is_odd_in_rows_is_told_and_the_rest_is_read(folder):
    text = "ImageId,ClassId,EncodedPixels\n0.jpg,1,5 3\n1.jpg,2,900 3\n2.jpg,,4 4\n3.jpg,1\n7.jpg,1,5 3\n"
    dataset = load(folder(text))
    assert labels(dataset) == {"train_images/0.jpg": "1", "train_images/1.jpg": "2", "train_images/3.jpg": "good"}
    assert [sample.mask is not None for sample in dataset.samples] == [True, False, False]
    assert dataset.unlabelled[1].label_source == "train.csv gives it run lengths without a class"
    told = " ".join(dataset.notes)
    for what in (
        "Once: run lengths that cannot be read: only their class was taken (train.csv, line 3: they leave the "
        "picture of 32 x 24 pixels).",
        "Once: rows without a class, which were left out (train.csv, line 4).",
        "Once: rows with fewer cells than columns, which were left out (train.csv, line 5).",
        "Once: rows of images that are not in the folder, which were left out (train.csv, line 6).",
    ):
        assert what in told


def test_a_table_without_classes_is_of_defects(folder):
    dataset = load(folder("ImageId,EncodedPixels\n0.jpg,5 3\n1.jpg,\n2.jpg,9 1\n3.jpg,\n"))
    assert dataset.counts == {"defect": 2, "good": 2}


def test_an_image_that_cannot_be_opened_is_broken_and_its_rows_are_told(folder):
    data = folder("ImageId,ClassId,EncodedPixels\n0.jpg,1,5 3\n1.jpg,2,9 3\n")
    (data / "train_images" / "1.jpg").write_bytes(b"\xff\xd8\xff cut short")
    dataset = load(data)
    assert "1" in dataset.counts
    assert {one.file for one in dataset.broken} == {"train_images/1.jpg", "train.csv"}
