"""A format that datasets are written in: what it is called, what it keeps, and the function that writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flawforge.data.writing.writing import Writing


@dataclass(frozen=True)
class ExportFormat:
    """A way of writing images and their labels.

    Attributes:
        name: the word after ``--format``.
        title: as people call it.
        arrangement: how the files lie, for the guide (Markdown).
        loses: what of class, boxes, masks and provenance it cannot hold, for the guide (Markdown).
        write: writes all pictures.
        places: it says of each defect where it is, and nothing else: an image whose defect has no box and no mask
            cannot be said in it.
    """

    name: str
    title: str
    arrangement: str
    loses: str
    write: Callable[[Writing], None]
    places: bool = False
