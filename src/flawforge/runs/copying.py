"""What an audit's record says of copies, of the set's diversity, and of the set as a whole."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Alignment(BaseModel):
    """The training image that a generated one agrees with best, laid onto it.

    Attributes:
        file: path of the training image below the dataset's root.
        score: copy score: 0 for unlike images, 0.3 and more for copies.
        rank_p: share of real images that score as high against other material, by rank; never below 1 / (groups + 1).
        p: the same beyond the rank's reach, by a fitted tail.
        copied: whether the image is called a copy, at the record's false-alarm rate for the whole set.
        symmetry: how the training image lies: ``identity``, ``flip-horizontal``, ``turn-90``, ...
        tilt: degrees, 0 to 45, that it is turned beside that.
        negative: whether the generated image shows its negative.
        scale: its size as the generated image shows it; above 1 it was enlarged.
        shift: (right, down) of its middle, in percent of the image's sides.
        matrix: six numbers (a, b, c, d, e, f): the place (x, y) of the generated image, -1 to 1 over its sides, shows
            the training image at (a x + b y + c, d x + e y + f).
        picture: PNG of it as aligned, below the run folder, or None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class Copying(BaseModel):
    """The calibrated search for copies.

    Attributes:
        verdict: ``copies found (n of N)``, ``no evidence of copying (could have found p % or more)``, ``too few images
            to tell``, or ``cannot tell on images like these`` where planted copies are not found.
        found: images called copies.
        alarm_rate: chance that an honest set is said to hold any copy, at most.
        threshold: lowest score that is called a copy where it is the only one; None when no score would be.
        image_threshold: score that an honest image exceeds with probability 0.01; None when that cannot be stated.
        real: scores of real images against training images of other groups: the scale.
        generated: scores of the generated images, in the manifest's order.
        groups: groups of material that the scale rests on.
        set_aside: real images left out of the scale, because they plainly show the same material as one of another
            group.
        planted: disguised copies of training images that were scored as a check of the audit itself.
        recovered: of them, called copies.
        detectable: share of copies that would have been noticed with 95 % probability; None when none would.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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


class Diversity(BaseModel):
    """Are the generated images different from each other?

    Attributes:
        looked_at: generated images that were compared with each other.
        repeats: of them, nearer to another generated one than all but 1 % of real images are to another group's.
        clusters: groups of generated images that such nearness chains together; an image alone is one.
        largest: images in the largest cluster.
        vendi: effective number of different images among `vendi_n` generated ones.
        vendi_real: the same for as many training images; None with fewer than 10.
        vendi_n: images that both Vendi scores rest on.
        sentence: the outcome in plain words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    looked_at: int
    repeats: int | None
    clusters: int | None
    largest: int | None
    vendi: float | None
    vendi_real: float | None
    vendi_n: int
    sentence: str


class SetTest(BaseModel):
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

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    effect: float | None
    expected: float | None
    p: float | None
    adjusted: float | None = None
    note: str
