"""A map of real and generated images by features, which the score leaves beside its record."""

from __future__ import annotations

from typing import Literal

from flawforge.runs.records import Record, RecordPart

MAP_FILE = "map.json"  # in the folder of records
PointKind = Literal["training", "held-out", "generated"]


class MapPoint(RecordPart):
    """One image on the map.

    Attributes:
        kind: of image. label: its class. file: below its folder.
        x, y: where it lies.
        nearest: file of the nearest training image, itself not counted; empty: there is no other.
        distance: to that, in all features, where the median of held-out images (else of training images among
            themselves) is 1.
    """

    kind: PointKind
    label: str
    file: str
    x: float
    y: float
    nearest: str = ""
    distance: float | None = None


class FeatureMap(Record):
    """The map: the first two principal components of the real images' features, and all images placed on them.

    The real images alone decide where a place is, so maps of two sets of one run have the same places.

    Attributes:
        extractor: of the features. shares: of the real images' variance along both axes.
        points: at most `MOST` (see `flawforge.studies.realism.feature_map`) of a kind.
        left_out: images of each kind that are not on the map.
    """

    kind: Literal["map"] = "map"
    extractor: str
    shares: tuple[float, float]
    points: list[MapPoint]
    left_out: dict[PointKind, int]
