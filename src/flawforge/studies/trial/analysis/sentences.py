"""The sentences of a verdict and its advice, each a function of numbers: what was measured, and no more."""

from __future__ import annotations

from collections.abc import Sequence

from flawforge.metrics.inference.equivalent_images import Equivalent
from flawforge.runs.estimates import Estimate, gain_points, percent_with_interval, points
from flawforge.runs.trial_words import kind, of_classes, training_images
from flawforge.runs.trials import Word

POWER = "90% power"
ALPHA = "the trial's false-positive allowance (alpha) is used up"
TOO_EARLY = "Too early for a verdict"
NONE_COUNTS = "None of the arms in this trial counts for the verdict."
NOTHING_GENERATED = "This trial has no arm with generated images, so it has no verdict on them."
COMPOSE = "flawforge train DATA --recipe compose --out RUN"
BEST_WITHOUT = "best without new images"
AS_CUTMIX = (
    "All classes have equally many training images, so the arm pasted-on-plentiful is CutMix here, made in advance."
)
FOR_COMPARISON = "shown for comparison; it was not selected for the verdict beforehand, so it decides nothing"
USE_THEM = "Use the generated images with the selected strategy. Check the results per class first."
START = {"helps": "{} images helped", "hurts": "{} images hurt", "no evidence": "No evidence of a benefit"}


def at(shots: int, model: str, rare: Sequence[str] = ()) -> str:
    """Return ``at 5 images per class (small-cnn)``; with rare classes ``at 5 images of dent (small-cnn)``."""
    images = training_images(shots, rare)
    return f"{'at' if images[0].isdigit() else 'with'} {images} ({model})"


def trial_verdict(word: Word, where: str, metric: str, gain: Estimate, arm: str = "generated") -> str:
    """Return the outcome of one comparison; `where` is as of `at`."""
    return f"{START[word].format(kind(arm).capitalize())} {where}: {metric} {gain_points(gain)}."


def chosen_by_hand(arm: str, how: str) -> str:
    """Return what a verdict on images that a person chose by eye is about; `how` is of the set, in half a sentence."""
    return f"The images of {arm} were chosen by hand: {how}. This holds for that choice, not for what the tool makes."


def remains(arm: str, where: str, control: str, gain: Estimate) -> str:
    """Return what is left of an arm's gain over the arm without new images that comes nearest to it."""
    return f"Of {arm} {where}, {gain_points(gain)} remain over {control}, the best arm without new images in this test."


def compose_instead(where: str, arm: str, gain: Estimate) -> str:
    """Return the advice where composing is as good as a generator; `gain` is the generator's over `compose`."""
    return (
        f"Compose instead of training a generator {where}: {COMPOSE} takes seconds, and {arm} changed the result by "
        f"{gain_points(gain)} over compose."
    )


def use_composed() -> str:
    """Return the advice after composed images helped."""
    return f"Use composed images: {COMPOSE}. Check the results per class first."


def power(detectable: float | None, room: float, control: str) -> str:
    """Return what gain could have been detected; `room` is what the control leaves to gain, both are shares."""
    if detectable is not None and detectable <= room:
        return f"The trial had {POWER} to detect a gain of {points(detectable)} points."
    largest = f"the largest possible gain, {points(room)} points over {control}"
    return f"The trial did not have {POWER} to detect even {largest}."


def not_favoured(where: str = "") -> str:
    """Return that the inner choice advises no generated images; `where` is as of `at`, or empty for everywhere."""
    return f"Cross-validation on the training images did not favour generated images{where and ' '}{where}."


def if_used(gains: Sequence[tuple[str, str, Estimate]], start: str = "If used anyway") -> str:
    """Return the gains of comparisons that decide nothing, each of (arm, where, gain)."""
    shown = "; ".join(f"{gain_points(gain)} {where} with arm {arm}" for arm, where, gain in gains)
    return f"{start}: {shown}."


def best_is_not_generated(arm: str, gain: Estimate, where: str) -> str:
    """Return the outcome where an arm without a generator is the best; `gain` is over classical."""
    by = gain_points(gain).removeprefix("+")
    return f"Best {where}: nothing generated, {arm}. It beat classical by {by}."


