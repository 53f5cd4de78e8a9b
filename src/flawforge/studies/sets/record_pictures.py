"""The pictures that a record shows, in a folder beside it."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from flawforge.core.files import explain_os_errors, remove_parts, write_bytes
from flawforge.core.images import Pixels, encode_png, to_pixels, to_unit
from flawforge.runs.folder import Run


class RecordPictures:
    """Writes the pictures of one record. They are named by their content, so that those of an older record stay valid
    until `remove_others`.
    """

    def __init__(self, run: Run, kind: str, white: int) -> None:
        """Write below ``records/KIND``; `white` is the pixel value of white."""
        self.folder, self.white, self._names = run.records / kind, white, set[str]()
        with explain_os_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_parts(self.folder)

    def keep(self, image: Pixels) -> str:
        """Write an image, (H, W) or (H, W, 3), as an 8-bit PNG, and return its path below the run folder."""
        eight: NDArray[np.unsignedinteger] = image if image.dtype == np.uint8 else to_pixels(to_unit(image, self.white))
        data = encode_png(eight, "L" if eight.ndim == 2 else "RGB")
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.png"
        write_bytes(self.folder / name, data, durable=False)
        self._names.add(name)
        return f"{self.folder.parent.name}/{self.folder.name}/{name}"

    def remove_others(self) -> None:
        """Remove pictures that were not kept by this object: those of an older record."""
        for path in self.folder.glob("*.png"):
            if path.name not in self._names:
                path.unlink(missing_ok=True)
