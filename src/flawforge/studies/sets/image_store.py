"""Images of one size, more of them than memory may hold."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flawforge.core.files import explain_os_errors
from flawforge.core.images import Pixels
from flawforge.core.progress import Progress
from flawforge.data.threads import told_in_threads


class ImageStore:
    """Images (C, H, W) of one type: in memory, or beyond `memory` bytes in a scratch file that no kill leaves behind.

    Every image is decoded once, however often the blocks are read.

    Attributes:
        shape: (C, H, W).
    """

    def __init__(self, count: int, shape: tuple[int, int, int], dtype: type, memory: float, scratch: Path) -> None:
        """Make room for `count` images; `scratch` is the folder for a file, if one is needed."""
        self.count, self.shape, self.dtype = count, shape, np.dtype(dtype)
        self.image_bytes = math.prod(shape) * self.dtype.itemsize
        self.scratch = scratch
        self._file: IO[bytes] | None = None
        self._array: NDArray[np.unsignedinteger] | None = None
        if count * self.image_bytes <= memory:
            self._array = np.empty((count, *shape), dtype=self.dtype)
        else:
            with explain_os_errors(scratch):
                scratch.mkdir(parents=True, exist_ok=True)
                self._file = tempfile.TemporaryFile(dir=scratch, buffering=0)  # noqa: SIM115  closed by __exit__

    def __len__(self) -> int:
        """Return the number of images."""
        return self.count

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """Give the memory or the file back."""
        self._array = None
        if self._file is not None:
            self._file.close()

    def fill(self, read: Callable[[int], Pixels], title: str, progress: Progress) -> Self:
        """Take in `read(i)`, (C, H, W), for every i; a few files are decoded at a time."""
        for index, image in enumerate(told_in_threads(read, range(self.count), progress, title)):
            if self._array is not None:
                self._array[index] = image
            elif self._file is not None:
                with explain_os_errors(self.scratch):
                    self._file.write(np.ascontiguousarray(image, dtype=self.dtype).tobytes())
        return self

    def block(self, start: int, stop: int) -> Tensor:
        """Return images `start` to `stop` (outside): (n, C, H, W), uint8, or float32, which holds 16 bits exactly."""
        if self._array is not None:
            pixels = self._array[start:stop]
        else:
            assert self._file is not None
            self._file.seek(start * self.image_bytes)
            data = self._file.read((min(stop, self.count) - start) * self.image_bytes)
            pixels = np.ndarray((len(data) // self.image_bytes, *self.shape), self.dtype, bytearray(data))
        return torch.from_numpy(pixels if self.dtype == np.uint8 else pixels.astype(np.float32))

    def blocks(self, rows: int) -> Iterator[Tensor]:
        """Return all images in order, `rows` at a time."""
        for start in range(0, self.count, rows):
            yield self.block(start, start + rows)
