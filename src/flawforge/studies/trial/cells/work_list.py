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
from flawforge.core.settings.arms import ARMS, needs_composing
from flawforge.core.settings.trials import TrialSettings
from flawforge.runs.cells import GENERATORS, PROBABILITIES, CellKey
from flawforge.studies.trial.cells.composing import ComposedUsage
from flawforge.studies.trial.cells.generator import DEFAULT_USAGE, GeneratedBatch, Usage
from flawforge.studies.trial.cells.sampling import USUAL_SAMPLING, Sampling, SamplingChoice
from flawforge.studies.trial.setup.bench import Bench

GENERATOR, COMPOSITION, CHOICE, SAMPLING = "generator", "composition", "choice", "sampling"
CHOOSING = 0  # the repeat inside whose training images is chosen for all: most of a repeat's cost would be choosing


@dataclass(frozen=True)
class Outcome:
    """What a cell gives: arrays, and facts that JSON can hold."""

    arrays: Arrays
    facts: dict[str, Any]


PLACED = "placed-by-"


def placed(recipe: str) -> str:
    """Return the name of the preparation that makes the images of a recipe which puts defects on real images."""
    return f"{PLACED}{recipe}"


def inner(fold: int) -> str:
    """Return the name of the preparation that trains the generator of one inner fold."""
    return f"{GENERATOR}-fold{fold}"


def work_list(settings: TrialSettings) -> list[CellKey]:
    """Return all cells, repeat by repeat, so that the first can be judged first; each after the cells that it needs.

    Within a repeat the preparations, which take longest, come first.
    """
    out: list[CellKey] = []
    for seed in range(settings.seeds):
        for shots in settings.shots:
            wanted: dict[CellKey, None] = {}
            for model in settings.models:
                for arm in settings.arms:
                    _add(CellKey(seed, shots, arm, model), settings, wanted)
            out += sorted((key for key in wanted if key.seed == seed), key=_urgency)
    return out


def needs(key: CellKey, settings: TrialSettings) -> list[CellKey]:
    """Return the cells that must be done before one."""
    seed, shots, arm, model = key.seed, key.shots, key.arm, key.model
    sampling = [CellKey(CHOOSING, shots, SAMPLING, model)] if settings.chooses_sampling else []
    choice = CellKey(CHOOSING, shots, CHOICE, model)
    if arm == CHOICE:
        folds = range(settings.folds if settings.folds > 1 and "filtered" in settings.arms else 0)
        return [*sampling, *(CellKey(seed, shots, inner(fold)) for fold in folds)]
    if arm == "recommended":
        taken = [name for name in ("classical", "filtered", "relight", "compose") if name in settings.arms]
        trained = [*sampling, CellKey(CHOOSING, shots, COMPOSITION)] if needs_composing(settings.arms) else []
        return [choice, *trained, *(CellKey(seed, shots, name, model) for name in taken)]
    out = [CellKey(seed, shots, GENERATOR)] if arm in ARMS and ARMS[arm].needs_generator else []
    if settings.task == "locate" and arm in ARMS:
        out += [CellKey(seed, shots, placed(recipe)) for recipe in ARMS[arm].placed_by]
    out += [CellKey(CHOOSING, shots, COMPOSITION)] if needs_composing([arm]) else []
    out += sampling if arm in ARMS and arm != "real" else []
    return [*out, choice] if arm in ARMS and ARMS[arm].needs_choice else out


def _urgency(key: CellKey) -> tuple[bool, bool, bool, bool]:
    """Sort the generators first, then the choices, and the arms that wait for these last."""
    return bool(key.model), key.arm != SAMPLING, key.arm != CHOICE, key.arm in ARMS and ARMS[key.arm].needs_choice


def _add(key: CellKey, settings: TrialSettings, wanted: dict[CellKey, None]) -> None:
    for other in needs(key, settings):
        _add(other, settings, wanted)
    wanted.setdefault(key)


