"""The inner choices, from the shots alone: how batches are drawn where classes have unlike numbers of images, and how
to use new images, generated or composed, and whether at all.

The shots are cut into folds by group. For each fold a generator of its own saw the other folds only, so that no image
that a strategy is judged by was seen. Every strategy is trained in a part of the steps beside the classical arm, and
both are judged on the fold by the logarithm of the probability of the true class.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import special

from flawforge.core.arrays import Bools, Floats, Floats32, Ints
from flawforge.core.seeds import derive
from flawforge.core.settings.arms import ARMS, ArmName, needs_composing
from flawforge.core.settings.trials import TrialSettings
from flawforge.studies.trial.cells.arm_training import ArmTraining
from flawforge.studies.trial.cells.composing import ComposedUsage, choose_for, composed_usages, rare_classes
from flawforge.studies.trial.cells.generator import DEFAULT_USAGE, USAGES, GeneratedBatch, Usage
from flawforge.studies.trial.cells.inner_evidence import Criterion, inner_folds
from flawforge.studies.trial.cells.material import CHANGED_SHARE
from flawforge.studies.trial.cells.sampling import TRAININGS, USUAL_SAMPLING, Sampling, SamplingChoice, variants
from flawforge.studies.trial.setup.bench import Bench
from flawforge.training.classifier.fit import FROZEN

SHARE_OF_STEPS = 0.5  # of the trial's steps, times `choice_length`
CLEAR = 1.0  # standard errors by which a strategy must beat the classical arm inside


class InnerChoice(BaseModel):
    """What was chosen for all repeats inside the shots of one.

    Attributes:
        usage: the strategy of using generated images that is best on all folds.
        composing: the strategy of using composed images that is better than that; None: there is none.
        use: whether the gain is clear.
        gain: mean log probability of the true class gained over the classical arm, in nats, by choosing so: on each
            fold by the strategy that was best on the others.
        error: standard error of the gain; None where it cannot be told.
        gains: of every strategy, by name.
        controls: mean log probability of each arm without generated images.
        judged: images; 0 where the shots are too few for folds.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    usage: Usage = Field(default=DEFAULT_USAGE, validation_alias="way", serialization_alias="way")
    composing: ComposedUsage | None = None
    use: bool = False
    gain: float = 0.0
    error: float | None = None
    gains: dict[str, float] = {}
    controls: dict[ArmName, float] = {}
    judged: int = 0

    @property
    def advised(self) -> str | None:
        """The arm that is advised: `filtered`, or `recommended` where that uses composed images; None: no new ones."""
        return None if not self.use else "filtered" if self.composing is None else "recommended"


def choose_sampling(bench: Bench, shots: Ints, seed: int, model: str) -> SamplingChoice:
    """Choose inside one repeat how batches are drawn and logits adjusted, by the classical arm on folds of its images.

    Every arm but ``real`` then does so. Where the task's classes have equally many images there is nothing to choose.

    Args:
        bench: of the trial.
        shots: indices of the repeat's training images.
        seed: of the repeat.
        model: the classifier.
    """
    counts = np.unique(bench.targets(bench.dataset.labels[shots]), return_counts=True)[1]
    folds = inner_folds(bench, shots, seed, least=1)
    if not folds or len(set(counts.tolist())) == 1:
        return SamplingChoice()
    part = 1 if model in FROZEN else bench.settings.choice_length  # with frozen features steps cost next to nothing
    steps = max(1, round(bench.settings.steps * SHARE_OF_STEPS * part))
    criterion = Criterion.of(bench, np.concatenate(folds))
    predicted: dict[Sampling, list[Floats32]] = {}
    for fold in folds:
        for training in TRAININGS:
            one = ArmTraining(
                bench, np.setdiff1d(shots, fold), derive(seed, "weights", "inner"), model, steps, training
            )
            logits = np.log(np.maximum(one.predictions(one.train("classical"), fold), 1e-30))
            for sampling in variants(training):
                moved = logits + sampling.shift(one.shown(), one.counts)
                predicted.setdefault(sampling, []).append(special.softmax(moved, axis=1).astype(np.float32))
    scores = {sampling: criterion.mean(criterion.scores(found)) for sampling, found in predicted.items()}
    order = {training: max(scores[one] for one in variants(training)) for training in TRAININGS}
    training = max(order, key=lambda one: order[one])
    everyone = criterion.of_all_classes  # the figure of a rare class does not see the shift, and all its users do
    shifts = {one: everyone.mean(everyone.scores(predicted[one])) for one in variants(training)}
    return SamplingChoice(
        sampling=max(shifts, key=lambda one: shifts[one]),
        scores={sampling.name: score for sampling, score in scores.items()},
        shifts={sampling.name: score for sampling, score in shifts.items()},
        judged=len(criterion.targets),
    )


