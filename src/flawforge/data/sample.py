"""A sample: one image of a dataset, its class, its boxes; and a file that was passed over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from flawforge.core.images import ImageFormat
from flawforge.data.regions import MaskImage, Region, RunLengths

LOSSY_WEBP = "WEBP, lossy"


@dataclass(frozen=True)
class Box:
    """A labelled rectangle: class name and corners in pixels, right and bottom outside."""

    label: str
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Mark:
    """One thing that the labels mark in an image.

    Attributes:
        label: what it is; empty where the labels do not say (a mask beside an image).
        corners: (left, top, right, bottom) of its box, right and bottom outside, where the labels have one. In pixels
            of the image as it is shown, once the image was read; before, in the frame of the labels.
        regions: the pixels that it covers, all of them together, where the labels say it.
        estimated: nobody drew the regions: they were estimated from the mark's box, or from good images.
    """

    label: str = ""
    corners: tuple[float, float, float, float] | None = None
    regions: tuple[Region, ...] = ()
    estimated: Literal["", "box", "good images"] = ""


@dataclass(frozen=True)
class Entry:
    """One image as its folder and labels list it, not opened yet.

    Attributes:
        file: path below the dataset's root, with forward slashes.
        label: its class; empty while it is not labelled.
        marks: what the labels mark in it.
        label_source: where its class comes from: the label file's path below the root, or ``folder``, ``file name``,
            ``mask``; for an image that is not labelled, the reason in words.
        frame: (width, height) of the picture in which the marks are given; (1, 1) where they are shares of it; None:
            the image as it is shown.
        nothing_marked: whether there is an annotation of this image, a label file or a mask, that marks nothing: not
            the same as no annotation.
    """

    file: str
    label: str
    marks: tuple[Mark, ...] = ()
    label_source: str = "folder"
    frame: tuple[float, float] | None = None
    nothing_marked: bool = False

    @property
    def annotation(self) -> Literal["marked", "nothing marked"] | None:
        """What the labels say of places in this image; None: nothing."""
        if any(mark.corners or mark.regions for mark in self.marks):
            return "marked"
        return "nothing marked" if self.nothing_marked else None

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes that the labels give, in pixels."""
        marks = ((mark.label, mark.corners) for mark in self.marks)
        return tuple(Box(label, *(int(corner) for corner in corners)) for label, corners in marks if corners)

    @property
    def mask_files(self) -> tuple[str, ...]:
        """The mask images, as paths below the root."""
        regions = [region for mark in self.marks for region in mark.regions]
        return tuple(dict.fromkeys(region.file for region in regions if isinstance(region, MaskImage)))

    @property
    def mask(self) -> str | None:
        """The file that says which pixels are defective: a mask image, else the label file; None where none does."""
        if self.mask_files:
            return self.mask_files[0]
        regions = [region for mark in self.marks for region in mark.regions]
        if cut := [region.file for region in regions if isinstance(region, RunLengths) and region.file]:
            return cut[0]
        return self.label_source if any(mark.regions for mark in self.marks) else None


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What an image file turns out to be when it is decoded.

    Attributes:
        width: in pixels, after the camera's rotation note (EXIF) is obeyed.
        height: likewise.
        mode: Pillow's mode as stored (``L``, ``RGB``, ``P``, ``RGBA``, ``I;16``, ``1``, ...).
        encoding: Pillow's name of the container (``PNG``, ``JPEG``, ``BMP``, ``TIFF``, ``WEBP``), or `LOSSY_WEBP`.
        gray: whether its pixels have no colour (a gray image stored as RGB is gray).
        peak: the largest pixel value; in 16-bit images the largest that is not of a hot pixel.
        sha256: of the decoded pixels and their shape: equal for files that decode to the same image.
        pages: pictures in the file; only the first is read.
        turned: the camera's rotation note (EXIF orientation, 1 to 8), which was obeyed.
        brightest: the largest pixel value of a 16-bit image, hot pixels included.
        hot: pixels of a 16-bit image that the camera made far brighter than their neighbours.
        dead: pixels of a 16-bit image that are 0 among bright ones.
        quality: of a JPEG file, 1 to 100 by the coarseness of its tables; 0: another format, or not known.
        blank: whether all of its pixels are equal.
    """

    width: int
    height: int
    mode: str
    encoding: str
    gray: bool
    peak: int
    sha256: str
    pages: int = 1
    turned: int = 1
    brightest: int = 0
    hot: int = 0
    dead: int = 0
    quality: int = 0
    blank: bool = False

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
class Tile:
    """Which part of a picture an image is.

    Attributes:
        left: corner in the picture's pixels. top: likewise. right: outside. bottom: outside.
        width: of the whole picture.
        height: likewise.
        sha256: of the whole picture, as of `ImageFacts`.
    """

    left: int
    top: int
    right: int
    bottom: int
    width: int
    height: int
    sha256: str


@dataclass(frozen=True)
class Sample(Entry, ImageFacts):
    """One image of a dataset; what its decoded file is, is given by name.

    Attributes:
        tile: the part of the file's picture that the image is; None: all of it. The file's name then ends in the
            part's left and top corner: ``p0.png [1000, 512]``.
    """

    tile: Tile | None = field(default=None, kw_only=True)

    @property
    def path(self) -> str:
        """The image file below the dataset's root."""
        return self.file if self.tile is None else self.file.rpartition(" [")[0]

    @property
    def whole(self) -> Sample:
        """The picture that a tile was cut out of, with the tile's class and no marks; a whole image as it is."""
        if self.tile is None:
            return self
        tile = self.tile
        return replace(
            self, file=self.path, marks=(), tile=None, width=tile.width, height=tile.height, sha256=tile.sha256
        )


@dataclass(frozen=True)
class Broken:
    """A file that was passed over: its path below the root, and the reason in words.

    `apart`: it is an image that only has no class, because it lies apart from those that have one.
    """

    file: str
    reason: str
    apart: bool = field(default=False, compare=False)


OUTSIDE = "wholly outside their image, which were left out"  # of a remark that everything that learns is told of


@dataclass(frozen=True)
class Remark:
    """Something odd that was met while reading and mended or passed over.

    Attributes:
        what: the oddity as the subject of a sentence's start, in the plural ("boxes wholly outside their image, which
            were left out"): remarks of the same words are counted together.
        where: the file, and the entry in it, for the example.
    """

    what: str
    where: str
