"""The work list of a trial: independent cells, what each needs, and how one is worked out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arrays import Arrays
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import derive
from flawforge.core.settings.arms import uses_generated
from flawforge.core.settings.trials import TrialSettings
from flawforge.runs.cells import GENERATORS, PROBABILITIES, CellKey
from flawforge.studies.trial.setup.bench import Bench

GENERATOR, CHOICE = "generator", "choice"
CHOOSING = ("filtered", "recommended")  # arms that need the inner choice


@dataclass(frozen=True)
class Outcome:
    """What a cell gives: arrays, and facts that JSON can hold."""

    arrays: Arrays
    facts: dict[str, Any]


def inner(fold: int) -> str:
    """Return the name of the preparation that trains the generator of one inner fold."""
    return f"{GENERATOR}-fold{fold}"


def work_list(settings: TrialSettings) -> list[CellKey]:
    """Return all cells, repeat by repeat, so that what is done first can be judged first; what is needed comes before.

    Within a repeat the preparations, which take longest, come first.
    """
    out: list[CellKey] = []
    for seed in range(settings.seeds):
        for shots in settings.shots:
            wanted: dict[CellKey, None] = {}
            for model in settings.models:
                for arm in settings.arms:
                    _add(CellKey(seed, shots, arm, model), settings, wanted)
            out += sorted(wanted, key=lambda key: (bool(key.model), key.arm not in (CHOICE,), key.arm in CHOOSING))
    return out


def needs(key: CellKey, settings: TrialSettings) -> list[CellKey]:
    """Return the cells that must be done before one."""
    seed, shots, arm, model = key.seed, key.shots, key.arm, key.model
    if arm == CHOICE:
        return [CellKey(seed, shots, inner(fold)) for fold in range(settings.folds if settings.folds > 1 else 0)]
    if arm == "recommended":
        return [CellKey(seed, shots, name, model) for name in (CHOICE, "classical", "filtered")]
    out = [CellKey(seed, shots, GENERATOR)] if uses_generated(arm) else []
    return [*out, CellKey(seed, shots, CHOICE, model)] if arm == "filtered" else out


def _add(key: CellKey, settings: TrialSettings, wanted: dict[CellKey, None]) -> None:
    for other in needs(key, settings):
        _add(other, settings, wanted)
    wanted.setdefault(key)


def work(
    bench: Bench, key: CellKey, inputs: Mapping[CellKey, Outcome], folder: Path | None, progress: Progress = SILENT
) -> Outcome:
    """Work out one cell: a function of the bench and the key, but for a generator that is trained by time.

    Args:
        bench: of the trial.
        key: the cell.
        inputs: what `needs` names.
        folder: the trial's folder, for the run folders of generators; None keeps none.
        progress: where to tell how far it is.
    """
    started = time.monotonic()
    arrays, facts = _worked(bench, key, inputs, folder, progress)
    return Outcome(arrays, facts | {"seconds": round(time.monotonic() - started, 3)})


def _worked(
    bench: Bench, key: CellKey, inputs: Mapping[CellKey, Outcome], folder: Path | None, progress: Progress
) -> tuple[Arrays, dict[str, Any]]:
    from flawforge.studies.trial.cells.inner_choice import choose, inner_folds

    settings = bench.settings
    shots = bench.shots(key.seed, key.shots)
    seed = derive(settings.seed, "weights", "trial", key.seed, key.shots)
    if key.arm.startswith(GENERATOR):
        from flawforge.studies.trial.cells.generator import prepare

        place = None if folder is None else folder / GENERATORS / f"s{key.seed:04d}-n{key.shots:04d}{key.arm[9:]}"
        if key.arm != GENERATOR:
            folds = inner_folds(bench, shots, seed)
            if not folds:
                return {}, {"skipped": "too few shots for inner folds"}
            shots = np.setdiff1d(shots, folds[int(key.arm.removeprefix(inner(0)[:-1]))])
        own = derive(seed, "samples", key.arm) >> 32  # a run's seed is shown to the user: short
        return prepare(bench, shots, own, place, progress)
    if key.arm == CHOICE:
        made = {place: inputs[need].arrays for place, need in enumerate(needs(key, settings))}
        return {}, choose(bench, shots, seed, key.model, made)
    choice = inputs.get(CellKey(key.seed, key.shots, CHOICE, key.model))
    if key.arm == "recommended":
        assert choice is not None
        taken = "filtered" if choice.facts["use"] else "classical"
        same = inputs[CellKey(key.seed, key.shots, taken, key.model)]
        return dict(same.arrays), {"taken": taken}
    from flawforge.studies.trial.cells.arms import Arms
    from flawforge.studies.trial.cells.usage import Way

    made_all = inputs.get(CellKey(key.seed, key.shots, GENERATOR))
    way = Way.parse(choice.facts["way"]) if choice is not None else None
    arms = Arms(bench, shots, seed, key.model)
    network = arms.train(key.arm, None if made_all is None else made_all.arrays, way)
    told = arms.outcome(network, bench.division.test)
    facts: dict[str, Any] = {"images": len(shots), "steps": settings.steps, "batch": settings.batch}
    return {PROBABILITIES: told}, facts | ({"way": way.dump()} if way is not None else {})
