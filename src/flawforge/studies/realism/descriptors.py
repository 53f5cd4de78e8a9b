"""Images described: features, spectra and histograms, a block at a time, each block kept by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice

import numpy as np
import torch

from flawforge.core.arrays import Floats, Floats32, Ints
from flawforge.core.images import Pixels, to_unit
from flawforge.core.progress import Progress
from flawforge.data.cache import recall_content, remember_content
from flawforge.data.threads import in_threads
from flawforge.metrics.fidelity.histogram import gray_histograms
from flawforge.metrics.fidelity.precision_recall import NARROW, WIDE, all_radii
from flawforge.metrics.fidelity.spectrum import radial_spectra, ring_frequencies
from flawforge.metrics.vectors import as_groups
from flawforge.models.extractors import Extractor
from flawforge.studies.sets import kept_features, pixel_key

PIXELS = 1  # raise it when a spectrum or a histogram comes out otherwise: what is kept counts no more
LEVELS = 256  # numbers of a histogram
BLOCK = 64  # images that are held at a time, and that one file of the cache is of


@dataclass(frozen=True)
class DescribedImages:
    """N images of one size.

    Attributes:
        features: (N, D).
        spectra: (N, B), dB.
        histograms: (N, 256).
        groups: (N,) group numbers.
        keys: SHA-256 of each image's compared pixels.
    """

    features: Floats
    spectra: Floats
    histograms: Floats
    groups: Ints
    keys: tuple[str, ...]

    def __len__(self) -> int:
        """Return N."""
        return len(self.keys)

    @cached_property
    def radii(self) -> Floats:
        """(2, N) distances to the third and the fifth neighbour of another group."""
        return all_radii(self.features, (NARROW, WIDE), as_groups(self.groups, len(self), "groups"))

    def take(self, rows: Ints) -> DescribedImages:
        """Return these rows, in their order."""
        keys = tuple(self.keys[row] for row in rows)
        return DescribedImages(self.features[rows], self.spectra[rows], self.histograms[rows], self.groups[rows], keys)


def describe_images(
    read: Callable[[int], Pixels], groups: Ints, white: int, extractor: Extractor, title: str, progress: Progress
) -> DescribedImages:
    """Describe `read(i)`, (C, H, W) pixels 0 to `white`, for every i of (N,) `groups`, all of one size."""
    parts: list[tuple[Floats, Floats, Floats]] = []
    keys: list[str] = []
    with progress.task(title, len(groups), "images") as task:
        reads = iter(in_threads(read, range(len(groups))))
        while block := list(islice(reads, BLOCK)):
            own = [pixel_key(image, white) for image in block]
            images = partial(_units, block, white)
            features = kept_features(images, own, extractor).astype(np.float64)
            parts.append((features, *_kept_pixels(images, (block[0].shape[1], block[0].shape[2]), own)))
            keys += own
            task.advance(len(block))
    features, spectra, histograms = (np.concatenate(column) for column in zip(*parts, strict=True))
    return DescribedImages(features, spectra, histograms, groups, tuple(keys))


def _units(block: list[Pixels], white: int) -> torch.Tensor:
    return torch.from_numpy(to_unit(np.stack(block), white))


def _kept_pixels(images: Callable[[], torch.Tensor], size: tuple[int, int], keys: list[str]) -> tuple[Floats, Floats]:
    """Return the spectra (N, B) and histograms (N, 256) of images, from the cache where they were taken before."""
    key = hashlib.sha256("\n".join([f"spectra and histograms {PIXELS}", *keys]).encode()).hexdigest()
    rings, kept = len(ring_frequencies(*size)), recall_content(key)
    if len(kept) == 8 * len(keys) * (rings + LEVELS):
        rows = np.frombuffer(kept, "<f8").reshape(len(keys), -1)
        return rows[:, :rings], rows[:, rings:]
    spectra, histograms = radial_spectra(images()), gray_histograms(images())
    remember_content(key, np.concatenate([spectra, histograms], axis=1).astype("<f8").tobytes())
    return spectra, histograms


class RememberedFeatures:
    """An extractor whose features are kept by the content of what they were taken of."""

    def __init__(self, extractor: Extractor) -> None:
        """Remember what this one gives."""
        self.extractor, self.name, self.version = extractor, extractor.name, extractor.version

    def __call__(self, images: torch.Tensor) -> Floats32:
        """Return (N, D) features of (N, C, H, W) images in [-1, 1]."""
        content = hashlib.sha256(str(tuple(images.shape)).encode() + images.numpy().tobytes()).hexdigest()
        return kept_features(lambda: images, [content] * len(images), self.extractor)
