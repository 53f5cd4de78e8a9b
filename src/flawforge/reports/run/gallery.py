"""Generated images beside real ones, all at one scale."""

from __future__ import annotations

from dataclasses import dataclass

from flawforge.core.errors import RunBrokenError
from flawforge.core.files import read_json
from flawforge.reports.pictures import Picture, embed, evenly_by_class, read_picture, shrink
from flawforge.reports.run.synthetic import Synthetic
from flawforge.runs.folder import Run

CELLS = 36  # of each kind: six rows of six
LONGEST = 256  # pixels of the longest side that the page keeps


@dataclass(frozen=True)
class Gallery:
    """Generated and real images at one scale, in cells of one size.

    Attributes:
        generated: up to 36 of (class, file, picture), evenly drawn over classes and set.
        real: up to 36 training images likewise; the class is empty where it is unknown.
        width: of a cell: the widest image, in embedded pixels. Every image is shown at width / this of its cell.
        height: of a cell likewise.
        scale: embedded pixels per pixel of the file, the same for all images.
        lossless: whether the embedded pixels are exactly those of the (scaled) files.
        unreadable: files that should have been shown and cannot be read.
    """

    generated: list[tuple[str, str, Picture]]
    real: list[tuple[str, str, Picture]]
    width: int
    height: int
    scale: float
    lossless: bool
    unreadable: list[str]


def gallery(run: Run, synthetic: Synthetic | None, white: int) -> Gallery:
    """Choose the images of the gallery and bring them to one scale. `white` is the data's, for 16-bit files."""
    chosen = [(run.synthetic, *pair) for pair in evenly_by_class(synthetic.images if synthetic else (), CELLS)]
    chosen += [(run.previews, *pair) for pair in evenly_by_class(real_images(run), CELLS)]
    read = [(folder, label, file, read_picture(folder, file, white)) for folder, label, file in chosen]
    found = [(folder, label, file, image) for folder, label, file, image in read if image is not None]
    scale = min(1.0, LONGEST / max((max(image.size) for *_, image in found), default=LONGEST))
    shrunk = [shrink(image, scale) for *_, image in found]
    pictures, lossless = embed(shrunk)
    cells = [(place[0], (*place[1:3], picture)) for place, picture in zip(found, pictures, strict=True)]
    return Gallery(
        generated=[cell for folder, cell in cells if folder == run.synthetic],
        real=[cell for folder, cell in cells if folder == run.previews],
        width=max((image.width for image in shrunk), default=1),
        height=max((image.height for image in shrunk), default=1),
        scale=scale,
        lossless=lossless,
        unreadable=[file for _, _, file, image in read if image is None],
    )


def real_images(run: Run) -> list[tuple[str, str]]:
    """Return (class, file below the previews) of the real images that a run keeps, in order; the class is empty where
    it is unknown.
    """
    classes = _real_classes(run)
    return sorted((classes.get(path.name, ""), f"real/{path.name}") for path in (run.previews / "real").glob("*.png"))


def _real_classes(run: Run) -> dict[str, str]:
    """Return the class of each real image; empty for a run of an older version, or where the file is damaged."""
    try:
        value = read_json(run.real_classes_file) if run.real_classes_file.is_file() else {}
    except RunBrokenError:  # the images are shown, in no order of classes
        return {}
    return {str(name): str(label) for name, label in value.items()} if isinstance(value, dict) else {}
