"""Tiles: where they lie, what class each has, that masks and boxes go with them, and that all goes on with them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flawforge.core.errors import ImageBrokenError
from flawforge.core.progress import SILENT
from flawforge.data import decode
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.regions import MaskImage, Polygon, RunLengths, as_runs, expand_runs
from flawforge.data.sample import Mark, Sample
from flawforge.data.sampling.joined import join
from flawforge.data.tiles import EDGE, NOWHERE, cut_image, tile_corners
from flawforge.studies.copies import audit
from flawforge.studies.realism import score
from flawforge.studies.synthesis import generate
from flawforge.training.train import train

Save = Callable[..., Path]
TINY = {"resolution": 16, "generator_depth": 2, "discriminator_depth": 2, "latent": 8, "batch": 4, "kimg": 0.02}


@given(st.integers(1, 400), st.integers(1, 400), st.integers(16, 130))
def test_tiles_are_squares_that_cover_the_picture_and_overlap_by_a_quarter(width: int, height: int, side: int) -> None:
    corners = tile_corners(width, height, side)
    least = min(side, width, height)
    assert {(right - left, bottom - top) for left, top, right, bottom in corners} == {(least, least)}
    for starts, length in (({c[0] for c in corners}, width), ({c[1] for c in corners}, height)):
        ordered = sorted(starts)
        assert (ordered[0], ordered[-1]) == (0, length - least)
        assert all(one + least - other >= least / 4 - 1 for one, other in pairwise(ordered))


def image(folder: Path, *marks: Mark, label: str = "dent", width: int = 100, height: int = 60) -> Sample:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    return Sample("a.png", label, tuple(marks), **vars(decode.examine(folder / "a.png")))


def test_a_tile_has_the_class_of_the_defect_in_it(tmp_path: Path) -> None:
    sample = image(tmp_path, Mark("dent", (2, 2, 12, 12)), Mark("pit", (90, 50, 100, 60)))
    tiles = cut_image(tmp_path, sample, 40, "good")
    assert [(tile.file, tile.label) for tile in tiles] == [
        ("a.png [0, 0]", "dent"),
        ("a.png [30, 0]", "good"),
        ("a.png [60, 0]", "good"),
        ("a.png [0, 20]", "good"),
        ("a.png [30, 20]", "good"),
        ("a.png [60, 20]", "pit"),
    ]
    assert {tile.path for tile in tiles} == {"a.png"}
    assert tiles[5].boxes[0].label == "pit"
    assert tiles[5].marks[0].corners == (30, 30, 40, 40)


def test_a_tile_that_shows_a_sliver_has_no_class_but_a_part_of_a_large_defect_has(tmp_path: Path) -> None:
    sliver = cut_image(tmp_path, image(tmp_path, Mark("dent", (38, 0, 58, 10))), 40, "good")[0]
    assert (sliver.label, sliver.label_source, sliver.marks[0].corners) == ("", EDGE, (38, 0, 40, 10))
    scratch = cut_image(tmp_path, image(tmp_path, Mark("dent", (0, 0, 100, 2))), 40, "good")
    assert [tile.label for tile in scratch] == ["dent"] * 3 + ["good"] * 3


def test_where_labels_do_not_say_where_the_class_is_that_of_the_image(tmp_path: Path) -> None:
    assert {tile.label for tile in cut_image(tmp_path, image(tmp_path), 40, "good")} == {"dent"}
    unknown = cut_image(tmp_path, image(tmp_path, label=""), 40, "good")
    assert {tile.label for tile in unknown} == {""}
    partly = cut_image(tmp_path, image(tmp_path, Mark("dent", (2, 2, 12, 12)), Mark("pit")), 40, "good")
    assert [tile.label for tile in partly] == ["dent"] + [""] * 5
    assert partly[1].label_source == NOWHERE


def test_masks_are_cut_whatever_they_are_written_as(tmp_path: Path) -> None:
    truth = np.zeros((60, 100), dtype=bool)
    truth[10:30, 25:70] = True
    Image.fromarray(truth).save(tmp_path / "mask.png")
    ring = (25.0, 10.0, 70.0, 10.0, 70.0, 30.0, 25.0, 30.0)
    for region in (MaskImage("mask.png", threshold=0), as_runs(truth), Polygon((ring,))):
        sample = image(tmp_path, Mark("", None, (region,)))
        for tile in cut_image(tmp_path, sample, 40, "ok"):
            part = tile.tile
            assert part is not None
            expected = truth[part.top : part.bottom, part.left : part.right]
            found = tile.marks[0].regions[0] if tile.marks else None
            assert (found is not None) == expected.any()
            if found is not None:
                assert isinstance(found, RunLengths)
                assert found.counts == as_runs(expected).counts
                assert tile.mask == ("mask.png" if isinstance(region, MaskImage) else "folder")


def test_a_square_image_that_is_small_enough_stays_whole(tmp_path: Path) -> None:
    sample = image(tmp_path, width=40, height=40)
    assert cut_image(tmp_path, sample, 40, "good") == [sample]
    strip = cut_image(tmp_path, image(tmp_path, width=100, height=20), 40, "good")
    assert {(tile.width, tile.height) for tile in strip} == {(20, 20)}


def masked(root: Path, count: int = 6, side: int = 64) -> Path:
    for folder in ("dent", "masks/dent"):
        (root / folder).mkdir(parents=True)
    for index in range(count):
        rng = np.random.default_rng(index)
        pixels, mask = rng.integers(60, 200, (side, 2 * side), dtype=np.uint8), np.zeros((side, 2 * side), np.uint8)
        row, column = rng.integers(0, side - 12), rng.integers(0, 2 * side - 12)
        pixels[row : row + 12, column : column + 12] = 255
        mask[row : row + 12, column : column + 12] = 255
        Image.fromarray(pixels).save(root / "dent" / f"{index}.png")
        Image.fromarray(mask).save(root / "masks" / "dent" / f"{index}.png")
    return root


def test_a_folder_is_cut_and_says_so(tmp_path: Path) -> None:
    found = load(masked(tmp_path), ReadingChoices(tiles=32))
    assert set(found.classes) == {"dent", "good"}
    assert len(found) + len(found.unlabelled) == 6 * 3 * 5 + 6 * (len(tile_corners(128, 64, 32)) - 15)
    assert any("6 images were cut into" in note for note in found.notes)
    for index, sample in enumerate(found.samples):
        whole = decode.read_image(tmp_path / sample.path)
        assert sample.tile is not None
        np.testing.assert_array_equal(
            found.read(index), whole[sample.tile.top : sample.tile.bottom, sample.tile.left : sample.tile.right]
        )
        assert found.mask(index).any() == (sample.label == "dent")
        assert (found.read(index)[found.mask(index)] == 255).all()


def test_the_tiles_of_an_image_are_one_group(tmp_path: Path) -> None:
    found = load(masked(tmp_path), ReadingChoices(tiles=32))
    groups = found.groups(SILENT)
    by_path = {sample.path: group for sample, group in zip(found.samples, groups, strict=True)}
    assert [by_path[sample.path] for sample in found.samples] == groups.tolist()
    assert len(set(groups.tolist())) == 6
    first = dict.fromkeys(groups.tolist())
    assert list(first) == sorted(first)
    both = join(found.take(range(5)), found.take(range(5, 9)))
    assert len(set(both.groups(SILENT).tolist())) <= 6


def test_a_picture_is_decoded_once_for_neighbouring_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = load(masked(tmp_path), ReadingChoices(tiles=32)).select(["good"])
    opened = []
    read = decode.read_image
    monkeypatch.setattr(decode, "read_image", lambda path, **told: opened.append(path) or read(path, **told))
    decode._recent.cache_clear()
    found.pixels((16, 16), 1)
    assert len(opened) <= len(found) / 4  # six pictures, and some again where one of two threads falls behind


def test_a_picture_that_has_changed_is_read_again_or_named(tmp_path: Path) -> None:
    found = load(masked(tmp_path), ReadingChoices(tiles=32))
    last = next(i for i, sample in enumerate(found.samples) if sample.tile is not None and sample.tile.left == 96)
    found.read(last)
    path = tmp_path / found.samples[last].path
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(path)
    with pytest.raises(ImageBrokenError, match="smaller than it was"):
        found.read(last)


def test_deep_images_are_cut_with_their_white(tmp_path: Path) -> None:
    (tmp_path / "dent").mkdir()
    for index in range(2):
        pixels = np.random.default_rng(index).integers(300, 3900, (40, 80)).astype(np.uint16)
        pixels[1, 1] = 65535
        Image.fromarray(pixels).save(tmp_path / "dent" / f"{index}.png")
    found = load(tmp_path, ReadingChoices(tiles=40))
    assert (found.white, found.read(0).dtype, int(found.read(0).max())) == (4095, np.uint16, 4095)


def test_training_audit_and_score_run_on_tiles(tmp_path: Path, quick_audit: None) -> None:
    data = masked(tmp_path / "data", 10, 32)
    choices = ReadingChoices(tiles=32)
    run = train(data, tmp_path / "run", "dcgan-lite", classes=["dent"], choices=choices, previews=0, **TINY)
    assert run.settings.data.choices == {"tiles": 32}
    assert {(form.width, form.height) for form in run.settings.data.formats} == {(32, 32)}
    generate(run, 8)
    record = audit(run, pairs=2)
    assert json.dumps(record.model_dump(mode="json")).count(".png [") > 0
    score(run, pictures=0)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(16, 50))
def test_every_marked_pixel_is_in_a_tile_s_mask_at_its_place(seed: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random((int(rng.integers(20, 70)), int(rng.integers(20, 70)))) > 0.995
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sample = image(root, Mark("a", None, (as_runs(truth),)), width=truth.shape[1], height=truth.shape[0])
        again = np.zeros_like(truth)
        for tile in cut_image(root, sample, side, "good"):
            part = tile.tile
            if part is not None:
                for mark in tile.marks:
                    region = mark.regions[0]
                    assert not isinstance(region, (MaskImage, Polygon))
                    again[part.top : part.bottom, part.left : part.right] |= expand_runs(region)
                assert not truth.any() or (tile.label == "good") == (not tile.marks)
            else:
                again = truth
        np.testing.assert_array_equal(again, truth)
