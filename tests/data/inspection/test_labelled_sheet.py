from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flawforge.core.images import Pixels
from flawforge.data.dataset import Dataset
from flawforge.data.decode import examine
from flawforge.data.inspection.contact_sheet import GAP, LINE
from flawforge.data.inspection.labelled_sheet import CAPTION, COLOURS, GOOD_COLOUR, labelled_sheet
from flawforge.data.regions import Polygon, as_runs
from flawforge.data.sample import Mark, Sample

CELL = 60


def ink(number: int) -> tuple[int, ...]:
    return tuple(int(COLOURS[number][place : place + 2], 16) for place in (1, 3, 5))


def where(sheet: Pixels, number: int) -> set[tuple[int, int]]:
    """Rows and columns of a colour."""
    return {(int(row), int(column)) for row, column in np.argwhere((sheet == ink(number)).all(axis=-1))}


def drawn(folder: Path, *samples: tuple[str, tuple[Mark, ...]], side: int = CELL, deep: bool = False) -> Dataset:
    made = []
    for number, (label, marks) in enumerate(samples):
        pixels = np.full((side, side), 900 if deep else 90, np.uint16 if deep else np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        facts: Any = vars(examine(folder / f"{number}.png"))
        made.append(Sample(f"{number}.png", label, marks, "its reason", **facts))
    named = tuple(sample for sample in made if sample.label)
    return Dataset("drawn", folder, "flat", named, unlabelled=tuple(s for s in made if not s.label))


def test_a_box_is_drawn_around_its_defect_in_the_colour_of_its_class(tmp_path: Path) -> None:
    data = drawn(tmp_path, ("a", ()), ("b", (Mark("b", (20, 30, 40, 50)),)))
    sheet = labelled_sheet(data, columns=2, cell=CELL)
    assert sheet.shape == (LINE + 2 * (LINE + CELL + CAPTION), 2 * CELL + GAP, 3)
    top = LINE + LINE + CELL + CAPTION + LINE
    box = {(row - top, column) for row, column in where(sheet, 1) if row >= top}
    lines = {(28, column) for column in range(18, 42)} | {(51, column) for column in range(18, 42)}
    assert lines <= box
    assert not {(row, column) for row, column in box if 30 <= row < 50 and 20 <= column < 40}  # nothing is hidden
    assert not any(LINE * 2 <= row < LINE * 2 + CELL for row, _ in where(sheet, 0))


def test_a_mask_is_tinted_and_outlined(tmp_path: Path) -> None:
    mask = np.zeros((CELL, CELL), dtype=bool)
    mask[10:20, 10:30] = True
    ring = (10.0, 10.0, 30.0, 10.0, 30.0, 20.0, 10.0, 20.0)
    for region in (as_runs(mask), Polygon((ring,))):
        sheet = labelled_sheet(drawn(tmp_path, ("a", (Mark("", None, (region,)),))), columns=1, cell=CELL)
        image = sheet[2 * LINE : 2 * LINE + CELL]
        changed = (image != 90).any(axis=-1)
        np.testing.assert_array_equal(changed, mask)
        assert tuple(image[10, 10]) == tuple(image[19, 29]) == ink(0)
        assert tuple(image[15, 20]) == tuple(round(0.6 * 90 + 0.4 * value) for value in ink(0))


def test_a_defect_of_one_pixel_is_seen_in_a_large_image(tmp_path: Path) -> None:
    mask = np.zeros((900, 900), dtype=bool)
    mask[450, 450] = True
    data = drawn(tmp_path, ("a", (Mark("", None, (as_runs(mask),)),)), side=900)
    assert (30, 30) in {
        (row - 2 * LINE, column) for row, column in where(labelled_sheet(data, columns=1, cell=CELL), 0)
    }


def test_images_without_a_class_have_a_row_of_their_own(tmp_path: Path) -> None:
    data = drawn(tmp_path, ("a", ()), ("", ()), ("", ()))
    sheet = labelled_sheet(data, columns=3, cell=CELL)
    assert sheet.shape == (LINE + 2 * (LINE + CELL + CAPTION), 3 * CELL + 2 * GAP, 3)
    last = sheet[-CELL - CAPTION : -CAPTION]
    assert [int(last[30, 30 + place * (CELL + GAP), 0]) for place in range(3)] == [90, 90, 255]


def test_marked_images_come_first(tmp_path: Path) -> None:
    data = drawn(tmp_path, *[("a", ())] * 6, ("a", (Mark("a", (20, 30, 40, 50)),)))
    sheet = labelled_sheet(data, columns=2, cell=CELL)
    assert {column < CELL for row, column in where(sheet, 0) if 2 * LINE <= row < 2 * LINE + CELL} == {True}


def test_deep_images_are_shown_by_their_white(tmp_path: Path) -> None:
    sheet = labelled_sheet(drawn(tmp_path, ("a", ()), ("", ()), deep=True), columns=1, cell=CELL)
    assert int(sheet[2 * LINE + 30, 30, 0]) == int(sheet[-CAPTION - 30, 30, 0]) == round(900 / 1023 * 255)


def test_many_classes_and_other_labels_in_the_marks_all_have_a_place_in_the_legend(tmp_path: Path) -> None:
    data = drawn(tmp_path, *[(f"class number {i}", (Mark(f"mark {i}", (1, 1, 9, 9)),)) for i in range(12)])
    sheet = labelled_sheet(data, columns=2, cell=CELL)
    assert len(sheet) > LINE * 5 + 12 * (LINE + CELL + CAPTION)


def test_good_images_are_green_and_defects_are_not(tmp_path: Path) -> None:
    data = drawn(tmp_path, ("good", ()), ("scratch", (Mark("scratch", (20, 30, 40, 50)),)))
    sheet = labelled_sheet(data, columns=1, cell=CELL)
    assert where(sheet, 0)  # the first colour of defects
    green = np.array([int(GOOD_COLOUR[place : place + 2], 16) for place in (1, 3, 5)])
    assert (sheet == green).all(axis=-1).any()
