"""The inner choice: how to use generated images, and whether at all, from the shots alone.

The shots are cut into folds by group. For each fold a generator of its own saw the other folds only, so that no image
that is judged by was seen. Every way of using its images is trained in half the steps beside the classical arm, and
both are judged on the fold by the logarithm of the probability of the true class, which tells more than right or wrong
where a fold holds a dozen images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from flawforge.core.arrays import Arrays, Bools, Floats, Floats32, Ints
from flawforge.core.seeds import derive, numpy_stream
from flawforge.core.settings.arms import CONTROLS
from flawforge.studies.trial.cells.arms import Arms
from flawforge.studies.trial.cells.usage import DEFAULT_WAY, WAYS
from flawforge.studies.trial.setup.bench import Bench

LEAST = 0.02  # probability below which a miss counts no more: one image must not decide
STEPS = 0.5  # of the trial's steps
CLEAR = 1.0  # standard errors by which a way must beat the classical arm inside


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


def choose(bench: Bench, shots: Ints, seed: int, model: str, made: Mapping[int, Arrays]) -> dict[str, Any]:
    """Return the facts of a choice.

    ``way`` (as `Way.dump`) is the best on all folds; ``gain`` and its standard ``error`` (nats of log probability) are
    of choosing so: on each fold, the way that was best on the others. ``use`` says whether that is clear. ``gains``
    lists every way, ``controls`` the mean log probability of the arms that use no generated image; ``judged`` images.

    Args:
        bench: of the trial.
        shots: indices of the repeat's training images.
        seed: of the repeat.
        model: the classifier.
        made: fold to the arrays of the generator that saw the other folds.
    """
    folds = inner_folds(bench, shots, seed)
    rivals = [arm for arm in CONTROLS if arm in bench.settings.arms and arm != "classical"]
    if not folds:
        return {"way": DEFAULT_WAY.dump(), "use": False, "gain": 0.0, "error": None, "gains": {}, "controls": {},
                "judged": 0}  # fmt: skip
    steps = max(1, round(bench.settings.steps * STEPS))
    own = derive(seed, "weights", "inner")
    trained = [Arms(bench, np.setdiff1d(shots, fold), own, model, steps) for fold in folds]
    classical = [arms.outcome(arms.train("classical"), fold) for arms, fold in zip(trained, folds, strict=True)]
    judged = np.concatenate(folds)
    targets, groups = bench.targets(bench.dataset.labels[judged]), bench.division.groups[judged]
    base = _scores(classical, targets)
    controls = {"classical": _balanced(base, targets)}
    for arm in rivals:
        told = [arms.outcome(arms.train(arm), fold) for arms, fold in zip(trained, folds, strict=True)]
        controls[arm] = _balanced(_scores(told, targets), targets)
    where = np.repeat(np.arange(len(folds)), [len(fold) for fold in folds])
    gains: dict[str, Floats] = {}
    for way in WAYS:
        told = []
        for place, (arms, fold) in enumerate(zip(trained, folds, strict=True)):
            others = where != place  # what is hard must not be told by the images that it is judged on
            own_way = replace(way, classes=_hard(base[others], targets[others])) if way.hard else way
            told.append(arms.outcome(arms.train("filtered", made[place], own_way), fold))
        gains[way.name] = _scores(told, targets) - base
    best = _best(gains, targets, np.ones(len(judged), bool))
    honest = np.zeros(len(judged))
    for place in range(len(folds)):
        honest[where == place] = gains[_best(gains, targets, where != place)][where == place]
    mean, error = _balanced(honest, targets), _error(honest, groups)
    way = next(way for way in WAYS if way.name == best)
    return {
        "way": (replace(way, classes=_hard(base, targets)) if way.hard else way).dump(),
        "use": bool(mean > CLEAR * error and mean > 0),
        "gain": mean,
        "error": error if np.isfinite(error) else None,
        "gains": {name: _balanced(values, targets) for name, values in gains.items()},
        "controls": controls,
        "judged": len(judged),
    }


def _best(gains: dict[str, Floats], targets: Ints, among: Bools) -> str:
    return max(gains, key=lambda name: _balanced(gains[name][among], targets[among]))


def _scores(told: list[Floats32], targets: Ints) -> Floats:
    rows = np.concatenate(told).astype(np.float64)
    return np.asarray(np.log(np.maximum(rows[np.arange(len(rows)), targets], LEAST)))


def _balanced(values: Floats, targets: Ints) -> float:
    """Return the mean over classes of the mean over each class's images."""
    return float(np.mean([values[targets == code].mean() for code in np.unique(targets)]))


def _error(values: Floats, groups: Ints) -> float:
    """Return the standard error of the mean, images of one group counting once."""
    means = np.array([values[groups == group].mean() for group in np.unique(groups)])
    return float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("inf")


def _hard(scores: Floats, targets: Ints) -> tuple[int, ...]:
    """Return the half of the classes, rounded up, in which the true class got the least probability."""
    codes = np.unique(targets)
    means = np.array([scores[targets == code].mean() for code in codes])
    return tuple(sorted(int(codes[place]) for place in np.argsort(means, kind="stable")[: -(-len(codes) // 2)]))


def pooled(choices: list[Mapping[str, Any]], arms: Collection[str] | None = None) -> tuple[str, bool]:
    """Return the best control, and whether generated images are advised, from the choices of all repeats together.

    They are advised when the mean over repeats is above 0 by
    twice its standard error, or, with a single repeat, when that repeat says so.

    Args:
        choices: facts of the choices of one number of shots and one model.
        arms: that are run now, of which the control may be one; None: all. An arm that was asked for later is missing
            in the choices before, and is none either: its mean would be over other repeats than the others' means.
    """
    told = [facts["controls"] for facts in choices if facts["judged"]]
    there = [arm for arm in (told[0] if told else ()) if all(arm in one for one in told) and (not arms or arm in arms)]
    best = max(there, key=lambda arm: float(np.mean([one[arm] for one in told])), default="classical")
    means = np.array([facts["gain"] for facts in choices if facts["judged"]])
    if len(means) < 2:
        return best, bool(choices) and all(facts["use"] for facts in choices)
    error = means.std(ddof=1) / np.sqrt(len(means))
    return best, bool(means.mean() > 2 * error and means.mean() > 0)
