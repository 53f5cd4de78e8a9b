"""What was seen through the latents: images between images, and what the generator cannot show of real ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flawforge.core.errors import RunBrokenError
from flawforge.core.files import list_files
from flawforge.reports.pictures import Picture, embed, read_picture
from flawforge.runs.folder import Run
from flawforge.runs.generator.projections import (
    DIRECTIONS,
    INTERPOLATION,
    PROJECTION_FILE,
    PROJECTION_PICTURE,
    PROJECTIONS,
    ProjectionRecord,
)
from flawforge.runs.records import read_record

SHOWN = 8  # projections on the page


@dataclass(frozen=True)
class SeenThroughLatents:
    """The section.

    Attributes:
        between: the grid, or None. along: that along directions, or None.
        projections: what was found of real images, each with its picture or None.
        more: projections that are not shown.
    """

    between: Picture | None
    along: Picture | None
    projections: list[tuple[ProjectionRecord, Picture | None]]
    more: int


def seen_through_latents(run: Run) -> SeenThroughLatents | None:
    """Return the section, or None where nothing was looked at. A damaged projection is left out."""
    found = []
    for folder in list_files(run.path / PROJECTIONS, "*"):
        record = _record(folder)
        if record is not None:
            found.append((record, _embedded(folder, PROJECTION_PICTURE)))
    between, along = _embedded(run.path, INTERPOLATION), _embedded(run.path, DIRECTIONS)
    if between is None and along is None and not found:
        return None
    return SeenThroughLatents(between, along, found[:SHOWN], max(0, len(found) - SHOWN))


def _record(folder: Path) -> ProjectionRecord | None:
    if not (folder / PROJECTION_FILE).is_file():
        return None
    try:
        return read_record(folder / PROJECTION_FILE, ProjectionRecord, "", "")
    except RunBrokenError:
        return None


def _embedded(folder: Path, name: str) -> Picture | None:
    image = read_picture(folder, name)
    return None if image is None else embed([image])[0][0]