def without_new_images(arm: str, gain: Estimate | None, where: str, chosen: bool) -> str:
    """Return which arm generated images must beat; `gain` is over classical, None where nothing was measured.

    `chosen`: by cross-validation on the training images; else it was fixed beforehand.
    """
    over = "" if gain is None else f": {gain_points(gain)} over classical"
    return f"The {BEST_WITHOUT} {where} is {arm}{'' if chosen else ', fixed in advance'}{over}."


def over_classical(gains: Sequence[tuple[str, Estimate]], where: str) -> str:
    """Return the gains over classical of arms without a generator, each of (arm, gain)."""
    return f"Over classical {where}: {'; '.join(f'{arm} {gain_points(gain)}' for arm, gain in gains)}."


def too_early(least: int, where: str = "") -> str:
    """Return that repeats are missing; `where` is as of `at`, or empty for everywhere."""
    return f"{TOO_EARLY}{where and ' '}{where}: it takes {least} complete repeats."


def reason(word: Word, control: str, gain: tuple[float, float], rivals: dict[str, float]) -> str:
    """Return in half a sentence what the word of a comparison that counts rests on.

    Args:
        word: of the comparison.
        control: the arm that it is compared with.
        gain: ends of the 95% interval of the gain over the control.
        rivals: lower end of the 95% interval of the gain over each other arm without generated images.
    """
    best = f"{control}, the {BEST_WITHOUT}"
    if word == "helps":
        return f"a gain over {best}{', and over ' if rivals else ''}{', '.join(rivals)}"
    if word == "hurts":
        return f"a loss against {best}"
    unbeaten = [arm for arm, low in rivals.items() if low <= 0]
    if gain[0] > 0 and unbeaten:
        return f"a gain over {control}, but no certain gain over {', '.join(unbeaten)}"
    if gain[0] > 0 or gain[1] < 0:
        return "significant alone, but not after correction for several comparisons or for an early interim analysis"
    return f"the confidence interval of the difference to {control} contains 0"


def few_specimens(groups: int, least: int) -> str:
    """Return in half a sentence why nothing is measured of a class."""
    return f"the test set has {groups} specimens of it; {least} are needed"


def equivalence(
    shots: int, model: str, arm: str, control: str, found: Equivalent, ends: tuple[int, int], rare: Sequence[str] = ()
) -> str:
    """Return how many more real images would have done as much; `ends` are of the control's learning curve."""
    each = of_classes(rare)
    start = f"With {shots} real images {each} ({model}), {arm}"
    if found.beyond == "more":
        return (
            f"{start} beat {control} with {ends[1]}, the largest number tested. The generated images are worth more "
            f"than {ends[1] - shots} real images {each}; the learning curve does not show how many more."
        )
    if found.beyond == "less" or found.images is None:
        return f"{start} did worse than {control} with {ends[0]} real images {each}, the smallest number tested."
    low = f"less than {ends[0] - shots}" if found.low is None else f"{found.low:z.0f}"
    high = f"more than {ends[1] - shots}" if found.high is None else f"{found.high:z.0f}"
    kind = "more" if found.images >= 0 else "fewer"
    return (
        f"{start} did as well as {control} would with about {abs(found.images):.0f} {kind} real images {each} "
        f"(95% CI {low} to {high})."
    )


def needs_no_generator(arm: str, gain: Estimate, where: str) -> str:
    """Return the advice to take an arm without generated images that beats the classical one."""
    by = gain_points(gain).removeprefix("+")
    return f"Try this first, it needs no generator: {arm} beat classical by {by} {where}."


def best_model(
    where: str, arm: str, metric: str, reached: Estimate, others: Sequence[tuple[str, str, Estimate]]
) -> str:
    """Return which model and arm did best, and by how much; `where` is as of `at`, `others` (model, arm, gain)."""
    over = "; ".join(f"{gain_points(gain)} over {model} ({rival})" for model, rival, gain in others)
    return f"Best {where}: arm {arm}, {metric} {percent_with_interval(reached)}{over and ', '}{over}."