def compute_cell(
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
    from flawforge.studies.trial.cells.inner_choice import InnerChoice, choose, choose_sampling, taken
    from flawforge.studies.trial.cells.inner_evidence import inner_folds

    settings = bench.settings
    shots = bench.shots(key.seed, key.shots)
    seed = derive(settings.seed, "weights", "trial", key.seed, key.shots)
    if key.arm.startswith(GENERATOR):
        from flawforge.studies.trial.cells.generator import generator_seed, prepare

        run = None if folder is None else folder / GENERATORS / f"s{key.seed:04d}-n{key.shots:04d}{key.arm[9:]}"
        if key.arm != GENERATOR:
            folds = inner_folds(bench, shots, seed)
            if not folds:
                return {}, {"skipped": "too few shots for inner folds"}
            shots = np.setdiff1d(shots, folds[int(key.arm.removeprefix(inner(0)[:-1]))])
        own = generator_seed(bench, key.seed, key.shots, key.arm)
        made, found = prepare(bench, shots, own, run, progress, fold=key.arm != GENERATOR)
        return made.arrays(), found
    if key.arm.startswith(PLACED):
        from flawforge.studies.trial.cells.locating import placed_arrays

        return placed_arrays(bench, shots, seed, key.arm.removeprefix(PLACED)), {}
    if key.arm == COMPOSITION:
        from flawforge.studies.trial.cells.composing import choose_for

        return {}, choose_for(bench, shots, progress).facts()
    if key.arm == SAMPLING:
        return {}, choose_sampling(bench, shots, seed, key.model).model_dump(mode="json")
    decided = inputs.get(CellKey(CHOOSING, key.shots, SAMPLING, key.model))
    sampling = USUAL_SAMPLING if decided is None else SamplingChoice.model_validate(decided.facts).sampling
    if key.arm == CHOICE:
        batches = (inputs[need].arrays for need in needs(key, settings) if need.arm != SAMPLING)
        generated = {fold: GeneratedBatch.from_arrays(arrays) for fold, arrays in enumerate(batches) if arrays}
        return {}, choose(bench, shots, seed, key.model, generated, sampling).model_dump(mode="json", by_alias=True)
    chosen = inputs.get(CellKey(CHOOSING, key.shots, CHOICE, key.model))
    choice = None if chosen is None else InnerChoice.model_validate(chosen.facts)
    arm, usage = key.arm, DEFAULT_USAGE if choice is None else choice.usage
    if arm == "recommended":
        assert choice is not None
        arm, composing = taken(bench, choice)
        if composing is None:
            return dict(inputs[CellKey(key.seed, key.shots, arm, key.model)].arrays), {"taken": arm}
        return _trained(bench, key, inputs, arm, composing, sampling)
    return _trained(bench, key, inputs, arm, usage, sampling)


def _trained(
    bench: Bench,
    key: CellKey,
    inputs: Mapping[CellKey, Outcome],
    arm: str,
    usage: Usage | ComposedUsage,
    sampling: Sampling,
) -> tuple[Arrays, dict[str, Any]]:
    """Train a classifier as an arm, and return what it says of the test images; `inputs` are those of the cell."""
    from flawforge.models.classifier import ShiftedLogits
    from flawforge.studies.trial.cells.arm_training import ArmTraining
    from flawforge.studies.trial.cells.composing import chosen_before

    shots = bench.shots(key.seed, key.shots)
    seed = derive(bench.settings.seed, "weights", "trial", key.seed, key.shots)
    composed = inputs.get(CellKey(CHOOSING, key.shots, COMPOSITION))
    composition = None if composed is None else chosen_before(composed.facts)
    if bench.settings.task == "locate":
        from flawforge.studies.trial.cells.locating import located

        placed_by = [need for need in inputs if need.arm.startswith(PLACED)]
        made = {need.arm.removeprefix(PLACED): inputs[need].arrays for need in placed_by}
        return located(bench, shots, seed, key, composition, made)
    source = inputs.get(CellKey(key.seed, key.shots, GENERATOR))
    arms = ArmTraining(bench, shots, seed, key.model, sampling=sampling, composition=composition)
    network = arms.train(arm, None if source is None else GeneratedBatch.from_arrays(source.arrays), usage)
    predicted = arms.predictions(network, bench.division.test)
    facts: dict[str, Any] = {"images": len(shots), "steps": arms.steps(key.arm), "batch": bench.settings.batch}
    if CellKey(CHOOSING, key.shots, SAMPLING, key.model) in inputs:
        facts["sampling"] = sampling.model_dump(mode="json")
    if isinstance(network, ShiftedLogits):
        facts["shift"] = network.shift.tolist()
    if arm != key.arm:
        facts["taken"] = arm
    if CellKey(CHOOSING, key.shots, CHOICE, key.model) in inputs:
        facts["way"] = usage.model_dump(mode="json", by_alias=True)
    return {PROBABILITIES: predicted}, facts
