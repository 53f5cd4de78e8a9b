"""The score's record: do the generated images look real, and is all that is real there?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flawforge.runs.records import Levelling, Record, RecordPart

Better = Literal["lower", "higher", "near 1"]
EARLIER_LABELS = {
    "kid": "Kernel distance (KID)",
    "fid": "Fréchet distance (FID)",
    "spectrum": "Power spectrum",
    "histogram": "Gray-level histogram",
}
"""Of quantities whose label was not in the record yet, where it is not the name itself."""


class Number(RecordPart):
    """One measured number with what it rests on. None is "not measured", never 0.

    Attributes:
        value: the number.
        low: lower end of its 95% interval.
        high: upper end.
        n: images of the compared set in each estimate.
        groups: independent groups that the interval rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    groups: int


class UsualDistances(RecordPart):
    """The distances by their usual conventions, over all images at once, to set beside what other tools say.

    They depend on the feature network (`ScoreRecord.extractor`), and the Fréchet distance on the number of images.

    Attributes:
        fid: Fréchet distance, with the covariances of n - 1 (Heusel et al. 2017).
        kid: kernel distance, unbiased, polynomial kernel of degree 3 (Bińkowski et al. 2018); not times 1,000.
        n_reference: real images.
        n: generated images.
    """

    fid: float
    kid: float
    n_reference: int
    n: int


class MeasuredQuantity(RecordPart):
    """One quantity, beside its scales.

    Attributes:
        name: ``kid``, ``fid``, ``coverage``, ``recall``, ``precision``, ``density``, ``spectrum``, ``histogram``, ...
        label: what a person calls it; empty in records of earlier versions, where `title` serves.
        unit: ``dB``, ``gray levels`` (of 255), ``share``, ... or empty.
        better: which way is better.
        meaning: what it says, as half a sentence; empty in records of earlier versions.
        generated: generated images against the reference.
        real: real images of other groups in their place: the scale.
        classical: classical transforms of training images in their place.
        outside: whether the generated value lies beyond nearly all real ones (97.5%) on the worse side; None: not
            measured.
    """

    name: str
    label: str = ""
    unit: str
    better: Better
    meaning: str = ""
    generated: Number
    real: Number
    classical: Number
    outside: bool | None

    @property
    def title(self) -> str:
        """What a person calls it, in any record."""
        return self.label or EARLIER_LABELS.get(self.name, self.name.capitalize())


class Finding(RecordPart):
    """In what generated images are worse than nearly all real ones.

    Attributes:
        text: what it is.
        generated: the generated images' number, with its unit.
        real: that of an equal number of real images.
    """

    text: str
    generated: str
    real: str


class Infinite(RecordPart):
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


class ClassScore(RecordPart):
    """One class. `kid` and `coverage` as in `MeasuredQuantity`; `why` says why nothing was measured, or is empty."""

    label: str
    n_generated: int
    n_reference: int
    groups: int
    kid: MeasuredQuantity
    coverage: MeasuredQuantity
    why: str


class BeyondCopies(RecordPart):
    """One class's new coverage: the share of its held-out images that a set reaches and changed copies of the training
    images do not, 0 to 1.

    Attributes:
        label: the class.
        n: generated images, and copies of each of two draws.
        n_reference: held-out images of the class, in `groups` groups.
        generated: the generated images' share.
        again: that of a second draw of copies: what chance brings.
        real: that of other real images, half of the held-out ones judged by the other half: the most to hope for.
        above: `generated` minus `again`, with the interval of the paired difference.
        kid: kernel distance of the generated images to the held-out ones; kid_copies: of the copies; kid_ratio: one
            over the other. None: not measured (see `distance`), or the copies are at no distance.
        why: why nothing was measured, or empty.
    """

    label: str
    n: int
    n_reference: int
    groups: int
    generated: Number
    again: Number
    real: Number
    above: Number
    kid: float | None = None
    kid_copies: float | None = None
    kid_ratio: float | None = None
    why: str = ""

    @property
    def distance(self) -> str:
        """The ratio in words; where there is none, or it means nothing, the reason. A distance below 0 is chance."""
        if self.kid is None or self.kid_copies is None:
            return "not measured"
        if self.kid_ratio is None:
            return "copies at no distance"
        return f"{self.kid_ratio:.2f}" if self.kid_ratio >= 0 else "at no distance"