def collect_good(gain: Estimate, where: str) -> str:
    """Return the advice where a network that saw good images alone is as good as one that saw defects too."""
    return (
        f"Collect good images, no defect is needed: one-class, which sees good images alone, was at least as good as "
        f"classical {where}: {gain_points(gain)}."
    )


def use_none(where: str, arm: str = "generated") -> str:
    """Return the advice after a loss."""
    return f"Do not use {kind(arm)} images {where}."


def lowers_class(label: str, where: str, task: str, arm: str = "generated") -> str:
    """Return the advice for a class that loses."""
    numbers = {"type": "recall", "good": "AUROC against good images", "locate": "pixel average precision"}
    number = numbers[task]
    return f"Do not add {kind(arm)} images for class {label}: they lower its {number} {where}."


def loss_so_far(where: str, arm: str = "generated") -> str:
    """Return the advice where the difference is below 0 but not certain."""
    return f"Do not use {kind(arm)} images {where} until more is known: the measured difference is a loss."


def too_small(where: str, wanted: float, arm: str = "generated") -> str:
    """Return the advice where any gain is smaller than the smallest one of interest."""
    return f"Do not use {kind(arm)} images {where}: any gain there is below {points(wanted)} points."


def no_better_than(arm: str, gain: Estimate, where: str, new: str = "generated") -> str:
    """Return the advice where an arm without a generator does as well."""
    return (
        f"Prefer {arm} {where}, it needs no generator: over {arm}, {kind(new)} images changed the result by "
        f"{gain_points(gain)}."
    )


def more_repeats(repeats: int, gain: float, where: str, ended: bool) -> str:
    """Return how many repeats would detect a gain; `ended`: only in a new trial."""
    text = f"About {repeats} repeats would have {POWER} to detect a gain of {points(gain)} points {where}."
    spent = "the false-positive allowance (alpha) of this one is used up"
    return f"{text} Run them as a new trial (another --out and --seed): {spent}." if ended else text


def more_specimens(repeats: int, least: float | None, where: str) -> str:
    """Return that only more test specimens help; `least` is the gain that so many repeats would detect."""
    limit = "any gain" if least is None else f"a gain below {points(least)} points"
    return (
        f"Add test specimens to learn more {where}: on the present test set even {repeats} repeats would not have "
        f"{POWER} to detect {limit}."
    )


def photograph(labels: Sequence[str], least: int) -> str:
    """Return which classes have too few test specimens."""
    return f"Photograph more specimens of {', '.join(labels)}: the test set has fewer than {least} of each."


def hint(arm: str, control: str, gain: Estimate, where: str) -> str:
    """Return what to make of a gain that decides nothing."""
    return (
        f"{arm} beat {control} {where} by {gain_points(gain).removeprefix('+')}, but was not selected for the verdict "
        f"beforehand. Treat this as a hint, not as evidence."
    )


def extended(repeats: int) -> str:
    """Return the note of a trial that was extended after its plan was done."""
    return (
        f"This trial was extended after its planned end at {repeats} repeats: {ALPHA}; more repeats narrow the "
        f"intervals but cannot change the verdict. A verdict that was given stays while the new repeats agree with it."
    )


def nothing_left(repeats: int) -> str:
    """Return the line of a plan whose trial had its verdict already."""
    return (
        f"This trial had its verdict at {repeats} repeats: {ALPHA}; more repeats narrow the intervals but cannot "
        f"change the verdict. For a new verdict, start a new trial (another --out and --seed)."
    )


def shortened(shown: int, planned: int) -> str:
    """Return the note of a plan that was cut after results had been shown."""
    return (
        f"The plan was cut from {shown} to {planned} repeats after results had been shown. The significance level is "
        f"still that of a plan of {shown}: a trial that is stopped when it looks good would be wrong more often."
    )


def changed(before: int, planned: int, analysed: int) -> str:
    """Return the note of a plan that was changed after interim analyses."""
    return (
        f"The plan was changed from {before} to {planned} repeats after an interim analysis at {analysed}. Later "
        f"analyses used only the part of the false-positive allowance (alpha) that was left."
    )
