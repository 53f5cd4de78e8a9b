"""The inner choice: how to use generated images, and whether at all, from the shots alone.

The shots are cut into folds by group. For each fold a generator of its own saw the other folds only, so that no image
that a strategy is judged by was seen. Every strategy is trained in half the steps beside the classical arm, and both
are judged on the fold by the logarithm of the probability of the true class, which tells more than right or wrong
where a fold holds a dozen images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from flawforge.core.arrays import Bools, Floats, Floats32, Ints
from flawforge.core.seeds import derive, numpy_stream
from flawforge.core.settings.arms import ARMS, ArmName
from flawforge.studies.trial.cells.arms import ArmTraining
from flawforge.studies.trial.cells.generator import DEFAULT_USAGE, USAGES, GeneratedBatch, Usage
from flawforge.studies.trial.setup.bench import Bench

LOWEST_PROBABILITY = 0.02  # a miss below it counts no more: one image must not decide
SHARE_OF_STEPS = 0.5  # of the trial's steps
CLEAR = 1.0  # standard errors by which a strategy must beat the classical arm inside


class InnerChoice(BaseModel):
    """What was chosen for one repeat inside its shots.

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


def inner_folds(bench: Bench, shots: Ints, seed: int) -> list[Ints]:
    """Return the folds, ascending indices each, that keep groups whole; none where a class would keep fewer than two.

    Args:
        bench: of the trial.
        shots: indices of the repeat's training images.
        seed: of the repeat.
    """
    folds = bench.settings.folds
    if folds < 2:
        return []
    labels, groups = bench.dataset.labels[shots], bench.division.groups[shots]
    draws = numpy_stream(seed, "split", "inner")
    place = np.full(len(shots), -1)
    held: Counter[tuple[int, int]] = Counter()
    names = draws.permutation(np.unique(groups))
    names = names[np.argsort([-int((groups == name).sum()) for name in names], kind="stable")]
    for name in names:
        members = np.flatnonzero(groups == name)
        codes = labels[members].tolist()
        fold = min(
            range(folds), key=lambda f: (sum(held[f, c] for c in codes), sum(n for (g, _), n in held.items() if g == f))
        )
        place[members] = fold
        held.update((fold, code) for code in codes)
    for fold in range(folds):
        left = Counter(labels[place != fold].tolist())
        if len(left) < len(set(labels.tolist())) or min(left.values()) < 2 or not (place == fold).any():
            return []
    return [np.sort(shots[place == fold]) for fold in range(folds)]


def choose(bench: Bench, shots: Ints, seed: int, model: str, generated: Mapping[int, GeneratedBatch]) -> InnerChoice:
    """Choose for one repeat.

    Args:
        bench: of the trial.
        shots: indices of the repeat's training images.
        seed: of the repeat.
        model: the classifier.
        generated: fold to the images of the generator that saw the other folds.
    """
    folds = inner_folds(bench, shots, seed)
    if not folds:
        return InnerChoice()
    steps = max(1, round(bench.settings.steps * SHARE_OF_STEPS))
    own = derive(seed, "weights", "inner")
    arms = [ArmTraining(bench, np.setdiff1d(shots, fold), own, model, steps) for fold in folds]
    judged = np.concatenate(folds)
    targets, groups = bench.targets(bench.dataset.labels[judged]), bench.division.groups[judged]
    fold_of = np.repeat(np.arange(len(folds)), [len(fold) for fold in folds])

    def scores(arm: str) -> Floats:
        return _scores([one.predictions(one.train(arm), fold) for one, fold in zip(arms, folds, strict=True)], targets)

    base = scores("classical")
    others = [arm for arm in bench.settings.arms if ARMS[arm].control and arm != "classical"]
    controls = {"classical": base} | {arm: scores(arm) for arm in others}
    gains: dict[str, Floats] = {}
    for usage in USAGES:
        predicted = []
        for index, (one, fold) in enumerate(zip(arms, folds, strict=True)):
            known = fold_of != index  # what is hard must not be told by the images that it is judged on
            network = one.train("filtered", generated[index], _for_hard(usage, base[known], targets[known]))
            predicted.append(one.predictions(network, fold))
        gains[usage.name] = _scores(predicted, targets) - base
    honest = np.zeros(len(judged))
    for index in range(len(folds)):
        own_rows = fold_of == index
        honest[own_rows] = gains[_best(gains, targets, ~own_rows)][own_rows]
    mean, error = _balanced(honest, targets), _error(honest, groups)
    best = _best(gains, targets, np.ones(len(judged), bool))
    usage = next(usage for usage in USAGES if usage.name == best)
    return InnerChoice(
        usage=_for_hard(usage, base, targets),
        use=mean > CLEAR * error and mean > 0,
        gain=mean,
        error=error if np.isfinite(error) else None,
        gains={name: _balanced(values, targets) for name, values in gains.items()},
        controls={arm: _balanced(values, targets) for arm, values in controls.items()},
        judged=len(judged),
    )


def _best(gains: dict[str, Floats], targets: Ints, among: Bools) -> str:
    return max(gains, key=lambda name: _balanced(gains[name][among], targets[among]))


def _scores(predicted: list[Floats32], targets: Ints) -> Floats:
    rows = np.concatenate(predicted).astype(np.float64)
    return np.asarray(np.log(np.maximum(rows[np.arange(len(rows)), targets], LOWEST_PROBABILITY)))


def _balanced(values: Floats, targets: Ints) -> float:
    """Return the mean over classes of the mean over each class's images."""
    return float(np.mean([values[targets == code].mean() for code in np.unique(targets)]))


def _error(values: Floats, groups: Ints) -> float:
    """Return the standard error of the mean, images of one group counting once."""
    means = np.array([values[groups == group].mean() for group in np.unique(groups)])
    return float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("inf")


def _for_hard(usage: Usage, scores: Floats, targets: Ints) -> Usage:
    """Return a strategy for hard classes with those classes filled in; others as they are.

    Hard is the half of the classes, rounded up, in which the true class got the least probability.
    """
    if not usage.hard:
        return usage
    codes = np.unique(targets)
    means = np.array([scores[targets == code].mean() for code in codes])
    hard = codes[np.argsort(means, kind="stable")[: -(-len(codes) // 2)]]
    return usage.model_copy(update={"classes": tuple(sorted(hard.tolist()))})


def pooled(choices: Sequence[InnerChoice], arms: Collection[str] | None = None) -> tuple[str, bool]:
    """Return the best control, and whether generated images are advised, from the choices of all repeats together.

    They are advised when the mean gain over repeats is above 0 by twice its standard error, or, with a single repeat,
    when that repeat says so.

    Args:
        choices: of one number of shots and one model.
        arms: that are run now, of which the control may be one; None: all. An arm that was asked for later is missing
            in the choices before, and is none either: its mean would be over other repeats than the others' means.
    """
    judged = [choice for choice in choices if choice.judged]
    common = set.intersection(*(set(choice.controls) for choice in judged)) if judged else set()
    among = [arm for arm in (judged[0].controls if judged else ()) if arm in common and (not arms or arm in arms)]
    best = max(among, key=lambda arm: float(np.mean([c.controls[arm] for c in judged])), default="classical")
    gains = np.array([choice.gain for choice in judged])
    if len(gains) < 2:
        return best, bool(choices) and all(choice.use for choice in choices)
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    return best, bool(gains.mean() > 2 * error and gains.mean() > 0)
