"""DAGM 2007 in both editions: lists of images with masks, and ellipses."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from damaged import damaged
from field_folders import keep, note, surface
from flawforge.data.reading.file_tree import walk
from flawforge.data.reading.formats.dagm import dagm
from flawforge.data.reading.load import load
from flawforge.data.regions import draw_region


def listed(root: Path, texture: str = "Class1") -> Path:
    """Write the newer edition: Train and Test of three images, the last of each defective."""
    for part in ("Train", "Test"):
        lines = ["1"]
        for number in (1, 2, 576):
            pixels, mask = surface(number + 1000 * len(texture + part), "spot" if number == 576 else "")
            keep(pixels, root / texture / part / f"{number:04}.PNG")
            if number == 576:
                keep(mask, root / texture / part / "Label" / f"{number:04}_label.PNG")
            told = f"1\t{number:04}.PNG\t0\t{number:04}_label.PNG" if number == 576 else f"0\t{number:04}.PNG\t0\t0"
            lines.append(f"{number}\t{told}")
        note(root / texture / part / "Label" / "Labels.txt", "\n".join(lines) + "\n")
    return root


def older(root: Path, lines: list[str], texture: str = "Class1") -> Path:
    """Write the older edition: three good images, and a defective one for each number in the lines."""
    for number in range(1, 4):
        keep(surface(number)[0], root / texture / f"{number}.png")
    for number in range(1, 3):
        keep(surface(10 + number, "spot")[0], root / f"{texture}_def" / f"{number}.png")
    note(root / f"{texture}_def" / "labels.txt", "\n".join(lines) + "\n")
    return root


def test_lists_of_images_with_masks(tmp_path):
    dataset = load(listed(tmp_path / "Class1"))
    assert (dataset.layout, dataset.counts, dataset.broken) == ("dagm", {"defect": 2, "good": 4}, ())
    for row, sample in enumerate(dataset.samples):
        assert dataset.mask(row).any() == (sample.label == "defect")
        assert sample.label_source.endswith("Label/Labels.txt")


def test_several_textures(tmp_path):
    listed(tmp_path)
    older(tmp_path, ["1 9 4 0.5 20 21", "2 9 4 0.5 20 21"], "Class7")
    assert load(tmp_path).counts == {"Class1-defect": 2, "Class1-good": 4, "Class7-defect": 2, "Class7-good": 3}


def test_ellipses(tmp_path):
    lines = [f"1\t12.0\t4.0\t{math.pi / 4}\t24.0\t20.0", "2 5 5 0 10 12", "2 3e0 2 0 40 40"]
    dataset = load(older(tmp_path, lines))
    assert (dataset.layout, dataset.counts, dataset.broken) == ("dagm", {"defect": 2, "good": 3}, ())
    first, second = (dataset.mask(row) for row in range(2))
    assert abs(first.sum() - math.pi * 12 * 4) < 8
    assert first[27, 31]  # from the middle to the right and down
    assert not first[13, 31]
    assert abs(second.sum() - math.pi * (25 + 6)) < 6
    assert second[12, 10]
    assert second[40, 40]


def test_what_does_not_fit_is_told_and_the_rest_is_read(tmp_path):
    lines = ["1 12 4 0 24 20", "9 5 5 0 10 12", "2 5 0 0 10 12", "2 5 1e400 0 10 12", "1 4 4 0 9 9", "2 3 3 0 9 9", "x"]
    dataset = load(older(tmp_path, lines))
    assert dataset.counts == {"defect": 2, "good": 3}
    assert dataset.notes[-1] == (
        "4 lines that are no ellipse in an image were left out (such as Class1_def/labels.txt:2)."
    )
    (listed(tmp_path / "new") / "Class1/Train/Label/Labels.txt").write_text(
        "1\n1\t0\t0001.PNG\t0\t0\n1\t1\t0001.PNG\t0\t0\n9\t0\t0009.PNG\t0\t0\n"
    )
    dataset = load(tmp_path / "new")
    assert len(dataset.unlabelled) == 2
    assert any("2 lines that name no image, or one again, were left out" in text for text in dataset.notes)


@pytest.mark.parametrize("text", ["scratch\nspot\n", "", "1 2 3\n", "0 0.5 0.5 0.1 0.1\n"])
def test_other_lists_of_that_name_are_none(tmp_path, text):
    keep(surface(0)[0], tmp_path / "0.png")
    note(tmp_path / "labels.txt", text)
    assert dagm(tmp_path, walk(tmp_path)) is None


def test_a_list_that_cannot_be_read_is_named(tmp_path):
    folder = listed(tmp_path)
    (folder / "Class1/Test/Label/Labels.txt").write_bytes(b"\xff\x00\xfa")
    found = dagm(folder, walk(folder))
    assert found is not None
    assert [one.file for one in found.broken] == ["Class1/Test/Label/Labels.txt"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.floats(2, 9), st.floats(2, 9), st.floats(-4, 4), st.floats(14, 34), st.floats(14, 34)),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_is_read(tmp_path, ellipses):
    folder = older(tmp_path, ["1 " + " ".join(f"{value:.4f}" for value in ellipse) for ellipse in ellipses])
    found = dagm(folder, walk(folder)).images["Class1_def/1.png"]
    assert len(found.marks) == len(ellipses)
    for mark, (long, short, _, column, row) in zip(found.marks, ellipses, strict=True):
        drawn = draw_region(mark.regions[0], 48, 48, folder)
        rows, columns = np.nonzero(drawn)
        assert abs(drawn.sum() - math.pi * long * short) < 8 + 0.1 * drawn.sum()
        assert abs(columns.mean() + 0.5 - column) < 1
        assert abs(rows.mean() + 0.5 - row) < 1


@pytest.mark.nightly
@pytest.mark.parametrize("file", ["Class1/Train/Label/Labels.txt", "Class2_def/labels.txt"])
def test_damaged_bytes_end_in_a_reading(tmp_path, file):
    folder = older(listed(tmp_path), ["1 9 4 0.5 20 21", "2 9 4 0.5 20 21"], "Class2")
    for _ in damaged(folder / file):
        assert dagm(folder, walk(folder)) is not None
