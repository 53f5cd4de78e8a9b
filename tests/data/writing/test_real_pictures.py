"""Names of files that are safe everywhere, each once; defects one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flawforge.data.reading.load import load
from flawforge.data.regions import MaskImage, as_runs
from flawforge.data.sample import Mark
from flawforge.data.writing.real_pictures import Exportable, unique_names

PATH = st.lists(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1), min_size=1, max_size=3)


@given(st.lists(PATH.map("/".join), max_size=8, unique=True))
def test_each_file_has_a_name_of_its_own_that_every_reader_takes(files: list[str]) -> None:
    names = unique_names(files)
    assert len({name.casefold() for name in names}) == len(files)
    for name in names:
        assert not set(name) & set(". /\\:*?\n\t")
        assert name


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a/1.png", "a/2.png"], ["1", "2"]),
        (["a/1.png", "b/1.png"], ["a_1", "b_1"]),
        (["a/1.png", "a/1.jpg"], ["a_1", "a_1_2"]),
        (["x/part.001.png", "y/A b.png"], ["part_001", "A_b"]),
        (["p/A.png", "q/a.png"], ["p_A", "q_a"]),
    ],
)
def test_names_stay_as_near_to_the_files_as_can_be(files: list[str], names: list[str]) -> None:
    assert unique_names(files) == names


@pytest.fixture
def two_parts(tmp_path: Path, save: Callable[..., Path]) -> Path:
    save(tmp_path / "dent" / "0.png", 0, 10, 12)
    mask = np.zeros((10, 12), dtype=np.uint8)
    mask[1:3, 1:4] = mask[6:8, 7:11] = 255
    mask[8, 11] = 255  # touches the second part at a corner
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path


def test_each_connected_part_of_a_mask_image_is_a_defect_and_marks_of_other_kinds_stay_whole(two_parts: Path) -> None:
    data = load(two_parts / "dent")
    image = MaskImage("../mask.png", threshold=127)
    runs = as_runs(np.asarray(Image.open(two_parts / "mask.png")) > 0)
    boxes = {}
    for name, mark in {
        "image": Mark(regions=(image,)),
        "boxed": Mark("pit", (0, 0, 12, 10), (image,)),
        "runs": Mark("pit", None, (runs,)),
        "tile": Mark("pit", None, (replace(runs, file="masks/0.png"),)),
        "class alone": Mark("pit"),
    }.items():
        sample = replace(data.samples[0], marks=(mark,))
        (picture,) = Exportable(replace(data, samples=(sample,)), frozenset(), ["train"], True).pictures()
        boxes[name] = [(instance.label, instance.box) for instance in picture.instances()]
    assert boxes == {
        "image": [("dent", (1, 1, 4, 3)), ("dent", (7, 6, 12, 9))],
        "boxed": [("pit", (0, 0, 12, 10))],
        "runs": [("pit", (1, 1, 12, 9))],
        "tile": [("pit", (1, 1, 4, 3)), ("pit", (7, 6, 12, 9))],
        "class alone": [("dent", (0, 0, 12, 10))],
    }


def test_a_mark_without_a_class_in_a_good_image_is_a_defect(two_parts: Path) -> None:
    data = load(two_parts / "dent")
    sample = replace(data.samples[0], label="ok", marks=(Mark("", (1, 1, 3, 3)),))
    (picture,) = Exportable(replace(data, samples=(sample,)), frozenset({"ok"}), ["train"], True).pictures()
    assert picture.good
    assert [one.label for one in picture.instances()] == ["defect"] == sorted(picture.marked)
