"""The record of a study of detection: how small a defect an inspection finds reliably, class by class."""

from __future__ import annotations

from typing import Literal

from flawforge.runs.records import Record, RecordPart

POD_TABLE = "pod.csv"
FAR = 1.5  # times the largest that was placed: a size beyond is no finding


class PlacedFinding(RecordPart):
    """One placed defect.

    Attributes:
        size: longest extent of its mask in pixels. contrast: mean absolute difference to the light around it, in gray
            levels of 255. strength: of the real defect's contrast, that was asked for.
        found: whether the inspector called the image. score: what it said.
        down, right: of its middle, shares of the image.
        source, ground: files.
    """

    size: float
    contrast: float
    strength: float
    found: bool
    score: float
    down: float
    right: float
    source: str
    ground: str


class SharedRate(RecordPart):
    """A share with its 95% interval (Clopper & Pearson 1934) over specimens, each of which counts once.

    Attributes:
        count: images that were called. total: images. groups: specimens.
    """

    count: int
    total: int
    groups: int
    share: float
    low: float
    high: float


def size_in_words(size: float) -> str:
    """Return ``23``, or below ten pixels ``4.7``."""
    return f"{size:,.0f}" if size >= 10 else f"{size:.1f}"


class DetectionCurve(RecordPart):
    """The fitted curve: the chance of a hit is asymptote / (1 + exp(-(intercept + slope ln(size) + contrast_slope
    ln(contrast / reference)))).

    Attributes:
        contrast_slope: None where contrast was left out. contrast_p: of the test for it; None: not tested.
        asymptote_p: of the test for an asymptote below 1.
        a50, a90: sizes of which 50 and 90 of 100 are found, in pixels, at the reference contrast; None: there is none.
        a90_95: upper bound of a90 with 95% confidence, calibrated; None: none can be stated. a90_95_raw: by likelihood
            ratio alone, which covers less than it says.
        sizes, chances, low, high: the curve with its pointwise 90% band: `low` holds with 95% confidence.
    """

    intercept: float
    slope: float
    contrast_slope: float | None
    contrast_p: float | None
    asymptote: float
    asymptote_p: float
    a50: float | None
    a90: float | None
    a90_95: float | None
    a90_95_raw: float | None
    sizes: list[float]
    chances: list[float]
    low: list[float]
    high: list[float]


class RealCheck(RecordPart):
    """The curve beside real held-out defects of known size.

    Attributes:
        images: how many. found: of them, called. low, high: 95% interval of the share found.
        expected: by the curve; None: there is none. least, most: 95 of 100 times the curve lets find so many.
        holds: whether it does; None: there is no curve. beyond: sizes outside of those that were placed.
        sizes: in pixels. calls: whether each was called.
    """

    images: int
    found: int
    low: float
    high: float
    expected: float | None
    least: int | None
    most: int | None
    holds: bool | None
    beyond: int
    sizes: list[float]
    calls: list[bool]


class PlaceCount(RecordPart):
    """A cell of the map of places, 3 x 3: row and column from the top left."""

    row: int
    column: int
    count: int
    found: int
    expected: float
    blind: bool

    @property
    def in_words(self) -> str:
        """Where it is, and what was found there."""
        across = ("left", "middle", "right")[self.column]
        down = ("top", "middle", "bottom")[self.row]
        where = "in the middle" if across == down == "middle" else f"at the {down} {across}"
        return f"Blind {where}: {self.found} of {self.count} found, {self.expected:.1f} expected."


class GrownPicture(RecordPart):
    """One defect at one of its sizes: in pixels, whether it was found, what the inspector said, and the picture."""

    size: float
    found: bool
    score: float
    picture: str | None


class ClassDetection(RecordPart):
    """What was found of a class.

    Attributes:
        outcome: ``curve``; or why there is none: ``all hits``, ``no hits``, ``one size``, ``separated`` (every
            smaller one missed, every larger one found), ``falls`` (larger ones are not found more often), ``false
            calls`` (hits are no more frequent than they).
        sentence: in plain words. notes: what a reader must know, a sentence each.
        images, defects: training images and defects in them that were placed.
        reference: contrast that the sizes hold for: the median of the training defects, in gray levels.
        smallest, largest: sizes that were placed, in pixels.
        shown: size from which on nine of ten are shown to be found without a curve, by counting; None: none.
        curve: None where the outcome is another. real: None where there are no real held-out ones.
        places: the map. strip: one defect at growing size. placed: all placements.
    """

    label: str
    outcome: Literal["curve", "all hits", "no hits", "one size", "separated", "falls", "false calls"]
    sentence: str
    notes: list[str]
    images: int
    defects: int
    reference: float
    smallest: float
    largest: float
    found: int
    shown: float | None
    curve: DetectionCurve | None
    real: RealCheck | None
    places: list[PlaceCount]
    strip: list[GrownPicture]
    placed: list[PlacedFinding]

    def in_pixels(self, size: float | None) -> str:
        """Return a size of the curve as it is shown; one far beyond those that were placed is no finding."""
        if size is None:
            return "none"
        if size > FAR * self.largest:
            return f"over {size_in_words(self.largest)}"
        return f"{size:.1f}" if size >= self.smallest / FAR else f"under {size_in_words(self.smallest)}"


class PodRecord(Record):
    """How small a defect an inspection finds: probability of detection (MIL-HDBK-1823A).

    Attributes:
        inspector: as it was named. inspector_kind: what it is. rule: when an image counts as found.
        sentence: the outcome of the first class, in plain words.
        classes: class by class.
        grounds: good images that defects were put on. specimens: that they show.
        false_calls: of the grounds as they are; None where the inspector knows no good images.
        seed: of all draws.
        notes: what a reader must know, a sentence each.
    """

    kind: Literal["pod"] = "pod"
    inspector: str
    inspector_kind: str
    rule: str
    sentence: str
    classes: list[ClassDetection]
    grounds: int
    specimens: int
    false_calls: SharedRate | None
    seed: int
    notes: list[str]