class Confusion(RecordPart):
    """The class of the nearest real image.

    Attributes:
        columns: real classes.
        rows: generated class to counts over the columns.
        real_rows: real class to counts over the columns: its images against real ones of other groups.
    """

    columns: list[str]
    rows: dict[str, list[int]]
    real_rows: dict[str, list[int]]


class MeanSpectra(RecordPart):
    """Mean radial power spectra.

    Attributes:
        frequencies: of the rings, cycles per pixel.
        real: mean over the reference, dB.
        low, high: 2.5% and 97.5% of the means of random halves of the reference, dB.
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


class Levels(RecordPart):
    """Gray levels in 64 steps of 4, shares that sum to 1; `brighter`: generated minus real, gray levels of 255."""

    real: list[float]
    generated: list[float]
    brighter: float


class RatedImage(RecordPart):
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


class BlindImage(RecordPart):
    """An image for a person to judge: PNG of it below the run folder, and whether it is real."""

    picture: str
    real: bool


class Artefacts(RecordPart):
    """Faults that real images do not have.

    Attributes:
        repeating: generated images that repeat a part of themselves as all but 1% of real ones do not.
        repeat_limit: the score that says so (Fisher z of the agreement of two parts of an image).
        repeat_scores: of the generated images.
        repeats_found: whether these are too many to be chance (0.5%).
        seam: where a straight break runs that real images do not have, in words; empty: none was found.
        seam_p: chance of one so conspicuous without a seam; None: too few images.
    """

    repeating: int
    repeat_limit: float | None
    repeat_scores: list[float]
    repeats_found: bool
    seam: str
    seam_p: float | None


class FullSize(Artefacts):
    """Images compared at the size of their files, and artefacts in them.

    Attributes:
        side: pixels of a patch.
        n_generated: images that were compared. n_reference: real ones.
        quantities: ``patch_kid``, ``patch_spectrum``, ``patch_histogram`` and ``classifier_auc``, each beside real
            against real.
        sentence: the outcome in plain English.
        blind: images for the blind test, in the order in which they are shown; empty where no pictures were kept.
    """

    side: int
    n_generated: int
    n_reference: int
    quantities: list[MeasuredQuantity]
    sentence: str
    blind: list[BlindImage] = Field([])


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
        findings: in what the generated images are worse than nearly all real ones, the foremost (which the sentence
            names) first; empty in records of earlier versions.
        beyond: class by class what the images reach of held-out ones that changed copies of the training images do not;
            empty without held-out images, and in records of earlier versions.
        beyond_sentence: the outcome of that over all classes; empty where nothing was measured.
        full_size: the comparison at full size; None where images are too few or too small, and in records of earlier
            versions.
        why: why nothing was measured, or empty.
        notes: what a reader must know to read the numbers, a sentence each.
        levelling: how real and generated images were brought to one form; None in records of older versions.
        exact_copies: generated images that equal a training image in every compared pixel, mirrored ones too.
        held_out_copies: generated images that equal a held-out image in every compared pixel; 0 in records of earlier
            versions.
        chosen_by_hand: how a person changed the set, in half a sentence; empty where nobody did.
        sentence: the outcome in plain English.
    """

    kind: Literal["score"] = "score"
    extractor: str
    width: int
    against: Literal["held-out", "given", "training", "unknown"]
    resolution: tuple[int, int]
    n_generated: int
    n_used: int
    n_training: int
    n_reference: int
    groups: int
    halves: int = 0
    half: int = 0
    seed: int
    quantities: list[MeasuredQuantity] = Field([])
    findings: list[Finding] = Field([])
    usual: UsualDistances | None = None
    infinite: Infinite | None = None
    infinite_real: Infinite | None = None
    classes: list[ClassScore] = Field([])
    beyond: list[BeyondCopies] = Field([])
    beyond_sentence: str = ""
    full_size: FullSize | None = None
    confusion: Confusion | None = None
    spectra: MeanSpectra | None = None
    levels: Levels | None = None
    best: list[RatedImage] = Field([])
    worst: list[RatedImage] = Field([])
    exact_copies: int
    held_out_copies: int = 0
    why: str
    notes: list[str]
    chosen_by_hand: str = ""
    levelling: Levelling | None = None
    sentence: str
