"""Disguises that the audit was not built on, and does not plant to test itself."""

from __future__ import annotations

import io

import numpy as np
import scipy.ndimage as nd
from PIL import Image

from flawforge.studies.copies.planted import Alteration, Draws, Gray, cropped, whole


def tilted(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Turn it by 10 to 15 degrees, either way; the corners are filled with the mirror image."""
    angle = draws.uniform(10, 15) * (1 if draws.random() < 0.5 else -1)
    return np.asarray(nd.rotate(image, angle, reshape=False, mode="reflect", order=1))


def reduced(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Reduce it to 90 % of its sides, anywhere in the frame; the rest is filled with the mirror image."""
    height, width = image.shape
    size = round(0.9 * width), round(0.9 * height)
    small = np.asarray(Image.fromarray(np.asarray(image, dtype=np.float32)).resize(size, Image.Resampling.BICUBIC))
    free = height - small.shape[0], width - small.shape[1]
    before = [int(draws.integers(room + 1)) for room in free]
    return np.pad(small, [(at, room - at) for at, room in zip(before, free, strict=True)], mode="reflect")


def gamma(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Lighten the middle tones: gamma 0.7."""
    return np.asarray(255 * (image / 255) ** 0.7)


def negative(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Swap black and white."""
    return 255 - image


def blurred(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Blur it by a Gaussian of 2 pixels."""
    return np.asarray(nd.gaussian_filter(image, 2))


def turned_and_cropped(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Turn it upside down and take 80 % of its sides, enlarged to the old size."""
    return cropped(image[::-1, ::-1], other, draws)


def blended_70_30(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Mix 70 % of it with 30 % of another image."""
    return 0.7 * image + 0.3 * other


def coarse(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Save it as JPEG of quality 20."""
    buffer = io.BytesIO()
    Image.fromarray(whole(image)).save(buffer, "JPEG", quality=20)
    return np.asarray(Image.open(buffer), dtype=np.float32)


def cut_out(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Replace a square of 35 % of its sides by its mean gray."""
    return _pasted(image, np.full_like(image, image.mean()), 0.35, draws)


def pasted_over(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Replace a square of half its sides by the same place of another image."""
    return _pasted(image, other, 0.5, draws)


def stitched(image: Gray, other: Gray, draws: Draws) -> Gray:
    """Replace its right half by that of another image (the calibration gives another training image)."""
    return np.hstack([image[:, : image.shape[1] // 2], other[:, image.shape[1] // 2 :]])


def _pasted(image: Gray, source: Gray, share: float, draws: Draws) -> Gray:
    size = [round(share * side) for side in image.shape]
    top, left = (int(draws.integers(side - part + 1)) for side, part in zip(image.shape, size, strict=True))
    place = slice(top, top + size[0]), slice(left, left + size[1])
    out = image.copy()
    out[place] = source[place]
    return out


OTHERS: dict[str, Alteration] = {
    "tilted 10-15°": tilted,
    "reduced to 90 %": reduced,
    "gamma 0.7": gamma,
    "negative": negative,
    "blurred": blurred,
    "turned, cropped": turned_and_cropped,
    "blended 70/30": blended_70_30,
    "JPEG 20": coarse,
    "cut out 35 %": cut_out,
    "pasted over 50 %": pasted_over,
    "stitched": stitched,
}
