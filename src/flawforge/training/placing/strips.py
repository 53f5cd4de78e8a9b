"""The strips of a run's previews: one defect at several strengths, and one at several places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flawforge.core.arrays import Bools
from flawforge.core.images import Pixels, grid, opaque, to_pixels, within_square
from flawforge.core.seeds import numpy_stream
from flawforge.runs.folder import STRIPS_SHEET, Run
from flawforge.training.placing.engine import Engine, PlacedImage

STRENGTHS = (0.5, 0.75, 1.0, 1.5)
SIDE, GAP = 160, 4  # pixels of a picture, and between two
AROUND = 1.6  # side of the window about a defect, in sides of the defect
LEAST = 48  # pixels of that window, at least


def draw_strips(run: Run, engines: Sequence[Engine], seed: int) -> None:
    """Draw ``previews/strengths.png``: two rows a class, one defect at `STRENGTHS`, and one at as many places.

    Args:
        run: whose previews.
        engines: of each class shown; their `strength` is 1 afterwards, that of the places.
        seed: of the defects.
    """
    cells: list[Pixels] = []
    for engine in engines:
        engine.strength = 1.0
        strips, places = _at_strengths(engine, seed), _at_places(engine, seed)
        cells += strips + places + [np.zeros_like(strips[0])] * (len(STRENGTHS) - len(places))
    if not cells:
        return
    run.save_sheet(STRIPS_SHEET, grid(cells, len(STRENGTHS), gap=GAP, background=0))


def _at_strengths(engine: Engine, seed: int) -> list[Pixels]:
    """Return the part about one defect at each strength: all else is drawn alike."""
    made, usual = list[PlacedImage](), engine.strength
    for strength in STRENGTHS:
        engine.strength = strength
        made.append(engine.image(numpy_stream(seed, "previews", "strengths", engine.label)))
    engine.strength = usual
    window = _window(made[0].placed.support)
    return [_cell(one, window) for one in made]


def _at_places(engine: Engine, seed: int) -> list[Pixels]:
    """Return whole images with one defect; fewer where it has no further place."""
    made = engine.places(numpy_stream(seed, "previews", "places", engine.label), len(STRENGTHS))
    return [_cell(one) for one in made]


def _window(support: Bools) -> tuple[slice, slice]:
    """Return a square about what changes, inside the image."""
    rows, columns = np.flatnonzero(support.any(1)), np.flatnonzero(support.any(0))
    longest = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    side = min(max(LEAST, round(AROUND * longest)), *support.shape)
    starts = [
        int(np.clip((line[0] + line[-1] + 1 - side) // 2, 0, whole - side))
        for line, whole in zip((rows, columns), support.shape, strict=True)
    ]
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def _cell(made: PlacedImage, window: tuple[slice, slice] = (slice(None), slice(None))) -> Pixels:
    """Return (`SIDE`, `SIDE`, 2 or 4): a part of an image with its opacity, none beside it."""
    shown = opaque(within_square(to_pixels(2 * made.placed.pixels[window] - 1), SIDE))
    before = [(SIDE - side) // 2 for side in shown.shape[:2]]
    rest = [(one, SIDE - side - one) for one, side in zip(before, shown.shape[:2], strict=True)]
    return np.pad(shown, (*rest, (0, 0)))
