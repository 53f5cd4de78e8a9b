"""Some generated images, each beside a real one of its class, at their own pixels."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from flawforge.reports.pictures import Picture, embed, evenly_by_class, read_picture
from flawforge.reports.run.gallery import real_images
from flawforge.reports.run.synthetic import Synthetic
from flawforge.runs.folder import Run

SHOWN = 4  # pairs
LARGEST = 384  # pixels of a side; of larger images the middle is shown
SMALLEST = 90  # pixels of the longest side: the cells of the gallery show smaller ones at their own pixels or larger


@dataclass(frozen=True)
class OwnPixelsPair:
    """A generated image beside a real one.

    Attributes:
        label: class of the generated one.
        file: of it, below the set's folder.
        generated: its picture.
        real_label: class of the real one; empty: unknown.
        real: its picture; None: there is none.
    """

    label: str
    file: str
    generated: Picture
    real_label: str
    real: Picture | None


@dataclass(frozen=True)
class OwnPixels:
    """Up to 4 pairs; `lossless`: whether their pixels are exactly those of the files; `cut`: whether some show only
    the middle.
    """

    pairs: list[OwnPixelsPair]
    lossless: bool = True
    cut: bool = False


def pairs_at_own_pixels(run: Run, synthetic: Synthetic | None, white: int) -> OwnPixels:
    """Choose generated images evenly over the classes, and for each a real one of its class that none has yet, where
    there is one. None are shown where the gallery shows all at their own pixels.

    Args:
        run: the run.
        synthetic: its set.
        white: the data's, for 16-bit files.
    """
    left, chosen = real_images(run), []
    for label, file in evenly_by_class(synthetic.images if synthetic else (), SHOWN):
        image = read_picture(run.synthetic, file, white)
        if image is None:
            continue
        own = next((one for one in left if one[0] == label), next((one for one in left if not one[0]), None))
        if own is not None:
            left.remove(own)
        real = None if own is None else read_picture(run.previews, own[1], white)
        chosen.append((label, file, image, own[0] if own else "", real))
    images = [one for *_, made, _, real in chosen for one in (made, real) if one is not None]
    if max((max(image.size) for image in images), default=0) <= SMALLEST:
        return OwnPixels([])
    pictures, lossless = embed([_middle(image) for image in images])
    following = iter(pictures)
    pairs = [
        OwnPixelsPair(label, file, next(following), own, None if real is None else next(following))
        for label, file, _, own, real in chosen
    ]
    return OwnPixels(pairs, lossless, any(max(image.size) > LARGEST for image in images))


def _middle(image: Image.Image) -> Image.Image:
    width, height = (min(side, LARGEST) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
