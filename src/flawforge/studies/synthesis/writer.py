"""Image files like the real ones, encoded and written by threads while the next images are generated."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from flawforge.core.arrays import Bools, Floats32
from flawforge.core.files import explain_os_errors, write_bytes
from flawforge.core.images import WHITES, ImageFormat, encode_png, resize, to_pixels
from flawforge.core.seeds import numpy_stream
from flawforge.runs.run_settings import TrainingImages
from flawforge.runs.set_files import MANIFEST, ManifestEntry
from flawforge.runs.versions import usable_cores


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


MOST_THREADS = 8


class Writer:
    """Encodes and writes files in threads (compression runs outside Python's lock); the manifest keeps the order.

    No more than `ahead` images wait at a time; `put` blocks while they do. A line enters the manifest when its file is
    whole. An error in a thread is raised by the next `put` or by leaving the ``with`` block.
    """

    def __init__(self, folder: Path, ahead: int, done: Callable[[], None], threads: int | None = None) -> None:
        """Write below `folder`, appending to its manifest; `done` is called after each line."""
        self.folder, self.ahead, self._done = folder, ahead, done
        self._waiting: deque[Future[ManifestEntry]] = deque()
        self._pool = ThreadPoolExecutor(threads or min(MOST_THREADS, usable_cores()), "flawforge-writer")
        with explain_os_errors(folder / MANIFEST):
            self._manifest = (folder / MANIFEST).open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Wait for all files, or after an error drop those that no thread has begun."""
        try:
            while self._waiting and kind is None:
                self._take()
        finally:
            self._pool.shutdown(cancel_futures=True)
            with explain_os_errors(self.folder / MANIFEST):
                self._manifest.close()

    def put(self, entry: ManifestEntry, encode: Callable[[], bytes], planes: Mapping[str, Bools] | None = None) -> None:
        """Hand over one image: `encode` gives the file's bytes, `entry` its line, without their SHA-256; `planes`,
        (H, W) bool by path below the folder, are written white on black.
        """
        while len(self._waiting) >= self.ahead:
            self._take()
        self._waiting.append(self._pool.submit(self._write, entry, encode, planes or {}))

    def _write(self, entry: ManifestEntry, encode: Callable[[], bytes], planes: Mapping[str, Bools]) -> ManifestEntry:
        data = encode()
        for path, plane in planes.items():  # before the image: where that is whole, so are these
            file = self.folder / path
            with explain_os_errors(file):
                file.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(file, encode_png(plane.astype(np.uint8) * np.uint8(255), "L"), durable=False)
        write_bytes(self.folder / entry.file, data, durable=False)
        return replace(entry, sha256=hashlib.sha256(data).hexdigest())

    def _take(self) -> None:
        entry = self._waiting.popleft().result()
        with explain_os_errors(self.folder / MANIFEST):
            self._manifest.write(entry.line())
            self._manifest.flush()
        self._done()
