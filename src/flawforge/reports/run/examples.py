"""Some placed images of the set beside their grounds, with what is marked in them as layers that can be shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from flawforge.core.errors import RunBrokenError
from flawforge.reports.pictures import Picture, embed, evenly_by_class, read_picture, shrink
from flawforge.runs.folder import Run
from flawforge.runs.set_files import FACTS, ManifestEntry, SetFiles, read_facts

SHOWN = 4  # images
LONGEST = 640  # pixels of the longest side that the page keeps
COLOUR = (255, 176, 0)  # of outline and tint, seen on gray
EDGE = (0, 0, 0)  # beside the outline, so that it is seen on light images too
TINTED = 110  # of 255, how much of the tint covers


@dataclass(frozen=True)
class PlacedExample:
    """A placed image.

    Attributes:
        label: its class.
        file: below the set's folder.
        picture: of it.
        ground: the image that the defect was put on; None: it was not kept.
        outline: see-through picture of the mask's outline, which lies outside the mask; `tint`: of the mask.
        boxes: (left, top, width, height) in percent of the image.
        strength: of the defect; None: it is not known.
        scale: embedded pixels per pixel of the file.
    """

    label: str
    file: str
    picture: Picture
    ground: Picture | None
    outline: Picture
    tint: Picture
    boxes: list[tuple[float, float, float, float]]
    strength: float | None
    scale: float


def placed_examples(run: Run, white: int = 255) -> list[PlacedExample]:
    """Return up to 4 images of a run's set, evenly drawn over the classes; of those whose ground was kept, if any.

    Args:
        run: of a recipe that places.
        white: the data's, for 16-bit files.
    """
    try:
        facts = read_facts(run.synthetic) if (run.synthetic / FACTS).is_file() else {}
        if not facts.get("complete") or "n" not in facts:
            return []
        entries = [entry for entry in SetFiles.look(run.synthetic, facts).entries() if entry.ground and entry.mask]
    except RunBrokenError:  # the page says so elsewhere
        return []
    kept = {path.stem for path in run.grounds.glob("*.png")} if run.grounds.is_dir() else set()
    known = [entry for entry in entries if entry.ground_sha256 in kept] or entries
    chosen = evenly_by_class([(entry.label, entry) for entry in known], SHOWN)
    return [shown for _, entry in chosen if (shown := _example(run, entry, white)) is not None]


def _example(run: Run, entry: ManifestEntry, white: int) -> PlacedExample | None:
    image, mask = (read_picture(run.synthetic, entry.file, white), read_picture(run.synthetic, entry.mask))
    if image is None or mask is None or image.size != mask.size:
        return None
    scale = min(1.0, LONGEST / max(image.size))
    ground = read_picture(run.grounds, f"{entry.ground_sha256}.png") if entry.ground_sha256 else None
    if ground is not None and ground.size != image.size:
        ground = None
    pictures = embed([shrink(one, scale) for one in (image, ground) if one is not None])[0]
    outline, tint = embed(_layers(shrink(mask.convert("L"), scale)))[0]
    width, height = image.size
    boxes = [
        (100 * left / width, 100 * top / height, 100 * (right - left) / width, 100 * (bottom - top) / height)
        for _, left, top, right, bottom, _ in entry.boxes
    ]
    strength = entry.placed.get("strength")
    return PlacedExample(
        entry.label,
        entry.file,
        pictures[0],
        pictures[1] if ground is not None else None,
        outline,
        tint,
        boxes,
        float(strength) if isinstance(strength, int | float) else None,
        scale,
    )


def _layers(mask: Image.Image) -> list[Image.Image]:
    """Return the outline of a mask, with a dark line outside it, and its tint: RGBA."""
    marked, line, edge = (
        np.asarray(one) > 127 for one in (mask, *(mask.filter(ImageFilter.MaxFilter(side)) for side in (3, 5)))
    )
    outline, tint = np.zeros((*marked.shape, 4), np.uint8), np.zeros((*marked.shape, 4), np.uint8)
    outline[edge & ~marked] = (*EDGE, 255)
    outline[line & ~marked] = (*COLOUR, 255)
    tint[marked] = (*COLOUR, TINTED)
    return [Image.fromarray(outline), Image.fromarray(tint)]