def choose(
    bench: Bench,
    shots: Ints,
    seed: int,
    model: str,
    generated: Mapping[int, GeneratedBatch],
    sampling: Sampling = USUAL_SAMPLING,
) -> InnerChoice:
    """Choose inside one repeat how new images are used, and whether.

    On the folds images are composed in the usual way, with the turns that the other folds show.

    Args:
        bench: of the trial.
        shots: indices of the repeat's training images.
        seed: of the repeat.
        model: the classifier.
        generated: fold to the images of the generator that saw the other folds; empty where none is asked for.
        sampling: how batches are drawn and logits adjusted in all arms but ``real``.
    """
    folds = inner_folds(bench, shots, seed)
    if not folds:
        return InnerChoice()
    steps = max(1, round(bench.settings.steps * SHARE_OF_STEPS * bench.settings.choice_length))
    own = derive(seed, "weights", "inner")
    arms = []
    for fold in folds:
        kept = np.setdiff1d(shots, fold)
        composition = choose_for(bench, kept) if needs_composing(bench.settings.arms) else None
        arms.append(ArmTraining(bench, kept, own, model, steps, sampling, composition))
    criterion = Criterion.of(bench, np.concatenate(folds))
    fold_of = np.repeat(np.arange(len(folds)), [len(fold) for fold in folds])

    def scores(arm: str) -> Floats:
        return criterion.scores([one.predictions(one.train(arm), fold) for one, fold in zip(arms, folds, strict=True)])

    base = scores("classical")
    others = [arm for arm in bench.settings.arms if ARMS[arm].control and arm != "classical"]
    controls = {"classical": base} | {arm: scores(arm) for arm in others}
    gains: dict[str, Floats] = {}
    usages = usages_of(bench.settings)
    for usage in usages:
        predicted = []
        arm = usage.arm if isinstance(usage, ComposedUsage) else "filtered"
        for index, (one, fold) in enumerate(zip(arms, folds, strict=True)):
            known = fold_of != index  # what is hard must not be told by the images that it is judged on
            network = one.train(arm, generated.get(index), _for_hard(usage, criterion, base, known))
            predicted.append(one.predictions(network, fold))
        gains[usage.name] = criterion.scores(predicted) - base
    honest = np.zeros(len(base))
    for index in range(len(folds)):
        own_rows = fold_of == index
        honest[own_rows] = gains[_best(gains, criterion, ~own_rows)][own_rows]
    mean, error = criterion.mean(honest), criterion.error(honest)
    everything = np.ones(len(base), bool)
    filled = {one.name: _for_hard(one, criterion, base, everything) for one in usages}
    best = filled[_best(gains, criterion, everything)]
    generating = {name: gains[name] for name, one in filled.items() if isinstance(one, Usage)}
    usage = filled[_best(generating, criterion, everything)] if generating else DEFAULT_USAGE
    assert isinstance(usage, Usage)
    return InnerChoice(
        usage=usage,
        composing=best if isinstance(best, ComposedUsage) else None,
        use=mean > CLEAR * error and mean > 0,
        gain=mean,
        error=error if np.isfinite(error) else None,
        gains={name: criterion.mean(values) for name, values in gains.items()},
        controls={arm: criterion.mean(values) for arm, values in controls.items()},
        judged=len(base),
    )


def _best(gains: dict[str, Floats], criterion: Criterion, among: Bools) -> str:
    return max(gains, key=lambda name: criterion.mean(gains[name], among))


def taken(bench: Bench, choice: InnerChoice) -> tuple[str, ComposedUsage | None]:
    """Return the arm that `recommended` is, with a strategy if it must be trained so; None: predictions are copied."""
    if not choice.use or choice.composing is None:
        return "filtered" if choice.use else "classical", None
    composing = choice.composing
    same = composing.share == CHANGED_SHARE and composing.classes == rare_classes(bench)
    return composing.arm, None if same else composing


def usages_of(settings: TrialSettings) -> tuple[Usage | ComposedUsage, ...]:
    """Return the strategies that are compared: of generated images where the trial has any, then of composed ones."""
    return (*(USAGES if "filtered" in settings.arms else ()), *composed_usages(settings))


def _for_hard(
    usage: Usage | ComposedUsage, criterion: Criterion, scores: Floats, among: Bools
) -> Usage | ComposedUsage:
    """Return a strategy for hard classes with those classes filled in; others as they are.

    Hard are the rare classes, where the verdict is about them; else the half of the classes, rounded up, in which the
    true class got the least probability among these images.
    """
    if not usage.hard:
        return usage
    if criterion.rare:
        return usage.model_copy(update={"classes": tuple(sorted(criterion.rare))})
    targets, scores = criterion.targets[among], scores[among]
    codes = np.unique(targets)
    means = np.array([scores[targets == code].mean() for code in codes])
    hard = codes[np.argsort(means, kind="stable")[: -(-len(codes) // 2)]]
    return usage.model_copy(update={"classes": tuple(sorted(hard.tolist()))})


def best_control(choice: InnerChoice | None, arms: Collection[str]) -> str:
    """Return the arm without generated images that was the best inside; `classical` where nothing was chosen.

    Args:
        choice: of one number of shots and one model.
        arms: that are run now, of which it may be one. An arm that was asked for later is missing in the choice.
    """
    inside = choice.controls if choice is not None and choice.judged else {}
    return max((arm for arm in inside if arm in arms), key=lambda arm: inside[arm], default="classical")
