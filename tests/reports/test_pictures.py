import base64
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flawforge.core.images import encode_png
from flawforge.reports.pictures import Picture, embed, evenly, evenly_by_class, read_picture, shrink


def decoded(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture.uri.split(",", 1)[1])))


def test_gray_stored_as_colour_is_gray_again(tmp_path: Path) -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    (tmp_path / "a.png").write_bytes(encode_png(gray, "RGB"))
    image = read_picture(tmp_path, "a.png")
    assert image is not None
    assert image.mode == "L"
    assert (np.asarray(image) == gray).all()


def test_colour_stays_colour(tmp_path: Path) -> None:
    colour = np.zeros((4, 5, 3), dtype=np.uint8)
    colour[..., 0] = 200
    (tmp_path / "a.png").write_bytes(encode_png(colour, "RGB"))
    image = read_picture(tmp_path, "a.png")
    assert image is not None
    assert (np.asarray(image) == colour).all()


@pytest.mark.parametrize("white", [1023, 4095, 65535])
def test_16_bits_are_shown_with_white_at_255(tmp_path: Path, white: int) -> None:
    deep = np.array([[0, white // 2, white]], dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(encode_png(deep, "I;16"))
    image = read_picture(tmp_path, "a.png", white)
    assert image is not None
    assert np.asarray(image).tolist() == [[0, 127, 255]]


def test_a_path_that_leads_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "secret.png").write_bytes(encode_png(np.zeros((2, 2), np.uint8), "L"))
    assert read_picture(tmp_path / "run", "../secret.png") is None
    assert read_picture(tmp_path / "run", tmp_path / "secret.png") is None


@pytest.mark.parametrize("content", [b"", b"no image", encode_png(np.zeros((40, 40), np.uint8), "L")[:-30]])
def test_a_damaged_picture_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert read_picture(tmp_path, "a.png") is None
    assert read_picture(tmp_path, "missing.png") is None


def test_within_the_budget_pictures_are_lossless() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    (picture,), lossless = embed([Image.fromarray(pixels)])
    assert lossless
    assert (picture.width, picture.height) == (30, 20)
    assert (np.asarray(decoded(picture)) == pixels).all()


def test_beyond_the_budget_all_pictures_of_a_section_become_jpeg() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    flat = np.zeros((64, 64), np.uint8)
    pictures, lossless = embed([Image.fromarray(noise), Image.fromarray(flat)], budget=2000)
    assert not lossless
    assert [decoded(p).format for p in pictures] == ["JPEG", "JPEG"]
    assert [decoded(p).mode for p in pictures] == ["L", "L"]


def test_shrink_keeps_the_proportions_and_never_grows() -> None:
    image = Image.new("L", (400, 100))
    assert shrink(image, 0.5).size == (200, 50)
    assert shrink(image, 3) is image


@given(st.integers(0, 200), st.integers(1, 40))
def test_evenly_keeps_order_and_number(n: int, most: int) -> None:
    chosen = evenly(range(n), most)
    assert len(chosen) == min(n, most)
    assert chosen == sorted(set(chosen))


@given(st.lists(st.sampled_from("abcdefgh")), st.integers(1, 12))
def test_every_class_gets_its_share(labels: list[str], most: int) -> None:
    chosen = evenly_by_class([(label, i) for i, label in enumerate(labels)], most)
    assert len(chosen) == min(len(labels), most)
    assert chosen == sorted(set(chosen))
    counts = {label: sum(one == label for one, _ in chosen) for label in set(labels)}
    if len(counts) <= most:
        short = [label for label in counts if counts[label] < labels.count(label)]
        assert all(counts[label] >= max(counts.values()) - 1 for label in short)
