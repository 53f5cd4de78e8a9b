"""Features of images, kept by the content of what they were taken of: audit and score use the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch

from flawforge.core.arrays import Floats32
from flawforge.core.images import Pixels
from flawforge.data.cache import recall_features, remember_features
from flawforge.models.extractors import Extractor


def pixel_key(image: Pixels, white: int) -> str:
    """Return SHA-256 over an image's pixels, shape and white."""
    digest = hashlib.sha256(f"{image.shape} {image.dtype} {white}".encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def kept_features(images: Callable[[], torch.Tensor], keys: list[str], extractor: Extractor) -> Floats32:
    """Return (N, D) features of the (N, C, H, W) images in [-1, 1] that `images()` gives, where they are not known;
    `keys` say what each of them shows, see `pixel_key`.
    """
    key = hashlib.sha256("\n".join([extractor.name, extractor.version, *keys]).encode()).hexdigest()
    kept = recall_features(key, len(keys))
    if kept is None:
        kept = extractor(images())
        remember_features(key, kept)
    return kept
