"""What storing and reading do to an image, levelled: the same compression, size, depth and colour for every image.

Real images mostly come as JPEG and generated ones as PNG. The compression's traces would tell them apart, and every
number would be about files in place of surfaces. So whatever is compared passes the same encoding first, in score,
audit and trial alike: at its own size, on the grid that the camera's file has, where encoding again changes next to
nothing.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from flawforge.core.images import Pixels, eight_bits, in_channels, resize
from flawforge.data.sample import LOSSY_WEBP, Sample

QUALITY = 92  # of the JPEG encoding that all images pass when the sources are JPEG of this quality, or of a better one
JPEG = ("JPEG", "MPO")
MIDDLING = 3688  # sum of the standard table of luma at quality 50
FRAME_TOLERANCE = 4  # gray levels of 255 by which an even border may differ
WIDEST = 0.4  # of a side, that a border takes on either end
MIXED = 0.05  # of a side that is cut off beside a border, at most, where enlarging has mixed it with the image ...
OWN = 0.8  # ... until a row has so much of the difference between image and border


def webp_stays(real: Sequence[Sample], generated: Sequence[Sample]) -> list[str]:
    """Return what a reader must know where one side alone is lossy WebP, whose quality no file tells: it stays."""
    lossy = [any(sample.encoding == LOSSY_WEBP for sample in side) for side in (real, generated)]
    if lossy[0] == lossy[1]:
        return []
    side, other = ("real", "generated") if lossy[0] else ("generated", "real")
    return [
        f"The {side} images are lossy WebP, and its traces cannot be levelled, because such files do not say how "
        f"strong it was. A network may tell the {side} from the {other} images by them alone. Give the images as they "
        f"were before."
    ]


def jpeg_quality(tables: Mapping[int, Sequence[int]] | None) -> int:
    """Return the quality, 1 to 100, whose standard table of luma is as coarse as this file's; 0 without tables."""
    if not tables:
        return 0
    percent = 100 * sum(tables[min(tables)]) / MIDDLING
    return int(np.clip(round(100 - percent / 2 if percent <= 100 else 5000 / percent), 1, 100))


def files_quality(samples: Sequence[Sample], most: int = QUALITY) -> int | None:
    """Return the JPEG quality that all images pass: the middling one of the files, `most` at most.

    None where most of the files are not JPEG. Files of which it is not known (trials of older versions) count as good.
    """
    found = [sample.quality or most for sample in samples if sample.encoding in JPEG]
    return min(most, int(np.median(found))) if 2 * len(found) > len(samples) else None


def through_jpeg(image: Pixels, quality: int) -> Pixels:
    """Return uint8 (H, W) or (H, W, 3) encoded as JPEG and decoded again."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


@dataclass(frozen=True)
class Level:
    """What every image of one side passes, in this order.

    Attributes:
        channels: 1 takes the luma of colour images, 3 repeats gray.
        resolution: (height, width) at which images are compared.
        quality: of a JPEG encoding before that; None: none.
        frame: (height, width) that images are brought to before they are encoded; None: their own.
        crop: whether an even border is cut off first.
        shape: height over width that images are cut to after that, around their middle; None: they are stretched.
    """

    channels: int
    resolution: tuple[int, int]
    quality: int | None = None
    frame: tuple[int, int] | None = None
    crop: bool = False
    shape: float | None = None

    def apply(self, pixels: Pixels, white: int) -> Pixels:
        """Return (H, W), or (H, W, 3) with 3 channels, uint8, of (H, W) or (H, W, 3) pixels 0..`white`."""
        image = eight_bits(pixels, white)
        if self.crop:
            image = without_border(image)
        if self.shape is not None:
            image = middle(image, self.shape)
        if self.channels == 1:
            image = in_channels(image, 1)
        if self.quality is not None:
            image = through_jpeg(resize(np.ascontiguousarray(image), *(self.frame or image.shape[:2])), self.quality)
        return in_channels(resize(np.ascontiguousarray(image), *self.resolution), self.channels)


def middle(image: Pixels, shape: float) -> Pixels:
    """Return the largest part around the middle that is `shape` times as high as it is wide."""
    height, width = image.shape[:2]
    high, wide = max(1, min(height, round(width * shape))), max(1, min(width, round(height / shape)))
    top, left = (height - high) // 2, (width - wide) // 2
    return image[top : top + high, left : left + wide]


def without_border(image: Pixels) -> Pixels:
    """Return an image without its even border and what enlarging has mixed with it; as it is where it has none."""
    border = even_border(image)
    if not any(border):
        return image
    top, bottom, left, right = with_mixed(image, border)
    return image[top : image.shape[0] - bottom, left : image.shape[1] - right]


def even_border(image: Pixels) -> tuple[int, int, int, int]:
    """Return how many rows and columns of (H, W) or (H, W, 3) uint8 are an even frame: top, bottom, left, right.

    An image that is even all over has none.
    """
    ends = (slice(0, 1), slice(-1, None))
    lines = [image[end] for end in ends] + [image[:, end] for end in ends]
    if all(int(line.max()) - int(line.min()) > FRAME_TOLERANCE for line in lines):
        return 0, 0, 0, 0  # as of nearly all images
    low = image if image.ndim == 2 else image.min(axis=2)
    high = image if image.ndim == 2 else image.max(axis=2)
    out = []
    for axis in (1, 0):
        least, most = low.min(axis=axis).astype(int), high.max(axis=axis).astype(int)
        limit = int(WIDEST * len(least))
        for end in (slice(None), slice(None, None, -1)):
            near = (most[end][: limit + 1].max(initial=0), least[end][: limit + 1].min(initial=255))
            if near[0] - near[1] <= FRAME_TOLERANCE:
                return 0, 0, 0, 0
            width = 0
            first_low, first_high = least[end][0], most[end][0]
            while width < limit:
                first_low, first_high = min(first_low, least[end][width]), max(first_high, most[end][width])
                if first_high - first_low > FRAME_TOLERANCE:
                    break
                width += 1
            out.append(width)
    return out[0], out[1], out[2], out[3]


def with_mixed(image: Pixels, border: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Return the rows and columns of an even border, and beside them those that enlarging has mixed with it."""
    gray = image if image.ndim == 2 else image.mean(axis=2)
    out = []
    for axis, ends in ((1, border[:2]), (0, border[2:])):
        means = gray.mean(axis=axis)
        inside = float(np.median(means[ends[0] : len(means) - ends[1]]))
        for line, width in zip((means, means[::-1]), ends, strict=True):
            level = line[:width].mean() if width else inside
            beside = np.abs(line[width : width + int(MIXED * len(line))] - level) >= OWN * abs(inside - level)
            out.append(width + (int(beside.argmax()) if beside.any() else len(beside)))
    return out[0], out[1], out[2], out[3]
