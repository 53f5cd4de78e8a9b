"""One image file in, pixels out: what every format and mode becomes, and why a file cannot be read.

The content decides, never the file's ending. One rule for each thing that a file can hold beside plain gray and RGB:

- turned by the camera (EXIF): turned upright;
- palette: its colours; transparent: laid on black, so that what cannot be seen is 0;
- CMYK and YCbCr: Pillow's conversion to RGB;
- 1 bit: 0 and 255; 16-bit gray: kept, also when white is stored as zero; 16-bit colour: the upper 8 bits;
- 32-bit integers: kept while they are 0 to 65535; floating point: refused, because it does not say what white is;
- several pages: the first one.

A picture whose channels are equal in every pixel is gray, however it is stored, and is returned as (H, W).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from flawforge.core.arrays import Bytes
from flawforge.core.errors import ImageBrokenError
from flawforge.core.images import Pixels
from flawforge.data.camera_pixels import pixel_range
from flawforge.data.levelling import jpeg_quality
from flawforge.data.sample import LOSSY_WEBP, ImageFacts

# pixels of one image; more is refused before it is decoded. Stays below Pillow's own alarm of 89 million
MAX_PIXELS = 80_000_000
Seen = Callable[[str, Pixels], None]
READ = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
ORIENTATION = 274  # the EXIF tag
PHOTOMETRIC = 262  # the TIFF tag; 0: white is zero
OTHER_KINDS = (
    (0, b"GIF8", "a GIF"),
    (0, b"%PDF", "a PDF document"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (4, b"ftypheic", "a HEIC picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyp", "a video or HEIF file"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
)


def examine(path: Path, seen: Seen | None = None) -> ImageFacts:
    """Decode an image file once and say what it is.

    Args:
        path: the file.
        seen: is given the SHA-256 of the pixels, and them, so that who needs them need not decode the file again.

    Raises:
        ImageBrokenError: it cannot be read; `reason` says why.
    """
    image, pages = _open(path)
    pixels = _pixels(path, image)
    encoding, content = _encoding(path, image), content_sha256(pixels)
    if seen is not None:
        seen(content, pixels)
    reach = vars(pixel_range(pixels)) if pixels.dtype == np.uint16 else {"peak": int(pixels.max())}
    return ImageFacts(
        width=pixels.shape[1],
        height=pixels.shape[0],
        mode=image.mode,
        encoding=encoding,
        gray=pixels.ndim == 2,
        sha256=content,
        pages=pages,
        turned=_rotation_note(image),
        quality=jpeg_quality(getattr(image, "quantization", None)) if encoding == "JPEG" else 0,
        blank=bool((pixels[0] == pixels[0, 0]).all() and (pixels == pixels[0, 0]).all()),
        **reach,
    )


def _encoding(path: Path, image: Image.Image) -> str:
    """Return how the pixels are stored, as `ImageFacts.encoding` says it."""
    if image.format == "MPO":  # a camera's JPEG with a preview behind it
        return "JPEG"
    if image.format == "WEBP":
        with path.open("rb") as file:
            return "WEBP" if b"VP8L" in file.read(1 << 16) else LOSSY_WEBP
    return str(image.format)


def content_sha256(pixels: Pixels) -> str:
    """Return what `ImageFacts.sha256` is of these pixels."""
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.name}\n".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def read_image(path: Path, *, bits: int = 8, white: int = 65535) -> Pixels:
    """Return an image's pixels: (H, W) when it is gray, else (H, W, 3).

    Args:
        path: the file.
        bits: 8 gives uint8 from 0 to 255, 16 gives uint16 from 0 to `white`.
        white: the value of white in the 16-bit files of this dataset (1023, 4095, 16383 or 65535). 16-bit files are
            scaled from it when 8 bits are asked for, 8-bit files to it when 16 are; what is brighter is read as white.

    Raises:
        ImageBrokenError: it cannot be read (any more).
    """
    image, _ = _open(path)
    pixels = _pixels(path, image)
    if bits == 8 and pixels.dtype == np.uint16:
        return np.asarray(np.clip(np.rint(pixels * (255 / white)), 0, 255), dtype=np.uint8)
    if bits == 16 and pixels.dtype == np.uint8:
        return np.asarray(np.rint(pixels * (white / 255)), dtype=np.uint16)
    return np.minimum(pixels, np.uint16(white)) if bits == 16 else pixels


def read_part(path: Path, corners: tuple[int, int, int, int], *, bits: int = 8, white: int = 65535) -> Pixels:
    """Return a copy of a part of an image; the rest as `read_image`.

    The last two pictures are kept decoded, since their other parts are mostly asked for next.

    Args:
        path: the file.
        corners: left, top, right and bottom in pixels, right and bottom outside.
        bits: as of `read_image`.
        white: likewise.

    Raises:
        ImageBrokenError: it cannot be read (any more), or is smaller than it was.
    """
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        changed = 0  # the reading says why
    with _RECENT_LOCK:  # else two threads decode the same picture
        pixels = _recent(path, bits, white, changed)
    left, top, right, bottom = corners
    if bottom > pixels.shape[0] or right > pixels.shape[1]:
        raise ImageBrokenError(path, "has changed: it is smaller than it was")
    return pixels[top:bottom, left:right].copy()


@lru_cache(maxsize=2)
def _recent(path: Path, bits: int, white: int, changed: int) -> Pixels:
    return read_image(path, bits=bits, white=white)


_RECENT_LOCK = Lock()


def _open(path: Path) -> tuple[Image.Image, int]:
    """Return the loaded first page and the number of pages."""
    try:
        file = path.open("rb")
    except PermissionError:
        raise ImageBrokenError(path, "may not be read (no permission)") from None
    except FileNotFoundError:
        lost = "is a link that leads nowhere" if path.is_symlink() else "is no longer there"
        raise ImageBrokenError(path, lost) from None
    except OSError as error:
        raise ImageBrokenError(path, f"cannot be opened: {error.strerror or error}") from None
    with file:
        head = file.read(1024)
        if not head:
            raise ImageBrokenError(path, "is empty (0 bytes)")
        file.seek(0)
        try:
            image = Image.open(file, formats=READ)
            _refuse_large(path, image)
            pages = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
            image.load()
        except ImageBrokenError:
            raise
        except UnidentifiedImageError:
            raise ImageBrokenError(path, _no_image(head)) from None
        except Image.DecompressionBombError:  # so far above our limit that Pillow tells no size
            raise ImageBrokenError(path, _too_large()) from None
        except Exception as error:  # noqa: BLE001  damaged bytes make Pillow's decoders raise nearly any type
            raise ImageBrokenError(path, _damaged(error)) from None
    return image, pages


def _refuse_large(path: Path, image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise ImageBrokenError(path, _too_large(image.width, image.height))


def _pixels(path: Path, image: Image.Image) -> Pixels:
    """Return the upright pixels of a loaded image, gray as (H, W)."""
    if image.mode == "F":
        raise ImageBrokenError(
            path, "holds floating-point pixels, which do not say what white is; save it with 8 or 16 bits"
        )
    if image.mode == "LAB":
        raise ImageBrokenError(path, "is stored in the colour space LAB; save it as gray or RGB")
    if not image.width or not image.height:
        raise ImageBrokenError(path, "has no pixels")
    pixels = _deep(path, image) if image.mode.startswith("I") else _shallow(image)
    return _upright(pixels, _rotation_note(image))


def _deep(path: Path, image: Image.Image) -> NDArray[np.uint16]:
    """Return (H, W) of a 16-bit or 32-bit integer image."""
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ImageBrokenError(path, f"holds 32-bit values from {low} to {high}; 0 to 65535 can be read")
    pixels = values.astype(np.uint16)
    white_is_zero = image.format == "TIFF" and getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0
    return np.uint16(65535) - pixels if white_is_zero else pixels


def _shallow(image: Image.Image) -> Bytes:
    """Return (H, W) or (H, W, 3) of an 8-bit image of any other mode."""
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        clear = image.convert("RGBA")
        black = Image.new("RGBA", clear.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, clear).convert("RGB")
    elif image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    pixels = np.asarray(image, dtype=np.uint8)
    if pixels.ndim == 3:
        red = pixels[..., 0]
        if np.array_equal(red, pixels[..., 1]) and np.array_equal(red, pixels[..., 2]):
            return np.ascontiguousarray(red)
    return pixels


def _upright(pixels: NDArray[Any], note: int) -> Pixels:
    """Obey the camera's rotation note."""
    if note in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if note in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if note in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _rotation_note(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8 (1 for TIFF, which Pillow has already turned)."""
    try:
        note = image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001  an EXIF block that cannot be parsed holds no note; the pixels are whole
        return 1
    return note if note in range(1, 9) else 1


def _too_large(width: int = 0, height: int = 0) -> str:
    size = f"{width} x {height} pixels, {width * height / 1e6:.0f} megapixels" if width else "by its header"
    return f"is too large ({size}); up to {MAX_PIXELS // 1_000_000} megapixels can be read, so cut it into tiles"


def _no_image(head: bytes) -> str:
    for offset, magic, kind in OTHER_KINDS:
        if head[offset : offset + len(magic)] == magic:
            return f"is {kind}; PNG, JPEG, BMP, TIFF and WebP can be read"
    if b"\x00" not in head and "\ufffd" not in head[:1000].decode("utf-8", errors="replace")[:-3]:
        return "is a text file, no image"
    return "is no image of a kind that can be read (PNG, JPEG, BMP, TIFF, WebP), or its beginning is damaged"


def _damaged(error: Exception) -> str:
    text = str(error)
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "is cut short: the end of the picture is missing"
    return f"is damaged: {text or type(error).__name__}"
