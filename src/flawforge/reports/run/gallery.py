"""Generated images beside real ones, all at one scale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from flawforge.core.errors import RunBrokenError
from flawforge.core.files import read_json
from flawforge.reports.pictures import Picture, embed, evenly_by_class, read_picture, shrink
from flawforge.reports.run.synthetic import Synthetic
from flawforge.runs.folder import Run

CELLS = 36  # of each kind: six rows of six
LONGEST = 256  # pixels of the longest side that the page keeps


@dataclass(frozen=True)
class GalleryImage:
    """One image of the gallery: its class (empty when unknown), its file and the picture."""

    label: str
    file: str
    picture: Picture


@dataclass(frozen=True)
class Gallery:
    """Generated and real images at one scale, in cells of one size.

    Attributes:
        generated: up to 36, evenly drawn over classes and set.
        real: up to 36 training images, at their own size, in the order of the classes where these are known.
        width: of a cell: the widest image, in embedded pixels. Every image is shown at width / this of its cell.
        height: of a cell likewise.
        scale: embedded pixels per pixel of the file, the same for all images.
        lossless: whether the embedded pixels are exactly those of the (scaled) files.
        unreadable: files that should have been shown and cannot be read.
    """

    generated: tuple[GalleryImage, ...]
    real: tuple[GalleryImage, ...]
    width: int
    height: int
    scale: float
    lossless: bool
    unreadable: tuple[str, ...]


def gallery(run: Run, synthetic: Synthetic | None, white: int) -> Gallery:
    """Choose the images of the gallery and bring them to one scale. `white` is the data's, for 16-bit files."""
    chosen = [] if synthetic is None else evenly_by_class(((pair[0], pair) for pair in synthetic.images), CELLS)
    classes = _real_classes(run)
    files = sorted((run.previews / "real").glob("*.png"))
    labelled = ((classes.get(path.name, ""), (classes.get(path.name, ""), path.name)) for path in files)
    reals = evenly_by_class(labelled, CELLS)
    unreadable: list[str] = []
    made: list[tuple[str, str, Image.Image]] = []
    found: list[tuple[str, str, Image.Image]] = []
    for label, file in chosen:
        _collect(made, unreadable, run.synthetic, file, label, white)
    for label, name in reals:
        _collect(found, unreadable, run.previews, f"real/{name}", label, white)
    images = [image for _, _, image in made + found]
    scale = min(1.0, LONGEST / max((max(image.size) for image in images), default=LONGEST))
    alts = [f"Generated image {file}" for _, file, _ in made]
    alts += [f"Real image {place}" + (f", {label}" if label else "") for place, (label, _, _) in enumerate(found, 1)]
    shrunk = [shrink(image, scale) for image in images]
    pictures, lossless = embed(list(zip(shrunk, alts, strict=True)))
    cells = [
        GalleryImage(label, file, picture) for (label, file, _), picture in zip(made + found, pictures, strict=True)
    ]
    return Gallery(
        generated=tuple(cells[: len(made)]),
        real=tuple(cells[len(made) :]),
        width=max((image.width for image in shrunk), default=1),
        height=max((image.height for image in shrunk), default=1),
        scale=scale,
        lossless=lossless,
        unreadable=tuple(unreadable),
    )


def _real_classes(run: Run) -> dict[str, str]:
    """Return the class of each real image; empty for a run of an older version, or where the file is damaged."""
    if not run.real_classes_file.is_file():
        return {}
    try:
        value = read_json(run.real_classes_file)
    except RunBrokenError:  # the images are shown, in no order of classes
        return {}
    return {str(name): str(label) for name, label in value.items()} if isinstance(value, dict) else {}


def _collect(
    kept: list[tuple[str, str, Image.Image]], unreadable: list[str], folder: Path, file: str, label: str, white: int
) -> None:
    image = read_picture(folder, file, white)
    if image is None:
        unreadable.append(file)
    else:
        kept.append((label, file, image))
