"""The study of detection on the page: curve with hits and misses, the map of places, one defect at growing size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flawforge.reports.charts.curves import Chart, Curve
from flawforge.reports.pictures import embed_files
from flawforge.runs.detection.record import FAR, ClassDetection, PodRecord

STRIP_SIDE = 160  # pixels of a picture's longest side that the page keeps
FOUND, MISSED = 104, -4  # percent at which hits and misses are drawn


def shown_detection(folder: Path, record: PodRecord | None) -> dict[str, Any]:
    """Return the charts of each class by its name, and the pictures by the path in the record."""
    if record is None:
        return {}
    wanted = [picture.picture for one in record.classes for picture in one.strip]
    charts = {one.label: (_curve_chart(one, at), _place_chart(one, at)) for at, one in enumerate(record.classes)}
    return {"detection_charts": charts, "strip_pictures": embed_files(folder, wanted, STRIP_SIDE)}


def _curve_chart(one: ClassDetection, number: int) -> Chart:
    """Return the curve with its band, the placements above and below it, and real held-out defects as rings."""
    hits = tuple(placed.size for placed in one.placed if placed.found)
    misses = tuple(placed.size for placed in one.placed if not placed.found)
    curves = [
        Curve("placed: found", "generated", hits, (FOUND,) * len(hits), dots=True),
        Curve("missed", "ink", misses, (MISSED,) * len(misses), dots=True),
    ]
    if one.real is not None:
        heights = tuple(float(FOUND - 6 if call else MISSED + 6) for call in one.real.calls)
        curves.append(Curve("real ones", "real", tuple(one.real.sizes), heights, dots=True, dashed=True))
    marks: list[tuple[float, str]] = []
    if one.curve is not None:
        x, low, high, chances = one.curve.sizes, one.curve.low, one.curve.high, one.curve.chances
        band = tuple(x), tuple(100 * p for p in low), tuple(100 * p for p in high)
        curves.insert(0, Curve("", "generated", tuple(x), tuple(100 * p for p in chances), raw=band))
        named = ((one.curve.a90, "a90"), (one.curve.a90_95, "a90/95"))
        marks = [(size, name) for size, name in named if size is not None and size <= FAR * one.largest]
    return Chart(
        f"detection-{number}",
        f"Defects of {one.label} by size: {one.found} of {len(one.placed)} placed ones were found. {one.sentence}",
        "longest extent, pixels",
        "found, %",
        tuple(curves),
        tuple(marks),
        (90, ""),
        y_range=(-10, 122),
        x_log=True,
    )


def _place_chart(one: ClassDetection, number: int) -> Chart:
    """Return where in the image placed defects were found and missed."""
    curves = []
    for name, role, found in (("found", "generated", True), ("missed", "ink", False)):
        middles = [(placed.right, placed.down) for placed in one.placed if placed.found is found]
        x, y = tuple(100 * right for right, _ in middles), tuple(100 - 100 * down for _, down in middles)
        curves.append(Curve(name, role, x, y, dots=True, dashed=not found))  # type: ignore[arg-type]
    blind = " ".join(place.in_words for place in one.places if place.blind) or "No part of the image is blind."
    return Chart(
        f"places-{number}",
        f"Where defects of {one.label} were found and missed. {blind}",
        "across the image, % from the left",
        "up the image, % from below",
        tuple(curves),
        x_range=(0, 100),
        y_range=(0, 100),
    )
