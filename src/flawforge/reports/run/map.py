"""The map of images by features on the page: a scatter for each class."""

from __future__ import annotations

from statistics import median

from flawforge.reports.charts.curves import Chart, Curve, Role
from flawforge.reports.words import number
from flawforge.runs.judged.maps import FeatureMap, MapPoint, PointKind

MOST_CLASSES = 8
KINDS: dict[PointKind, tuple[str, Role, bool]] = {  # name, colour, hollow
    "training": ("training", "real", False),
    "held-out": ("held-out", "real", True),
    "generated": ("generated", "generated", True),
}


def map_charts(found: FeatureMap) -> list[Chart]:
    """Return a scatter for each class with the most images, all on the same axes."""
    labels = [point.label for point in found.points]
    classes = sorted(set(labels), key=lambda label: (-labels.count(label), label))[:MOST_CLASSES]
    ranges = [_range([getattr(point, axis) for point in found.points]) for axis in ("x", "y")]
    words = [f"component {place + 1} ({share:.0%})" for place, share in enumerate(found.shares)]
    charts = []
    for place, label in enumerate(sorted(classes)):
        own = [point for point in found.points if point.label == label]
        curves = tuple(_dots(kind, [point for point in own if point.kind == kind]) for kind in KINDS)
        alt = f"Map of {label} by features. {_in_words(own)}"
        shown = tuple(curve for curve in curves if curve.x)
        charts.append(Chart(f"map-{place}", alt, words[0], words[1], shown, x_range=ranges[0], y_range=ranges[1]))
    return charts


def _dots(kind: PointKind, points: list[MapPoint]) -> Curve:
    name, role, hollow = KINDS[kind]
    xs, ys = tuple(point.x for point in points), tuple(point.y for point in points)
    return Curve(name, role, xs, ys, dots=True, dashed=hollow)


def _range(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _in_words(points: list[MapPoint]) -> str:
    """Return how near the images are to training images, in the medians of each kind."""
    told = []
    for kind, (name, _, _) in KINDS.items():
        distances = [point.distance for point in points if point.kind == kind and point.distance is not None]
        if distances:
            told.append(f"{name} {number(median(distances))}")
    return f"Median distance to the nearest other training image: {', '.join(told)}."
