from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from flawforge.core.errors import ImageBrokenError
from flawforge.data.decode import examine, read_image

GRAY = np.array([[0, 50, 100, 150], [10, 60, 110, 160], [20, 70, 120, 255]], dtype=np.uint8)
COLOUR = np.stack([GRAY, GRAY[::-1], GRAY[:, ::-1]], axis=-1)
DEEP = GRAY.astype(np.uint16) * 16  # peak 4080: a 12-bit camera
LOSSLESS = {"PNG": {}, "BMP": {}, "TIFF": {}, "WEBP": {"lossless": True}}


def saved(path: Path, image: Image.Image, kind: str, **options: object) -> Path:
    image.save(path, kind, **options)
    return path


def reason(path: Path) -> str:
    with pytest.raises(ImageBrokenError) as caught:
        examine(path)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    return caught.value.reason


@pytest.mark.parametrize("kind", LOSSLESS)
@pytest.mark.parametrize("pixels", [GRAY, COLOUR], ids=["gray", "colour"])
def test_lossless_formats_keep_every_pixel_whatever_the_ending(tmp_path, kind, pixels):
    path = saved(tmp_path / "scan.jpg", Image.fromarray(pixels), kind, **LOSSLESS[kind])
    facts = examine(path)
    assert (facts.encoding, facts.width, facts.height, facts.gray) == (kind, 4, 3, pixels.ndim == 2)
    assert facts.peak == 255
    np.testing.assert_array_equal(read_image(path), pixels)


def test_jpeg_is_read_and_gray_in_three_channels_is_gray(tmp_path):
    flat = np.full((16, 16, 3), 90, dtype=np.uint8)
    path = saved(tmp_path / "a.jpg", Image.fromarray(flat), "JPEG")
    facts = examine(path)
    assert (facts.encoding, facts.mode, facts.gray, facts.blank) == ("JPEG", "RGB", True, True)
    np.testing.assert_array_equal(read_image(path), flat[..., 0])


def test_the_hash_is_of_the_pixels_not_of_the_container(tmp_path):
    gray = examine(saved(tmp_path / "a.png", Image.fromarray(GRAY), "PNG"))
    as_colour = examine(saved(tmp_path / "b.bmp", Image.fromarray(GRAY).convert("RGB"), "BMP"))
    turned = examine(saved(tmp_path / "c.png", Image.fromarray(GRAY.T.copy()), "PNG"))
    reshaped = examine(saved(tmp_path / "d.png", Image.fromarray(GRAY.reshape(4, 3)), "PNG"))
    assert gray.sha256 == as_colour.sha256
    assert not gray.blank
    assert len({gray.sha256, turned.sha256, reshaped.sha256}) == 3


def test_an_image_with_an_even_first_row_is_not_blank(tmp_path: Path) -> None:
    pixels = np.zeros((6, 5), np.uint8)
    pixels[4, 2] = 1
    Image.fromarray(pixels).save(tmp_path / "framed.png")
    assert not examine(tmp_path / "framed.png").blank


def test_one_bit_is_0_and_255(tmp_path):
    bits = GRAY > 90
    path = saved(tmp_path / "a.png", Image.fromarray(bits), "PNG")
    assert examine(path).mode == "1"
    np.testing.assert_array_equal(read_image(path), bits * np.uint8(255))


def test_palette_gives_its_colours(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [1, 0]], dtype=np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    path = saved(tmp_path / "a.png", image, "PNG")
    assert (examine(path).mode, examine(path).gray) == ("P", False)
    np.testing.assert_array_equal(read_image(path)[0], [[10, 20, 30], [200, 100, 50]])


