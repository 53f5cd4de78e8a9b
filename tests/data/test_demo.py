"""The drawn steel: always the same, one defect an image, nothing shared between images, and the audit can tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import flawforge
from flawforge.core.errors import RunExistsError, SettingError
from flawforge.core.images import resize
from flawforge.core.seeds import numpy_stream
from flawforge.data import demo
from flawforge.studies.copies.search import CopySearch, lowest_copy


def test_an_image_depends_on_seed_class_and_number_alone(tmp_path: Path) -> None:
    few = flawforge.demo_data(tmp_path / "steel", 1)
    first = {file.relative_to(few): file.read_bytes() for file in few.glob("*/*.png")}
    assert sorted(map(str, first)) == ["patch/000.png", "pit/000.png", "scratch/000.png"]
    (few / "pit" / "000.png").unlink()
    more = flawforge.demo_data(few, 2)
    assert len(list(more.glob("*/*.png"))) == 6
    assert {file: (more / file).read_bytes() for file in first} == first
    shown = np.asarray(Image.open(more / "pit" / "001.png"))
    assert (shown.shape, shown.dtype) == ((128, 128), np.uint8)
    assert np.array_equal(shown, demo.surface("pit", 1))
    assert not np.array_equal(shown, demo.surface("pit", 1, seed=1))


@pytest.mark.parametrize(
    ("label", "least", "most", "darker"),
    [("patch", 0.10, 0.55, True), ("pit", 0.002, 0.30, True), ("scratch", 0.003, 0.15, False)],
)
def test_each_image_has_its_defect_and_most_of_it_is_steel(label: str, least: float, most: float, darker: bool) -> None:
    for index in range(12):
        draws = numpy_stream(0, "demo", label, index)
        steel = demo._steel(draws)
        change = demo.DEFECTS[label](draws, steel) - steel
        seen = np.abs(change) > 12
        assert least < seen.mean() < most, index
        assert (change[seen].mean() < 0) == darker, index


def test_no_two_images_show_the_same_specimen(tmp_path: Path) -> None:
    data = flawforge.load(flawforge.demo_data(tmp_path / "steel", 12))
    assert data.counts == {"patch": 12, "pit": 12, "scratch": 12}
    assert len(np.unique(data.groups())) == 36


@pytest.mark.parametrize(("n", "copies"), [(18, 7), pytest.param(36, 32, marks=pytest.mark.nightly)])
def test_the_audit_can_tell_a_copy_of_it(n: int, copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flawforge.studies.copies.search.PLANTED", copies)
    labels = list(demo.DEFECTS)
    grays = [resize(demo.surface(labels[i % 3], i), 64, 64).astype(np.float32) for i in range(n)]
    search = CopySearch(lambda index: grays[index], np.arange(n))
    scale = search.scale()
    assert scale is not None
    planted, found = search.recovered(lowest_copy(scale, 192))
    assert found >= 0.8 * planted


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunExistsError, match=r"holds other files \(notes.txt\): give a new folder"):
        flawforge.demo_data(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(("n", "seed", "said"), [(0, 0, "-n is 0"), (1, -1, "--seed is -1")])
def test_numbers_that_cannot_be(tmp_path: Path, n: int, seed: int, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        flawforge.demo_data(tmp_path / "steel", n, seed=seed)
