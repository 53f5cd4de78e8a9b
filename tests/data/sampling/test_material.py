"""Material: which images give light, and which may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.sampling.material import MOST_DONORS, Material, donors_in
from flawforge.data.sampling.unlabelled import LABEL
from heard import Heard


@pytest.fixture
def data(draw_images: Callable[..., Path], tmp_path: Path) -> Dataset:
    for number, label in enumerate(("dents", "good", "pits")):
        draw_images(tmp_path / "data" / label, 4, seed=number)
    return load(tmp_path / "data")


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each image show a specimen of its own."""
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self)))


@pytest.mark.usefixtures("apart")
def test_other_classes_give_their_light(data: Dataset) -> None:
    donors = Material(data).donors("dents")
    assert {file.split("/")[0] for file in donors.files} == {"good", "pits"}
    assert (len(donors.lights), donors.own) == (8, False)


@pytest.mark.usefixtures("apart")
def test_a_class_alone_gives_light_to_itself(data: Dataset) -> None:
    donors = Material(data.select(["dents"])).donors("dents")
    assert (len(donors.lights), donors.own) == (4, True)


@pytest.mark.usefixtures("apart")
def test_barred_images_give_none_and_further_donors_do(data: Dataset) -> None:
    pits, barred = data.select(["pits"]), [data.samples[4].sha256]
    material = Material(data.select(["dents", "good"]), pits, barred)
    assert data.samples[4].label == "good"
    assert len(material.donors("dents").files) == 3 + 4
    assert data.samples[4].file not in material.donors("dents").files


def test_an_image_of_the_same_specimen_gives_no_light(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = np.array([0, 1, 2, 3, 0, 5, 6, 7, 8, 9, 10, 11])
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: groups)
    assert data.samples[4].file not in Material(data).donors("dents").files
    assert data.samples[4].file in Material(data).donors("pits").files


@pytest.mark.usefixtures("apart")
def test_of_very_many_donors_the_same_part_is_taken_each_time(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_DONORS >= 256
    monkeypatch.setattr("flawforge.data.sampling.material.MOST_DONORS", 3)
    assert len(Material(data).donors("dents").files) == 3
    assert Material(data).donors("dents").files == Material(data).donors("dents").files


def test_held_out_images_and_what_shows_their_specimens_give_no_light(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = np.array([0, 1, 2, 3, 3, 5, 6, 7, 8, 9, 2, 11])
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: groups)
    chosen = data.take([0, 1])  # dents 2 and 3 are held out; good 0 and pits 2 show the same specimens
    given, barred, _ = donors_in(data, chosen)
    assert given is not None
    assert [sample.file for sample in given.samples] == [data.samples[row].file for row in (5, 6, 7, 8, 9, 11)]
    assert {sample.label for sample in given.samples} == {LABEL}
    assert barred == ()
    heard = Heard()
    given, barred, _ = donors_in(data, data.take([0, 1, 4, 5, 6, 7]), heard)
    assert heard.said == ["2 images show specimens that are held out, and give no light"]
    assert given is not None
    assert [sample.file for sample in given.samples] == [data.samples[row].file for row in (8, 9, 11)]
    assert barred == (data.samples[4].sha256,)


@pytest.mark.usefixtures("apart")
def test_where_all_classes_were_chosen_there_is_no_further_donor(data: Dataset) -> None:
    assert donors_in(data, data) == (None, (), ())


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_pixels_run_from_black_to_white_in_the_wanted_channels(
    mode: str, draw_images: Callable[..., Path], tmp_path: Path
) -> None:
    data = load(draw_images(tmp_path / "dents", 2, mode=mode))
    wanted = 3 if mode == "RGB" else 1
    pixels = Material(data)[0].pixels
    assert pixels.shape == ((20, 24, 3) if wanted == 3 else (20, 24))
    np.testing.assert_allclose(pixels, data.read(0) / data.white, atol=1e-6)
