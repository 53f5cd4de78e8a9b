from __future__ import annotations

import string
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flawforge.core.errors import DataUnusableError, ImageBrokenError, SettingError
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.sample import Broken, Sample


def sample(file: str, label: str, digest: str = "", **facts: object) -> Sample:
    values = {"width": 4, "height": 4, "mode": "L", "encoding": "PNG", "gray": True, "peak": 255, **facts}
    return Sample(file=file, label=label, sha256=digest or file, **values)


def dataset(samples) -> Dataset:
    ordered = sorted(samples, key=lambda one: (one.label, one.file))
    return Dataset("drawn", Path("drawn"), "classes", tuple(ordered))


names = st.text(string.ascii_lowercase, min_size=1, max_size=4)
datasets = st.dictionaries(names, st.tuples(st.sampled_from("abc"), names), min_size=1, max_size=20).map(
    lambda files: dataset(sample(file, label, digest) for file, (label, digest) in files.items())
)


@given(data=datasets, draw=st.data())
def test_select_keeps_the_order_and_exactly_the_chosen_classes(data, draw):
    chosen = draw.draw(st.lists(st.sampled_from(data.classes), min_size=1))
    part = data.select(chosen)
    assert part.samples == tuple(one for one in data.samples if one.label in chosen)
    assert part.select(chosen) == part
    assert data.select() == data


@given(data=datasets)
def test_the_fingerprint_knows_contents_and_classes_but_neither_paths_nor_order(data):
    moved = [sample(f"elsewhere/{i}", one.label, one.sha256) for i, one in enumerate(reversed(data.samples))]
    assert dataset(moved).fingerprint == data.fingerprint
    assert dataset([*moved, sample("one/more", "a", "new")]).fingerprint != data.fingerprint
    relabelled = [sample(one.file, one.label + "x", one.sha256) for one in data.samples]
    assert dataset(relabelled).fingerprint != data.fingerprint


@given(data=datasets)
def test_duplicates_are_all_files_of_the_same_pixels(data):
    named = [file for files in data.duplicates for file in files]
    digests = [one.sha256 for one in data.samples]
    assert sorted(named) == sorted(one.file for one in data.samples if digests.count(one.sha256) > 1)


def test_an_unknown_class_is_refused_with_the_near_one():
    data = dataset([sample("1", "scratches"), sample("2", "patches")])
    with pytest.raises(DataUnusableError) as caught:
        data.select(["scratch"])
    assert str(caught.value) == (
        "there is no class 'scratch' in drawn. Did you mean 'scratches'? There are: patches, scratches."
    )
    with pytest.raises(
        DataUnusableError, match=r"'patches,scratches' in drawn\. Did you mean them one by one: patches s"
    ):
        data.select(["patches,scratches"])
    hidden = replace(data, broken=(Broken(".5mm", "is a hidden folder"),))
    with pytest.raises(DataUnusableError, match=r"There are: patches, scratches\. \.5mm is a hidden folder\.$"):
        hidden.select([".5mm"])


def test_shots_come_from_as_many_groups_as_there_are(monkeypatch):
    data = dataset([sample(f"{i}", "a") for i in range(9)] + [sample(f"b{i}", "b") for i in range(2)])
    groups = np.array([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4])
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: groups)
    for seed in range(5):
        part = data.select(shots=4, seed=seed)
        assert part.counts == {"a": 4, "b": 2}
        files = [one.file for one in part.samples if one.label == "a"]
        assert len({groups[int(file)] for file in files}) == 4
        assert data.select(shots=4, seed=seed) == part
    with pytest.raises(SettingError, match=r"^--shots is 0; it is a number of images per class, 1 to 10,000,000\.$"):
        data.select(shots=0)


@pytest.mark.parametrize(("peak", "white"), [(900, 1023), (1023, 1023), (3500, 4095), (10000, 16383), (60000, 65535)])
def test_white_of_16_bits_is_the_smallest_camera_depth(peak, white):
    data = dataset([sample("1", "a", mode="I;16", peak=100), sample("2", "a", mode="I;16B", peak=peak)])
    assert (data.bits, data.white) == (16, white)


@pytest.mark.parametrize(
    ("mode", "gray", "stored"),
    [
        ("L", True, "L"),
        ("1", True, "L"),
        ("LA", True, "L"),
        ("P", True, "L"),
        ("P", False, "RGB"),
        ("RGB", True, "RGB"),
        ("RGBA", False, "RGB"),
        ("CMYK", False, "RGB"),
        ("I", True, "I;16"),
        ("I;16B", True, "I;16"),
    ],
)
def test_the_container_of_a_generated_image(mode, gray, stored):
    assert sample("1", "a", mode=mode, gray=gray).format.mode == stored


