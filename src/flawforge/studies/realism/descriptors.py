"""Images described: features, spectra and histograms, a block at a time, each block's features kept by content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from flawforge.core.arrays import Floats, Floats32, Ints
from flawforge.core.images import Pixels, to_unit
from flawforge.core.progress import Progress
from flawforge.data.cache import recall_features, remember_features
from flawforge.data.threads import in_threads
from flawforge.metrics.fidelity.histogram import gray_histograms
from flawforge.metrics.fidelity.spectrum import radial_spectra
from flawforge.models.extractors import Extractor

BLOCK = 64  # images that are held at a time, and that one file of the cache is of


@dataclass(frozen=True)
class Described:
    """N images of one size.

    Attributes:
        features: (N, D).
        spectra: (N, B), dB.
        histograms: (N, 256).
        keys: SHA-256 of each image's compared pixels.
    """

    features: Floats
    spectra: Floats
    histograms: Floats
    keys: tuple[str, ...]

    def __len__(self) -> int:
        """Return N."""
        return len(self.keys)

    def take(self, rows: Ints) -> Described:
        """Return these rows, in their order."""
        keys = tuple(self.keys[row] for row in rows)
        return Described(self.features[rows], self.spectra[rows], self.histograms[rows], keys)


def describe(
    read: Callable[[int], Pixels], count: int, white: int, extractor: Extractor, title: str, progress: Progress
) -> Described:
    """Describe `read(i)`, (C, H, W) pixels 0 to `white`, for every i below `count`, all of one size."""
    parts: list[tuple[Floats, Floats, Floats]] = []
    keys: list[str] = []
    with progress.task(title, count, "images") as task:
        for block in _blocks(in_threads(read, range(count))):
            own = [pixel_key(image, white) for image in block]
            images = torch.from_numpy(to_unit(np.stack(block), white))
            found = _features(images, own, extractor)
            parts.append((found.astype(np.float64), radial_spectra(images), gray_histograms(images)))
            keys += own
            task.advance(len(block))
    features, spectra, histograms = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Described(features, spectra, histograms, tuple(keys))


def pixel_key(image: Pixels, white: int) -> str:
    """Return SHA-256 over an image's pixels, shape and white."""
    digest = hashlib.sha256(f"{image.shape} {image.dtype} {white}".encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def _features(images: torch.Tensor, keys: list[str], extractor: Extractor) -> Floats32:
    key = hashlib.sha256("\n".join([extractor.name, extractor.version, *keys]).encode()).hexdigest()
    kept = recall_features(key, len(keys))
    if kept is None:
        kept = extractor(images)
        remember_features(key, kept)
    return kept


def _blocks(images: Iterator[Pixels]) -> Iterator[list[Pixels]]:
    held: list[Pixels] = []
    for image in images:
        held.append(image)
        if len(held) == BLOCK:
            yield held
            held = []
    if held:
        yield held
