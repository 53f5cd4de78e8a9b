"""The record of an audit: distances, alignments, copied patches, and what follows for the set."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from flawforge.runs.records import Levelling, Record, RecordPart, Share


class Alignment(RecordPart):
    """The training image that a generated one agrees with best, laid onto it.

    Attributes:
        file: path of the training image below the dataset's root.
        score: copy score: 0 for unlike images, 0.3 and more for copies.
        rank_p: share of real images that score as high against other groups, by rank; never below 1 / (groups + 1).
        p: the same beyond the rank's reach, by a fitted tail.
        copied: whether the image is flagged as a copy, at the record's false-alarm rate for the whole set.
        symmetry: how the training image lies: ``identity``, ``flip-horizontal``, ``turn-90``, ...
        tilt: degrees, 0 to 45, that it is turned beside that.
        negative: whether the generated image shows its negative.
        scale: its size as the generated image shows it; above 1 it was enlarged.
        shift: (right, down) of its middle, in percent of the image's sides.
        matrix: six numbers (a, b, c, d, e, f): the point (x, y) of the generated image, -1 to 1 over its sides, shows
            the training image at (a x + b y + c, d x + e y + f).
        picture: PNG of it as aligned, below the run folder, or None.
    """

    file: str
    score: float
    rank_p: float
    p: float
    copied: bool
    symmetry: str
    tilt: float = 0.0
    negative: bool = False
    scale: float
    shift: tuple[float, float]
    matrix: list[float]
    picture: str | None = None


class Copying(RecordPart):
    """The calibrated search for copies.

    Attributes:
        verdict: ``copies found (n of N)``, ``no copying detected``, ``too few images to tell``, or ``inconclusive``
            where most planted copies are missed. In records of older versions ``no evidence of copying (...)`` and
            ``cannot tell on images like these``.
        found: images flagged as copies.
        alarm_rate: chance that any image is flagged in a set without copies, at most.
        threshold: lowest score that is flagged where it is the only one; None when no score would be.
        image_threshold: score that an image which is no copy exceeds with probability 0.01; None when that cannot be
            stated.
        real: reference scores: of real images against training images of other groups.
        generated: scores of the generated images that were looked at, in the manifest's order: all, or of a large set
            those that are likest a training image; for patches, a random choice.
        groups: groups that the reference scores rest on.
        set_aside: real images without a reference score, because they plainly show the same specimen as one of another
            group.
        planted: altered copies of training images that were scored as a test of the audit itself.
        recovered: of them, flagged.
        detectable: share of copies that would have been detected with 95% probability; None when none would.
        of: generated images that `found` speaks of; None: as many as have a score.
        called: `found` of the generated images, with its interval; computed where an older record is read.
        above: generated images at or above `image_threshold`, likewise.
    """

    verdict: str
    found: int
    alarm_rate: float
    threshold: float | None
    image_threshold: float | None
    real: list[float]
    generated: list[float]
    groups: int
    set_aside: int = 0
    planted: int
    recovered: int
    detectable: float | None
    of: int | None = None
    called: Share | None = Field(default_factory=lambda data: Share.of(data["found"], _spoken_of(data)))
    above: Share | None = Field(default_factory=lambda data: _above(data))


def _above(data: dict[str, Any]) -> Share | None:
    threshold = data["image_threshold"]
    if threshold is None:
        return Share.of(None, _spoken_of(data))
    return Share.of(sum(score >= threshold for score in data["generated"]), _spoken_of(data))


def _spoken_of(data: dict[str, Any]) -> int:
    return len(data["generated"]) if data["of"] is None else int(data["of"])


class CopiedPatch(RecordPart):
    """The part of a generated image that repeats a part of a training image best.

    Attributes:
        file: path of the training image below the dataset's root.
        score: Fisher z of the agreement within the part: about 0.1 for unlike images, 0.5 and more for copies.
        p: chance of such a score without copying, by a fitted tail.
        copied: whether it is flagged, at the record's false-alarm rate for the whole set, in an image that is no copy
            as a whole.
        symmetry: how the part lies: ``identity``, ``flip-horizontal``, ``turn-90``, ...
        box: of the part in the generated image: left, top, width and height in percent of its sides.
        source: of the part in the training image, likewise.
        picture: PNG of the generated image at the size at which details are compared, below the run folder, or None.
        source_picture: of the training image, likewise.
    """

    file: str
    score: float
    p: float
    copied: bool
    symmetry: str
    box: tuple[float, float, float, float]
    source: tuple[float, float, float, float]
    picture: str | None = None
    source_picture: str | None = None


class CopiedDefect(RecordPart):
    """A generated image whose defect is one of a training image that it does not declare, in another place.

    Attributes:
        file: of the generated image. source: of the training image.
        score: Fisher z of the agreement of the two defects. p: chance of such a score without copying.
        symmetry: how the defect lies: ``identity``, ``flip-horizontal``, ...
        box: window about it in the generated image: left, top, width and height in percent of its sides.
        source_box: window about it in the training image, likewise.
        picture: PNG of the generated image, below the run folder, or None; `source_picture`: of the training image.
        window: PNG of the window about it in the generated image, likewise; `source_window`: of that in the training
            image, turned as it lies in the generated one.
    """

    file: str
    source: str
    score: float
    p: float
    symmetry: str
    box: tuple[float, float, float, float] = (0, 0, 0, 0)
    source_box: tuple[float, float, float, float] = (0, 0, 0, 0)
    picture: str | None = None
    source_picture: str | None = None
    window: str | None = None
    source_window: str | None = None


class Diversity(RecordPart):
    """Are the generated images different from each other?

    Attributes:
        looked_at: generated images that were compared with each other.
        repeats: of them, near-duplicates: nearer to another generated one than half the distance that all but 1% of
            real images have to one of another group. None where it is not measured, and so are the others.
        clusters: groups of generated images that such nearness chains together; an image alone is one.
        largest: images in the largest cluster.
        vendi: effective number of different images among `vendi_n` generated ones.
        vendi_real: the same for as many training images.
        vendi_n: images that both Vendi scores rest on.
        sentence: the outcome in plain words.
    """

    looked_at: int
    repeats: int | None = None
    clusters: int | None = None
    largest: int | None = None
    vendi: float | None = None
    vendi_real: float | None = None
    vendi_n: int = 0
    sentence: str


class SetTest(RecordPart):
    """One test of the whole set.

    Attributes:
        name: ``C_T``, ``authenticity``, ``DCR share``, ``FID triangle``, ``calibrated distance``.
        effect: its statistic; None when not measured.
        expected: the value without copying; None when there is none.
        p: chance of one so extreme without copying; None when not measured.
        adjusted: the same, corrected for all the tests that were done (Holm): the chance that any of them is so extreme
            without copying is no larger. None when not measured, and in records of older versions.
        note: what it means, or why it was not measured.
    """

    name: str
    effect: float | None = None
    expected: float | None = None
    p: float | None = None
    adjusted: float | None = None
    note: str


class Neighbour(RecordPart):
    """One training image near to a generated one.

    Attributes:
        file: path below the dataset's root.
        distance: Euclidean, over the compared channels at the compared size, values in [-1, 1].
        transform: what was done to the training image: ``identity``, ``flip-horizontal``, ``flip-vertical``,
            ``turn-180``.
        picture: PNG of it as compared, below the run folder, or None when no picture was kept.
    """

    file: str
    distance: float
    transform: str
    picture: str | None = None


class Pair(RecordPart):
    """A generated image and its nearest training images, nearest first; `likeness` is the best alignment, and `patch`
    the part that repeats a training image best, if known.
    """

    file: str
    neighbours: list[Neighbour]
    picture: str | None = None
    likeness: Alignment | None = None
    patch: CopiedPatch | None = None


class Distances(RecordPart):
    """Distances to the nearest image of a set, one for each image of another.

    Attributes:
        nearest: Euclidean distances, values in [-1, 1].
        quantiles: of `nearest`, by name: ``min``, ``5%``, ``25%``, ``50%``, ``75%``, ``95%``, ``max``.
    """

    nearest: list[float]
    quantiles: dict[str, float]


class AuditRecord(Record):
    """Are the generated images copies? Pixel distances beside those between real images, and a calibrated verdict.

    Attributes:
        k: neighbours ranked per generated image.
        channels: ``first`` (as published) or ``all``.
        resolution: (height, width) at which images were compared: the one that the network was trained at.
        transforms: what training did to real images, over which the minimum was taken.
        generated_to_real: each generated image to its nearest training image, over `transforms`.
        real_to_real: each training image to the nearest one of another group, over `transforms`. None when the data
            have one group only.
        exact_copies: generated images that equal a training image (under a transform) in every compared pixel.
        nearer_than_real: generated images nearer to a training image than any two real images of different groups are.
            None without `real_to_real`.
        root_mean_square: factor that turns a distance into root-mean-square gray levels of 255.
        pairs: every generated image with its neighbours, the nearest pair first; pictures for the first ones.
        sentence: the outcome in plain words.
        copying: the calibrated search for altered copies; None in records of older versions.
        patches: the calibrated search for copied patches; `found` are images that are no copies as a whole. None where
            images are too small for it, and in records of older versions.
        defects: the calibrated search for training defects on other grounds, by their masks; None where generated or
            training images have no masks, and in records of older versions.
        copied_defects: the images that it flags, the clearest first.
        diversity: whether the generated images differ among themselves.
        tests: tests of the set as a whole.
        notes: which held-out images they compare with, or why there are none, a sentence each.
        chosen_by_hand: how a person changed the set, in half a sentence; empty where nobody did.
        composed: generated images that declare of which training images they are composed.
        levelling: how real and generated images were brought to one form; None in records of older versions.
        knows_training: whether it is known that training saw the images that are compared with.
        exact: `exact_copies` of the generated images, with its interval; computed where an older record is read.
        nearer: `nearer_than_real`, likewise.
    """

    kind: Literal["audit"] = "audit"
    k: int
    channels: Literal["first", "all"]
    resolution: tuple[int, int]
    transforms: list[str]
    n_generated: int
    n_training: int
    n_groups: int
    generated_to_real: Distances
    real_to_real: Distances | None
    exact_copies: int
    nearer_than_real: int | None
    root_mean_square: float
    pairs: list[Pair]
    sentence: str
    copying: Copying | None = None
    patches: Copying | None = None
    defects: Copying | None = None
    copied_defects: list[CopiedDefect] = Field(default_factory=list)
    diversity: Diversity | None = None
    tests: list[SetTest] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    chosen_by_hand: str = ""
    composed: int = 0
    levelling: Levelling | None = None
    knows_training: bool = True
    exact: Share | None = Field(default_factory=lambda data: Share.of(data["exact_copies"], data["n_generated"]))
    nearer: Share | None = Field(default_factory=lambda data: Share.of(data["nearer_than_real"], data["n_generated"]))
