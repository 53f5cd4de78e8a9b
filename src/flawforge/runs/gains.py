"""Parts of a trial's record: gains with their intervals, in all, class by class and image by image.

All values are shares (0.031 is 3.1 points). None is "not measured", never 0.
"""

from __future__ import annotations

from typing import Literal

from flawforge.core.settings.arms import ArmName
from flawforge.runs.records import RecordPart

Word = Literal["helps", "no evidence", "hurts"]


class Estimate(RecordPart):
    """A number with its interval; `level` is the interval's confidence, 0.95 unless an early stop made it wider."""

    value: float | None
    low: float | None
    high: float | None
    level: float = 0.95

    def within(self, least: float, most: float) -> Estimate:
        """Return it as it is to be shown: the interval's ends cut to what is possible, the value left as it is."""
        if self.value is None or self.low is None or self.high is None:
            return self
        low, high = min(self.value, max(self.low, least)), max(self.value, min(self.high, most))
        return self.model_copy(update={"low": low, "high": high})


class ClassGain(RecordPart):
    """One class of a comparison; `why` says why nothing was measured, or is empty. `p` is corrected over classes and
    comparisons.
    """

    label: str
    gain: Estimate
    p: float | None
    word: Word
    detectable: float | None
    images: int
    groups: int
    why: str = ""


class Rival(RecordPart):
    """Another arm without generated images that the arm must beat too, before "helps" is said."""

    arm: ArmName
    gain: Estimate
    p: float


class Flip(RecordPart):
    """A test image that changed between wrong and right.

    Attributes:
        file: below the dataset's root. label: its true class.
        before, after: the class told without and with generated images, most often of the seeds in which it changed.
        gained, lost: seeds in which it turned right, and wrong; of `seeds`.
        picture: PNG of it, below the trial folder, or None.
    """

    file: str
    label: str
    before: str
    after: str
    gained: int
    lost: int
    seeds: int
    picture: str | None = None


class Comparison(RecordPart):
    """An arm with generated images against the control.

    Attributes:
        shots, model: where.
        arm: with generated images. control: the best arm without, chosen inside the training images.
        primary: whether the verdict counts it: the way of using generated images that was chosen inside. The others
            are shown and decide nothing.
        chosen: what the inner choice advised: an arm, or None for "use no generated images here".
        seeds: that both arms have. differences: arm minus control for each.
        gain: their mean and its interval over seeds and test groups.
        effect: mean over standard deviation of the differences, corrected for few seeds (Hedges); None: no spread.
        p: two-sided, of the gain's t over seeds and groups. p_corrected: Holm over all primary comparisons.
        p_permutation: two-sided, over sign flips of the seeds' differences; p_least: the least that so few seeds allow.
        error_removed: share of the control's error that is gone.
        detectable: gain that would have been found 9 times in 10; None: not even one of 100 points. Above what the
            control leaves it is none that there can be, and is not told.
        rivals: the other arms without generated images. "helps" asks for a gain over each.
        word: helps, no evidence, hurts. why: in half a sentence, what it rests on.
        classes: the same class by class.
        gained, lost: changed images over all seeds. flips: the most constant of them.
    """

    shots: int
    model: str
    arm: ArmName
    control: ArmName
    primary: bool
    chosen: ArmName | None
    seeds: list[int]
    differences: list[float]
    gain: Estimate
    effect: float | None
    p: float | None
    p_corrected: float | None
    p_permutation: float | None
    p_least: float | None
    error_removed: Estimate
    detectable: float | None
    rivals: list[Rival]
    word: Word
    why: str
    classes: list[ClassGain]
    gained: int
    lost: int
    flips: list[Flip]


class Worth(RecordPart):
    """How many real images a class the generated ones were worth.

    Attributes:
        images: more real images a class that would have done as much; None when the control's curve does not reach so
            far (`beyond` says on which side), or it is not rising.
        low, high: 95 % interval; None where an end lies beyond the curve.
        beyond: ``more`` than the curve's last number of shots, ``less`` than its first, or empty.
        sentence: in words.
    """

    shots: int
    model: str
    arm: ArmName
    images: float | None
    low: float | None
    high: float | None
    beyond: Literal["", "more", "less"]
    sentence: str


class Look(RecordPart):
    """One look of the early stopping: at `seeds` of the planned ones, a p at or below `level` decides, with 0 none."""

    seeds: int
    planned: int
    level: float
    decided: list[str]
    stopped: bool
