"""A sample: one image of a dataset, its class, its boxes; and a file that was passed over."""

from __future__ import annotations

from dataclasses import dataclass

from flawforge.core.images import ImageFormat


@dataclass(frozen=True)
class Box:
    """A labelled rectangle: class name and corners in pixels, right and bottom outside."""

    label: str
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Entry:
    """One image as a layout lists it, not opened yet.

    Attributes:
        file: path below the dataset's root, with forward slashes.
        label: its class.
        mask: path of its defect mask below the root, or None.
        boxes: labelled rectangles, where the layout has them.
    """

    file: str
    label: str
    mask: str | None = None
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What an image file turns out to be when it is decoded.

    Attributes:
        width: in pixels, after the camera's rotation note (EXIF) is obeyed.
        height: likewise.
        mode: Pillow's mode as stored (``L``, ``RGB``, ``P``, ``RGBA``, ``I;16``, ``1``, ...).
        encoding: Pillow's name of the container (``PNG``, ``JPEG``, ``BMP``, ``TIFF``, ``WEBP``).
        gray: whether its pixels have no colour (a gray image stored as RGB is gray).
        peak: the largest pixel value.
        sha256: of the decoded pixels and their shape: equal for files that decode to the same image.
        pages: pictures in the file; only the first is read.
    """

    width: int
    height: int
    mode: str
    encoding: str
    gray: bool
    peak: int
    sha256: str
    pages: int = 1

    @property
    def format(self) -> ImageFormat:
        """The container that a generated image like this one gets: ``I;16`` for 16 bits, ``L`` for files stored gray
        (palettes of grays too), else ``RGB``.
        """
        if self.mode.startswith("I"):
            return ImageFormat("I;16", self.width, self.height)
        stored_gray = self.mode in ("1", "L", "LA", "La") or (self.mode in ("P", "PA") and self.gray)
        return ImageFormat("L" if stored_gray else "RGB", self.width, self.height)


@dataclass(frozen=True)
class Sample(Entry, ImageFacts):
    """One image of a dataset; what its decoded file is, is given by name."""


@dataclass(frozen=True)
class Broken:
    """A file that was passed over: its path below the root, and the reason in words."""

    file: str
    reason: str
