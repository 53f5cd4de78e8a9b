"""What a user decides about how a folder is read, where its files leave it open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ReadingChoices:
    """The choices; a run and a trial record them, so that their images are found again.

    Attributes:
        unmarked: what an image is in which the labels mark nothing: ``good``, or ``unlabelled`` (left out of all that
            uses labels). None: what is usual in the format of the labels.
        classes_from: ``names`` takes the class from the file's name (``scratches_12.jpg``). None: from labels, else
            from folders.
        invert_masks: masks are black on the defect.
        tiles: side in pixels of the overlapping squares that each image is cut into; None: images stay whole.
    """

    unmarked: Literal["good", "unlabelled"] | None = None
    classes_from: Literal["names"] | None = None
    invert_masks: bool = False
    tiles: int | None = None


AS_USUAL = ReadingChoices()