def test_palette_of_grays_is_gray(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(GRAY).convert("P"), "PNG")
    assert (examine(path).mode, examine(path).gray) == ("P", True)
    np.testing.assert_array_equal(read_image(path), GRAY)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_pixels_are_laid_on_black(tmp_path, mode):
    alpha = np.zeros_like(GRAY)
    alpha[:, 2:] = 255
    image = Image.fromarray(GRAY).convert(mode)
    image.putalpha(Image.fromarray(alpha))
    path = saved(tmp_path / "a.png", image, "PNG")
    assert examine(path).mode == mode
    np.testing.assert_array_equal(read_image(path), np.where(alpha > 0, GRAY, 0))


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_a_transparent_value_without_an_alpha_channel_is_black_too(tmp_path, mode):
    path = saved(tmp_path / "a.png", Image.new("L", (4, 3), 255).convert(mode), "PNG", transparency=255)
    assert examine(path).mode == mode
    assert read_image(path).max() == 0


def test_cmyk_becomes_rgb(tmp_path):
    path = saved(tmp_path / "a.tif", Image.new("CMYK", (4, 3), (0, 255, 255, 0)), "TIFF")
    assert examine(path).mode == "CMYK"
    np.testing.assert_array_equal(read_image(path)[0, 0], [255, 0, 0])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_kept_and_scaled_on_demand(tmp_path, kind):
    path = saved(tmp_path / "a.png", Image.fromarray(DEEP), kind)
    facts = examine(path)
    assert facts.mode.startswith("I")
    assert facts.peak == 4080
    np.testing.assert_array_equal(read_image(path, bits=16, white=4095), DEEP)
    np.testing.assert_array_equal(read_image(path, bits=8, white=4095), np.rint(DEEP / 4095 * 255))


def test_16_bits_big_endian(tmp_path):
    image = Image.frombytes("I;16B", (4, 3), DEEP.astype(">u2").tobytes())
    path = saved(tmp_path / "a.tif", image, "TIFF")
    assert examine(path).mode == "I;16B"
    pixels = read_image(path, bits=16, white=4095)
    assert pixels.dtype == np.dtype(np.uint16)
    np.testing.assert_array_equal(pixels, DEEP)


def test_16_bits_with_white_stored_as_zero(tmp_path):
    path = saved(tmp_path / "a.tif", Image.fromarray(65535 - DEEP), "TIFF", tiffinfo={262: 0})
    np.testing.assert_array_equal(read_image(path, bits=16, white=65535), DEEP)


def test_32_bit_integers_within_16_bits(tmp_path):
    path = saved(tmp_path / "a.tif", Image.fromarray(DEEP.astype(np.int32)), "TIFF")
    np.testing.assert_array_equal(read_image(path, bits=16, white=4095), DEEP)


def test_8_bits_scaled_to_16(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(GRAY), "PNG")
    pixels = read_image(path, bits=16, white=1023)
    assert (pixels.dtype, pixels.max(), pixels.min()) == (np.dtype(np.uint16), 1023, 0)


@pytest.mark.parametrize("note", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_the_camera_s_rotation_note_is_obeyed(tmp_path, kind, note):
    exif = Image.Exif()
    exif[274] = note
    path = saved(tmp_path / "a", Image.fromarray(COLOUR), kind, exif=exif, **LOSSLESS[kind])
    upright = {
        1: COLOUR,
        2: COLOUR[:, ::-1],
        3: COLOUR[::-1, ::-1],
        4: COLOUR[::-1],
        5: COLOUR.swapaxes(0, 1),
        6: np.rot90(COLOUR, -1),
        7: np.rot90(COLOUR, 2).swapaxes(0, 1),
        8: np.rot90(COLOUR, 1),
    }[note]
    facts = examine(path)
    assert (facts.height, facts.width) == upright.shape[:2]
    np.testing.assert_array_equal(read_image(path), upright)


def test_only_the_first_page_is_read(tmp_path):
    pages = [Image.fromarray(GRAY), Image.fromarray(GRAY[::-1].copy())]
    path = tmp_path / "a.tif"
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:])
    assert examine(path).pages == 2
    np.testing.assert_array_equal(read_image(path), GRAY)


# files that cannot be read


