"""The inner choices, from the shots alone: how batches are drawn where classes have unlike numbers of images, and how
to use generated images, and whether at all.

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
from flawforge.core.settings.arms import ARMS, ArmName
from flawforge.studies.trial.cells.arms import ArmTraining
from flawforge.studies.trial.cells.generator import DEFAULT_USAGE, USAGES, GeneratedBatch, Usage
from flawforge.studies.trial.cells.inner_evidence import Criterion, inner_folds
from flawforge.studies.trial.cells.sampling import TRAININGS, USUAL_SAMPLING, Sampling, SamplingChoice, variants
from flawforge.studies.trial.setup.bench import Bench

SHARE_OF_STEPS = 0.5  # of the trial's steps; by `choice_length` as much less where generated images are chosen
CLEAR = 1.0  # standard errors by which a strategy must beat the classical arm inside


class InnerChoice(BaseModel):
    """What was chosen for all repeats inside the shots of one.

    Attributes:
        usage: the strategy that is best on all folds.
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
    use: bool = False
    gain: float = 0.0
    error: float | None = None
    gains: dict[str, float] = {}
    controls: dict[ArmName, float] = {}
    judged: int = 0


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
    steps = max(1, round(bench.settings.steps * SHARE_OF_STEPS))
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
    """Choose inside one repeat how generated images are used, and whether.

    Args:
        bench: of the trial.
        shots: indices of the repeat's training images.
        seed: of the repeat.
        model: the classifier.
        generated: fold to the images of the generator that saw the other folds.
        sampling: how batches are drawn and logits adjusted in all arms but ``real``.
    """
    folds = inner_folds(bench, shots, seed)
    if not folds:
        return InnerChoice()
    steps = max(1, round(bench.settings.steps * SHARE_OF_STEPS * bench.settings.choice_length))
    own = derive(seed, "weights", "inner")
    arms = [ArmTraining(bench, np.setdiff1d(shots, fold), own, model, steps, sampling) for fold in folds]
    criterion = Criterion.of(bench, np.concatenate(folds))
    fold_of = np.repeat(np.arange(len(folds)), [len(fold) for fold in folds])

    def scores(arm: str) -> Floats:
        return criterion.scores([one.predictions(one.train(arm), fold) for one, fold in zip(arms, folds, strict=True)])

    base = scores("classical")
    others = [arm for arm in bench.settings.arms if ARMS[arm].control and arm != "classical"]
    controls = {"classical": base} | {arm: scores(arm) for arm in others}
    gains: dict[str, Floats] = {}
    for usage in USAGES:
        predicted = []
        for index, (one, fold) in enumerate(zip(arms, folds, strict=True)):
            known = fold_of != index  # what is hard must not be told by the images that it is judged on
            network = one.train("filtered", generated[index], _for_hard(usage, criterion, base, known))
            predicted.append(one.predictions(network, fold))
        gains[usage.name] = criterion.scores(predicted) - base
    honest = np.zeros(len(base))
    for index in range(len(folds)):
        own_rows = fold_of == index
        honest[own_rows] = gains[_best(gains, criterion, ~own_rows)][own_rows]
    mean, error = criterion.mean(honest), criterion.error(honest)
    everything = np.ones(len(base), bool)
    best = _best(gains, criterion, everything)
    usage = next(usage for usage in USAGES if usage.name == best)
    return InnerChoice(
        usage=_for_hard(usage, criterion, base, everything),
        use=mean > CLEAR * error and mean > 0,
        gain=mean,
        error=error if np.isfinite(error) else None,
        gains={name: criterion.mean(values) for name, values in gains.items()},
        controls={arm: criterion.mean(values) for arm, values in controls.items()},
        judged=len(base),
    )


def _best(gains: dict[str, Floats], criterion: Criterion, among: Bools) -> str:
    return max(gains, key=lambda name: criterion.mean(gains[name], among))


def _for_hard(usage: Usage, criterion: Criterion, scores: Floats, among: Bools) -> Usage:
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
