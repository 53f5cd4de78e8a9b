"""The score's record: do the generated images look real, and is all that is real there?"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from flawforge.runs.records import Record

Better = Literal["lower", "higher", "near 1"]


class Part(BaseModel):
    """Base of the parts of a record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Number(Part):
    """One measured number with what it rests on. None is "not measured", never 0.

    Attributes:
        value: the number.
        low: lower end of its 95 % interval.
        high: upper end.
        n: images (of the set that is judged) in each estimate.
        groups: independent groups that the interval rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    groups: int


class Quantity(Part):
    """One quantity, beside its scales.

    Attributes:
        name: ``kid``, ``fid``, ``precision``, ``recall``, ``density``, ``coverage``, ``spectrum``, ``histogram``.
        unit: ``dB``, ``gray levels of 255``, ``share``, or empty.
        better: which way is better.
        generated: generated images against the reference.
        real: real images of other groups in their place: the scale.
        classical: classical transforms of training images in their place.
        outside: whether the generated value lies beyond nearly all real ones (97.5 %) on the worse side; None: not
            measured.
    """

    name: str
    unit: str
    better: Better
    generated: Number
    real: Number
    classical: Number
    outside: bool | None


class Infinite(Part):
    """The Fréchet distance freed of its bias by extrapolation (Chong & Forsyth 2020).

    Attributes:
        value: at infinitely many images.
        error: its standard error from the scatter around the line: a lower bound.
        at_full: at all images.
        bias: ``at_full - value``.
        n_reference: real images. n: images of the other set.
        trusted: whether the smallest subset has more images than features; below, terms that the line lacks bend it.
    """

    value: float
    error: float
    at_full: float
    bias: float
    n_reference: int
    n: int
    trusted: bool


class ClassScore(Part):
    """One class. `kid` and `coverage` as in `Quantity`; `why` says why nothing was measured, or is empty."""

    label: str
    n_generated: int
    n_reference: int
    groups: int
    kid: Quantity
    coverage: Quantity
    why: str


class Confusion(Part):
    """The class of the nearest real image.

    Attributes:
        columns: real classes.
        rows: generated class to counts over the columns.
        real_rows: real class to counts over the columns: its images against real ones of other groups.
    """

    columns: list[str]
    rows: dict[str, list[int]]
    real_rows: dict[str, list[int]]


class Spectra(Part):
    """Mean radial power spectra.

    Attributes:
        frequencies: of the rings, cycles per pixel.
        real: mean over the reference, dB.
        low, high: 2.5 % and 97.5 % of the means of random halves of the reference, dB.
        generated, classical: means, dB.
        fine: how much more fine structure (upper half of the rings) generated images have than real ones, dB.
    """

    frequencies: list[float]
    real: list[float]
    low: list[float]
    high: list[float]
    generated: list[float]
    classical: list[float]
    fine: float


class Levels(Part):
    """Gray levels in 64 steps of 4, shares that sum to 1; `brighter`: generated minus real, gray levels of 255."""

    real: list[float]
    generated: list[float]
    brighter: float


class Realism(Part):
    """One generated image's realism score (Kynkäänniemi et al. 2019, equation 4).

    Attributes:
        file: below the set's folder.
        label: its class.
        score: 1 is the rim of the real images' support, more is deeper; None where it is a real image itself.
        picture: PNG of it as it was scored, below the run folder, or None.
    """

    file: str
    label: str
    score: float | None
    picture: str | None = None


class ScoreRecord(Record):
    """Do the generated images look real, and are they all alike?

    Attributes:
        extractor: name of the features; the numbers are comparable within one extractor only.
        against: ``held-out`` real images that training did not see, ``given`` by the user, or the ``training`` images.
        resolution: (height, width) at which images are compared: the network's.
        n_generated: images of the set; n_used: of them compared, in the classes' real proportions.
        n_training: training images. n_reference: real images compared with, in `groups` groups.
        halves: random halves of the reference that the scales come from; half: images of each.
        quantities: the numbers; empty when there is too little to measure (`why`).
        why: why nothing was measured, or empty.
        notes: what a reader must know to read the numbers, a sentence each.
        exact_copies: generated images that equal a training image in every compared pixel, mirrored ones too.
        sentence: the outcome in one plain sentence.
    """

    kind: Literal["score"] = "score"
    extractor: str
    width: int
    against: Literal["held-out", "given", "training"]
    resolution: tuple[int, int]
    n_generated: int
    n_used: int
    n_training: int
    n_reference: int
    groups: int
    halves: int
    half: int
    seed: int
    quantities: list[Quantity]
    infinite: Infinite | None
    infinite_real: Infinite | None
    classes: list[ClassScore]
    confusion: Confusion | None
    spectra: Spectra | None
    levels: Levels | None
    best: list[Realism]
    worst: list[Realism]
    exact_copies: int
    why: str
    notes: list[str]
    sentence: str
