"""What goes out: an image, its class, its defects one by one, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from flawforge.core.arrays import Bools
from flawforge.core.safe_names import safe_name
from flawforge.data.writing.patches import Patch

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class Instance:
    """One defect in an image.

    Attributes:
        label: its class.
        box: (left, top, right, bottom) in whole pixels, right and bottom outside.
        patch: its pixels; None where only a box is known.
    """

    label: str
    box: tuple[int, int, int, int]
    patch: Patch | None = None


@dataclass(frozen=True)
class ExportedImage:
    """One image to write.

    Attributes:
        name: of its files, without ending: different for each image, safe on any file system, without dots and blanks.
        ending: ``.png`` or ``.jpg``.
        label: its class.
        good: it shows no defect.
        width: in pixels.
        height: likewise.
        channels: 1 for gray, 3 for colour.
        origin: where it comes from, for manifests: ``origin`` is ``real`` or ``synthetic``, with what belongs to it.
        data: gives the bytes of its file.
        instances: gives its defects; drawn anew at each call, so that no masks are kept.
        marked: the classes of what is marked in it.
        part: of the split.
    """

    name: str
    ending: str
    label: str
    good: bool
    width: int
    height: int
    channels: int
    origin: dict[str, Any]
    data: Callable[[], bytes]
    instances: Callable[[], tuple[Instance, ...]] = tuple
    marked: frozenset[str] = frozenset()
    part: Part = "train"

    @property
    def file(self) -> str:
        """The name of its image file, without folders."""
        return self.name + self.ending

    @property
    def folder(self) -> str:
        """The name of a folder for its class."""
        return safe_name(self.label)

    def mask(self) -> Bools | None:
        """Return (H, W) bool, True on all of its defects; None where no pixels of them are known."""
        patches = [instance.patch for instance in self.instances() if instance.patch is not None]
        if not patches:
            return None
        mask = np.zeros((self.height, self.width), dtype=bool)
        for patch in patches:
            patch.draw_on(mask)
        return mask
