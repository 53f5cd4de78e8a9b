"""The files that generated images get: mode, bit depth and size like the real ones."""

from __future__ import annotations

import numpy as np

from flawforge.core.arrays import Floats32
from flawforge.core.images import WHITES, ImageFormat, encode_png, resize, to_pixels
from flawforge.core.seeds import numpy_stream
from flawforge.runs.run_settings import TrainingImages


class FileFormats:
    """Draws each image's container from those of the real images of its class, as often as they occur.

    Attributes:
        white: pixel value of white in 16-bit files.
    """

    def __init__(self, data: TrainingImages, compression: int) -> None:
        """Take what run.json says of the training images, and zlib's level for the files."""
        self.white = data.deep_white or (data.white if data.white != 255 else WHITES[-1])
        self.compression = compression
        self._counted: dict[str, dict[ImageFormat, int]] = {}
        self._all: dict[ImageFormat, int] = {}
        for stored in data.formats:
            form = ImageFormat(stored.mode, stored.width, stored.height)
            own = self._counted.setdefault(stored.label, {})
            own[form] = own.get(form, 0) + stored.count
            self._all[form] = self._all.get(form, 0) + stored.count

    def draw(self, seed: int, label: str, index: int) -> ImageFormat:
        """Return the container of image `index` of a class: a function of (seed, class, index) and the real ones."""
        counted = self._counted.get(label, self._all)
        forms = sorted(counted)
        if len(forms) == 1:
            return forms[0]
        sums = np.cumsum([counted[form] for form in forms])
        place = int(numpy_stream(seed, "sizes", label, index).integers(sums[-1]))
        return forms[int(np.searchsorted(sums, place, side="right"))]

    def encode(self, image: Floats32, form: ImageFormat) -> bytes:
        """Return the PNG file of one image (C, H, W) in [-1, 1], resized from the network's size to the container's."""
        white = self.white if form.mode == "I;16" else 255
        pixels = to_pixels(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)), white)
        pixels = np.minimum(resize(pixels, form.height, form.width), white).astype(pixels.dtype)
        return encode_png(pixels, form.mode, compression=self.compression)
