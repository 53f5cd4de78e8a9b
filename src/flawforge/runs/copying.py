"""What an audit's record says of copies, of the set's diversity, and of the set as a whole."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Alignment(BaseModel):
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


class Share(BaseModel):
    """A count of images with the 95% interval of the share behind it (Wilson 1927), which holds at 0 and at 1 too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int
    total: int
    low: float
    high: float

    @classmethod
    def of(cls, count: int | None, total: int) -> Share | None:
        """Return `count` of `total` images with the interval; None where nothing was measured."""
        if count is None or total == 0:
            return None
        from scipy.stats import binomtest

        low, high = binomtest(count, total).proportion_ci(method="wilson")
        return cls(count=count, total=total, low=float(low), high=float(high))


class Copying(BaseModel):
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
        generated: scores of the generated images, in the manifest's order.
        groups: groups that the reference scores rest on.
        set_aside: real images without a reference score, because they plainly show the same specimen as one of another
            group.
        planted: altered copies of training images that were scored as a test of the audit itself.
        recovered: of them, flagged.
        detectable: share of copies that would have been detected with 95% probability; None when none would.
        called: `found` of the generated images, with its interval; computed where an older record is read.
        above: generated images at or above `image_threshold`, likewise.
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
    called: Share | None = Field(default_factory=lambda data: Share.of(data["found"], len(data["generated"])))
    above: Share | None = Field(default_factory=lambda data: _above(data["image_threshold"], data["generated"]))


def _above(threshold: float | None, generated: list[float]) -> Share | None:
    return Share.of(None if threshold is None else sum(score >= threshold for score in generated), len(generated))


class Diversity(BaseModel):
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

    model_config = ConfigDict(frozen=True, extra="forbid")

    looked_at: int
    repeats: int | None = None
    clusters: int | None = None
    largest: int | None = None
    vendi: float | None = None
    vendi_real: float | None = None
    vendi_n: int = 0
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
    effect: float | None = None
    expected: float | None = None
    p: float | None = None
    adjusted: float | None = None
    note: str