def test_8_and_16_bits_together_follow_the_majority(tmp_path):
    deep = np.array([[0, 2048, 4095]], dtype=np.uint16)
    shallow = np.array([[0, 128, 255]], dtype=np.uint8)
    for i in range(2):
        Image.fromarray(deep).save(tmp_path / f"deep{i}.png")
    Image.fromarray(shallow).save(tmp_path / "shallow0.png")
    data = load(tmp_path)
    assert (data.bits, data.white) == (16, 4095)
    np.testing.assert_array_equal(data.read(2), [[0, 2056, 4095]])
    for i in range(1, 4):
        Image.fromarray(shallow + np.uint8(i)).save(tmp_path / f"shallow{i}.png")
    data = load(tmp_path)
    assert (data.bits, data.white) == (8, 255)
    np.testing.assert_array_equal(data.read(0), [[0, 128, 255]])


def test_pixels_of_mixed_sizes_and_colours(tmp_path):
    gray = np.full((6, 8), 80, dtype=np.uint8)
    Image.fromarray(gray).save(tmp_path / "a.png")
    Image.fromarray(np.stack([gray, gray, gray + 60], axis=-1)[:4]).save(tmp_path / "b.png")
    data = load(tmp_path)
    assert data.channels == 3
    pixels = data.pixels((4, 4), 3)
    assert (pixels.shape, pixels.dtype) == ((2, 4, 4, 3), np.dtype(np.uint8))
    np.testing.assert_array_equal(pixels[:, 0, 0], [[80, 80, 80], [80, 80, 140]])
    assert data.pixels((4, 4), 1).shape == (2, 4, 4)


def test_a_file_that_vanishes_is_named(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (4, 4), 9).save(path)
    data = load(tmp_path)
    path.unlink()
    with pytest.raises(ImageBrokenError) as caught:
        data.read(0)
    assert str(caught.value) == f"{path}: is no longer there"


def stored(folder: Path, peaks: list[int], deep: bool = True) -> Path:
    """Store images of one value each, named by it."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, peak in enumerate(peaks):
        Image.fromarray(np.full((4, 4), peak, np.uint16 if deep else np.uint8)).save(folder / f"{place}-{peak}.png")
    return folder


def brightness(data: Dataset) -> list[float]:
    pixels = data.pixels((4, 4), 1)
    assert pixels.dtype == (np.uint8 if data.bits == 8 else np.uint16)
    assert int(pixels.max()) <= data.white
    return [round(float(image.mean()) / data.white, 2) for image in pixels]


def test_a_part_is_read_on_the_scale_of_another_part(tmp_path: Path) -> None:
    data = load(stored(tmp_path / "a", [*[1000] * 9, 3000]))
    dark, bright = data.take(range(9)), data.take([9])
    assert (dark.white, bright.white) == (1023, 4095)
    assert brightness(dark.scaled_as(bright)) == [0.24] * 9
    assert brightness(bright.scaled_as(dark)) == [1.0]  # what is brighter than white is white
    assert dark.scaled_as(bright).take([0]).white == 4095
    assert dark.scaled_as(bright).fingerprint == dark.fingerprint


def test_parts_of_other_depths_are_read_on_one_scale(tmp_path: Path) -> None:
    stored(tmp_path / "a", [1000, 1000, 1000, 3000])
    data = load(stored(tmp_path / "a", [128, 128, 128], deep=False))
    deep, shallow = (
        data.take(i for i, one in enumerate(data.samples) if (one.mode == "L") == which) for which in (0, 1)
    )
    dark = deep.take(range(3))
    assert brightness(shallow.scaled_as(dark)) == [0.5] * 3
    assert shallow.scaled_as(dark).bits == 16
    mixed = data.take(
        i for i, one in enumerate(data.samples) if one.mode == "L" or (one.peak == 1000 and "0-" in one.file)
    )
    assert (mixed.bits, mixed.deep_white) == (8, 1023)
    assert brightness(deep.scaled_as(mixed)) == [0.98, 0.98, 0.98, 1.0]  # as the 16-bit image among `mixed` is read
    assert brightness(deep.scaled_as(shallow)) == [0.24, 0.24, 0.24, 0.73]  # nothing there says: its own white
    assert deep.scaled_as(shallow).bits == 8
