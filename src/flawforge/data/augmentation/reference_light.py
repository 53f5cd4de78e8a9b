"""The light of other images: what people take from augmentation libraries to make few images of a class look as others.

Each function changes one real image by another one, and leaves what tells the class as it is, or so it is hoped: edges
and texture stay, brightness and slow changes of it come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flawforge.core.arrays import Bools, Bytes, Floats, Ints
from flawforge.core.seeds import numpy_stream

WIDEST_BAND = 0.1  # of the shorter side: beta of Fourier domain adaptation, at most, as in albumentations
LEAST_BLEND = 0.5  # of the matched histogram, as in albumentations


@dataclass(frozen=True)
class Changed:
    """Changed images.

    Attributes:
        images: (M, C, H, W) uint8.
        labels: (M,) classes of the images that were changed.
        sources: (M,) index of the image that was changed.
        references: (M,) index of the image that it was changed by.
    """

    images: Bytes
    labels: Ints
    sources: Ints
    references: Ints


Change = Callable[[Bytes, Bytes, np.random.Generator], Bytes]


def fourier_adapted(image: Bytes, reference: Bytes, rng: np.random.Generator) -> Bytes:
    """Return an image whose lowest frequencies have the amplitude of another's, in a band of random width.

    Phases, and so the positions of all edges, stay. Yang & Soatto 2020, "FDA: Fourier Domain Adaptation for Semantic
    Segmentation" (2004.05498), eq. 3 and 4, with beta from 0 to 0.1; at 0 the mean alone is the reference's.

    Args:
        image: (C, H, W) uint8.
        reference: likewise, of the same size.
        rng: where beta comes from.
    """
    own, other = np.fft.rfft2(image), np.fft.rfft2(reference)
    adapted = np.abs(other) * np.exp(1j * np.angle(own))
    return _back(np.where(_low(image, rng.uniform(0, WIDEST_BAND)), adapted, own), image)


def histogram_matched(image: Bytes, reference: Bytes, rng: np.random.Generator) -> Bytes:
    """Return an image blended with itself under the histogram of another, channel by channel.

    The matched image has from half to all of the weight. Gonzalez & Woods, "Digital Image Processing", 3.3.2.

    Args:
        image: (C, H, W) uint8.
        reference: likewise, of any size.
        rng: where the weight comes from.
    """
    matched = np.stack([_matched(own, other) for own, other in zip(image, reference, strict=True)])
    weight = rng.uniform(LEAST_BLEND, 1.0)
    return _bytes(weight * matched + (1 - weight) * image)


def random_light(image: Bytes, reference: Bytes, rng: np.random.Generator) -> Bytes:
    """Return an image with a smooth random field in place of its own lowest frequencies, in a band of random width.

    The field has the mean and the amplitudes of another image, so that it is as uneven as light is there, and random
    phases, the same in all channels, so that gray stays gray. Higher frequencies stay as they are.

    Args:
        image: (C, H, W) uint8.
        reference: likewise, of the same size.
        rng: where the field and the band's width come from.
    """
    beta = rng.uniform(0, WIDEST_BAND)
    turn = np.exp(1j * np.angle(np.fft.rfft2(rng.standard_normal(image.shape[1:]))))
    turn[0, 0] = 1
    return _back(np.where(_low(image, beta), np.fft.rfft2(reference) * turn, np.fft.rfft2(image)), image)


def changed_by_others(
    images: Bytes, labels: Ints, count: int, seed: int, name: str, change: Change, *, other_class: bool = True
) -> Changed:
    """Make `count` images, each a real one changed by another. Classes come in turn.

    Args:
        images: (N, C, H, W) uint8.
        labels: (N,) classes.
        count: images to make.
        seed: of the stream ``augmentation``; image number i does not depend on `count`.
        name: of the change; addresses its random numbers.
        change: one of the functions of this module.
        other_class: the reference is of another class than the image; else it is any other image.

    Raises:
        ValueError: `other_class`, and all images are of one.
    """
    classes = np.unique(labels)
    if other_class and len(classes) < 2:
        raise ValueError("there is no image of another class to take the light from")
    out = np.empty((count, *images.shape[1:]), dtype=np.uint8)
    sources, references = np.empty(count, np.int64), np.empty(count, np.int64)
    for number in range(count):
        rng = numpy_stream(seed, "augmentation", name, number)
        label = classes[number % len(classes)]
        sources[number] = rng.choice(np.flatnonzero(labels == label))
        others = np.flatnonzero((labels != label) if other_class else np.arange(len(labels)) != sources[number])
        references[number] = rng.choice(others) if len(others) else sources[number]
        out[number] = change(images[sources[number]], images[references[number]], rng)
    return Changed(out, labels[sources], sources, references)


def _low(image: Bytes, beta: float) -> Bools:
    """Return which of the frequencies of `rfft2` lie in the band, a square around 0 (eq. 3)."""
    height, width = image.shape[1:]
    reach = int(min(height, width) * beta)
    rows = np.abs(np.fft.fftfreq(height, 1 / height)) <= reach
    columns = np.arange(width // 2 + 1) <= reach
    return np.asarray(rows[:, None] & columns)


def _back(spectrum: np.ndarray, image: Bytes) -> Bytes:
    return _bytes(np.fft.irfft2(spectrum, image.shape[1:]))


def _matched(own: Bytes, other: Bytes) -> Floats:
    """Return (H, W) values of `other` at the quantiles that the values have in `own`."""
    counts, wanted = np.bincount(own.ravel(), minlength=256), np.bincount(other.ravel(), minlength=256)
    values = np.flatnonzero(wanted)
    table = np.interp(counts.cumsum() / own.size, wanted[values].cumsum() / other.size, values)
    return np.asarray(table[own])


def _bytes(values: np.ndarray) -> Bytes:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