def test_empty(tmp_path):
    path = tmp_path / "a.png"
    path.touch()
    assert reason(path) == "is empty (0 bytes)"


def test_text_with_an_image_s_name(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("not a picture, grüße")
    assert reason(path) == "is a text file, no image"


def test_noise(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(bytes(range(256)))
    assert reason(path) == (
        "is no image of a kind that can be read (PNG, JPEG, BMP, TIFF, WebP), or its beginning is damaged"
    )


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"GIF89a\x01\x00", "a GIF"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x00\x00\x00\x18ftypheic", "a HEIC picture"),
        (b"PK\x03\x04\x00", "a ZIP archive"),
    ],
)
def test_other_kinds_are_named(tmp_path, head, kind):
    path = tmp_path / "a.png"
    path.write_bytes(head + bytes(50))
    assert reason(path) == f"is {kind}; PNG, JPEG, BMP, TIFF and WebP can be read"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF"])
def test_truncated(tmp_path, kind):
    path = tmp_path / "a.png"
    noise = np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(path, kind)
    path.write_bytes(path.read_bytes()[:2000])
    assert reason(path) == "is cut short: the end of the picture is missing"


def test_damaged_inside(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(np.tile(GRAY, (20, 20))), "PNG")
    data = bytearray(path.read_bytes())
    middle = data.index(b"IDAT") + 10
    data[middle : middle + 20] = bytes(20)
    path.write_bytes(data)
    assert reason(path) == "is damaged: broken data stream when reading image file"


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png_header(10000, 9000))
    assert reason(path) == (
        "is too large (10000 x 9000 pixels, 90 megapixels); up to 80 megapixels can be read, so cut it into tiles"
    )
    path.write_bytes(png_header(100000, 100000))
    assert reason(path) == "is too large (by its header); up to 80 megapixels can be read, so cut it into tiles"


def test_floating_point(tmp_path):
    path = saved(tmp_path / "a.tif", Image.fromarray(GRAY.astype(np.float32) / 255), "TIFF")
    assert reason(path) == ("holds floating-point pixels, which do not say what white is; save it with 8 or 16 bits")


def test_32_bit_integers_beyond_16_bits(tmp_path):
    path = saved(tmp_path / "a.tif", Image.fromarray(DEEP.astype(np.int32) * 100), "TIFF")
    assert reason(path) == "holds 32-bit values from 0 to 408000; 0 to 65535 can be read"


def test_lab(tmp_path):
    path = saved(tmp_path / "a.tif", Image.new("LAB", (4, 3)), "TIFF")
    assert reason(path) == "is stored in the colour space LAB; save it as gray or RGB"


def test_gone_and_forbidden(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    assert reason(path) == "is no longer there"

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert reason(path) == "may not be read (no permission)"


def drawn(kind: str) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    options = {"exif": exif} if kind != "BMP" else {}
    Image.fromarray(np.tile(COLOUR, (4, 4, 1))).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "BMP", "TIFF", "WEBP"]))
def test_no_damage_gets_past_as_anything_but_a_reason(tmp_path, data, kind):
    content = bytearray(drawn(kind))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "a"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with contextlib.suppress(ImageBrokenError):  # and no other error
        facts = examine(path)
        assert read_image(path).shape[:2] == (facts.height, facts.width)


def test_a_hot_pixel_is_no_part_of_the_peak_and_is_read_as_white(tmp_path):
    pixels = np.full((20, 20), 3000, np.uint16)
    pixels[3, 3], pixels[9, 9] = 65535, 0
    path = saved(tmp_path / "a.png", Image.fromarray(pixels), "PNG")
    facts = examine(path)
    assert (facts.peak, facts.brightest, facts.hot, facts.dead) == (3000, 65535, 1, 1)
    assert read_image(path, bits=16, white=4095).max() == 4095
    assert read_image(path, bits=8, white=4095).max() == 255
    np.testing.assert_array_equal(read_image(path, bits=16), pixels)
