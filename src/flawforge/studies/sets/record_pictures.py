"""The pictures that a record shows, in a folder beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from flawforge.core.files import explain_os_errors, remove_parts, write_bytes
from flawforge.core.images import Pixels, encode_png, to_pixels, to_unit


class RecordPictures:
    """Writes the pictures of one record. They are named by their content, so that those of an older record stay valid
    until `remove_others`.
    """

    def __init__(self, root: Path, below: str, white: int = 255) -> None:
        """Write into the folder `below` a run's or a trial's; `white` is the pixel value of white."""
        self.folder, self.below, self.white, self._names = root / below, below, white, set[str]()
        with explain_os_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_parts(self.folder)

    def keep(self, image: Pixels) -> str:
        """Write an image, (H, W) or (H, W, 3), as an 8-bit PNG, and return its path below the root."""
        eight: Pixels = image if image.dtype == np.uint8 else to_pixels(to_unit(image, self.white))
        data = encode_png(np.ascontiguousarray(eight), "L" if eight.ndim == 2 else "RGB")
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.png"
        write_bytes(self.folder / name, data, durable=False)
        self._names.add(name)
        return f"{self.below}/{name}"

    def remove_others(self) -> None:
        """Remove pictures that were not kept by this object: those of an older record."""
        for path in self.folder.glob("*.png"):
            if path.name not in self._names:
                path.unlink(missing_ok=True)
