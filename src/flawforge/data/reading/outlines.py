"""Outlines of the shapes that labelling tools have besides polygons: rings of x0, y0, x1, y1, ... in pixels."""

from __future__ import annotations

import math

CORNERS = 180  # of an ellipse; at a radius of 100 pixels it differs from the curve by less than 0.02


def ellipse(x: float, y: float, radius_x: float, radius_y: float, degrees: float = 0) -> tuple[float, ...]:
    """Return an ellipse about a centre, turned clockwise as seen on the image."""
    angles = [2 * math.pi * corner / CORNERS for corner in range(CORNERS)]
    offsets = [(radius_x * math.cos(angle), radius_y * math.sin(angle)) for angle in angles]
    return _placed(x, y, offsets, degrees)


def rectangle(left: float, top: float, right: float, bottom: float, degrees: float = 0) -> tuple[float, ...]:
    """Return a rectangle, turned about its centre, clockwise as seen on the image."""
    if not degrees:
        return (left, top, right, top, right, bottom, left, bottom)
    width, height = (right - left) / 2, (bottom - top) / 2
    offsets = [(-width, -height), (width, -height), (width, height), (-width, height)]
    return _placed((left + right) / 2, (top + bottom) / 2, offsets, degrees)


def bar(x0: float, y0: float, x1: float, y1: float, width: float) -> tuple[float, ...]:
    """Return a line of a width in pixels, without caps."""
    length = math.dist((x0, y0), (x1, y1))
    degrees = math.degrees(math.atan2(y1 - y0, x1 - x0))
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return rectangle(x - length / 2, y - width / 2, x + length / 2, y + width / 2, degrees)


def _placed(x: float, y: float, offsets: list[tuple[float, float]], degrees: float) -> tuple[float, ...]:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = ((x + right * cosine - down * sine, y + right * sine + down * cosine) for right, down in offsets)
    return tuple(value for corner in corners for value in corner)
