"""Generated and training images matched: brought to the form in which they are compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from flawforge.core.arrays import Floats32
from flawforge.core.errors import ImageBrokenError, RunBrokenError
from flawforge.core.images import Pixels, as_planes, eight_bits, in_channels, resize
from flawforge.data.dataset import Dataset
from flawforge.data.levelling import through_jpeg
from flawforge.runs.set_files import ManifestEntry
from flawforge.studies.sets.synthetic_set import SyntheticSet

Channels = Literal["first", "all"]


@dataclass(frozen=True)
class MatchedImages:
    """Generated and training images as they are compared: as the network saw them while it trained.

    Attributes:
        training: the images that the run was trained on.
        synthetic: the generated ones.
        resolution: (height, width) of the network.
        network_channels: 1 or 3.
        channels: ``first`` compares one channel, ``all`` every one.
        quality: of the JPEG encoding that both sides pass, each image at its file's size, before they are reduced;
            None: none, and pixels that are equal stay so under every flip.
    """

    training: Dataset
    synthetic: SyntheticSet
    resolution: tuple[int, int]
    network_channels: int
    channels: Channels
    quality: int | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what is compared."""
        return (self.network_channels if self.channels == "all" else 1, *self.resolution)

    @property
    def dtype(self) -> type:
        """The pixels' type: uint8 or uint16."""
        return np.uint8 if self.training.bits == 8 else np.uint16

    @cached_property
    def entries(self) -> list[ManifestEntry]:
        """The generated images, in the manifest's order.

        Raises:
            RunBrokenError: the set has changed since it was opened.
        """
        entries = list(self.synthetic.entries())
        if len(entries) != len(self.synthetic):
            raise RunBrokenError(
                f"the synthetic set in {self.synthetic.folder} was changed while it was read. Run the same command "
                f"again."
            )
        return entries

    def real(self, index: int) -> Pixels:
        """Return a training image as it is compared, (C, H, W): exactly the pixels that training took."""
        return self._planes(self.seen(self.training.read(index)))

    def generated(self, index: int) -> Pixels:
        """Return a generated image as it is compared, (C, H, W)."""
        return self._planes(self.seen(self.read_generated(index)))

    def compared(self, pixels: Pixels) -> Pixels:
        """Return any image as it is compared, (C, H, W)."""
        return self._planes(self.seen(pixels))

    def gray_training(self, index: int) -> Floats32:
        """Return a training image as the network saw it, in gray levels 0..255: (H, W)."""
        return self.gray(self.training.read(index))

    def gray_generated(self, index: int) -> Floats32:
        """Return a generated image likewise."""
        return self.gray(self.read_generated(index))

    def gray(self, pixels: Pixels) -> Floats32:
        """Return any image likewise."""
        return self.levels(self.seen(pixels))

    def levels(self, pixels: Pixels) -> Floats32:
        """Return pixels of any size in gray levels 0..255: (H, W)."""
        return in_channels(pixels, 1).astype(np.float32) * np.float32(255 / self.training.white)

    def reproduced(self, index: int, flip: str, size: tuple[int, int]) -> Pixels:
        """Return how a generated file of (height, width) `size` would compare that repeats this training image."""
        image = flip_pixels(self.seen(self.training.read(index)), flip)
        return self._planes(self.seen(np.minimum(resize(image, *size), self.training.white).astype(image.dtype)))

    def seen(self, pixels: Pixels) -> Pixels:
        """Return an image at the network's size and channels: (H, W), or (H, W, 3) when it is in colour."""
        pixels = self.stored(pixels)
        return np.minimum(resize(pixels, *self.resolution), self.training.white).astype(pixels.dtype)

    def stored(self, pixels: Pixels) -> Pixels:
        """Return an image with the network's channels at its own size, encoded as all are."""
        if self.network_channels == 1:
            pixels = in_channels(pixels, 1)
        if self.quality is not None:
            pixels = through_jpeg(eight_bits(pixels, self.training.white), self.quality)
        return pixels

    @cached_property
    def own_size(self) -> bool:
        """Whether generated images hold detail at the size of their files, and not of the network: those do that are
        composed of real ones.
        """
        return any(entry.sources or entry.ground for entry in self.entries)

    def detailed(self, pixels: Pixels) -> Pixels:
        """Return an image at the size at which its details are compared: its own, or the network's."""
        return self.stored(pixels) if self.own_size else self.seen(pixels)

    def read_generated(self, index: int) -> Pixels:
        """Return a generated image at its own size, in the bits and white of the training images.

        Raises:
            RunBrokenError: its file is gone or damaged.
        """
        try:
            return self.synthetic.decoded(self.entries[index], self.training.bits)
        except ImageBrokenError as error:
            raise RunBrokenError(
                f"{error.file} {error.reason}: the synthetic set is no longer complete. Generate what is missing with "
                f"the same command: {self.synthetic.facts['command']}"
            ) from error

    def _planes(self, image: Pixels) -> Pixels:
        return np.broadcast_to(as_planes(image)[: self.shape[0]], self.shape)


def flip_pixels(image: Pixels, flip: str) -> Pixels:
    """Return (H, W) or (H, W, 3) pixels flipped; see `flawforge.metrics.neighbours.nearest`."""
    if flip in ("flip-vertical", "turn-180"):
        image = image[::-1]
    if flip in ("flip-horizontal", "turn-180"):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)
