"""The plan of a trial: what gain it could detect, and how long it takes, said before it begins."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from flawforge.core.settings.arms import ARMS
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.core.settings.trials import FEWEST_REPEATS, TrialSettings
from flawforge.metrics.inference.paired import Parts
from flawforge.metrics.inference.power import Design
from flawforge.studies.trial.cells.arms import VIEWS_PER_SHOT
from flawforge.studies.trial.cells.inner_choice import SHARE_OF_STEPS
from flawforge.studies.trial.cells.usage import USAGES
from flawforge.studies.trial.cells.work_list import GENERATOR, work_list
from flawforge.studies.trial.execution.schedule import Costs, clock
from flawforge.studies.trial.setup.bench import Bench
from flawforge.studies.trial.setup.shared_shots import overlap_notes
from flawforge.training.classifier.fit import fit, predict
from flawforge.training.classifier.labelled_images import LabelledImages

PROBE_STEPS = 12  # of each model, timed
USUAL_PARTS = (0.02, 0.08, 0.05)  # standard deviations of a paired difference: see docs/decisions/trial.md
SECONDS_PER_KIMG = 25.0  # of the default recipe at 64 pixels on one core; a first guess until one generator is done


@dataclass(frozen=True)
class TrialPlan:
    """What a trial will cost and could see.

    Attributes:
        cells: in all. seconds: expected on `workers` workers, of which `per_repeat` for one repeat.
        seeds: repeats that will be done: those asked for, or those that `minutes` leave room for.
        detectable: gain that would be found 9 times in 10 with these, a share; None with fewer than two repeats.
        workers: processes.
        sentence: in words.
    """

    cells: int
    seconds: float
    per_repeat: float
    seeds: int
    detectable: float | None
    workers: int
    sentence: str


def expected_costs(bench: Bench) -> Costs:
    """Return what cells are expected to take on one core of this machine: a few steps of each model are timed."""
    settings = bench.settings
    fold_steps = settings.folds if settings.folds > 1 else 0
    expected: dict[tuple[str, str], float] = {}
    seconds = _generator_seconds(settings, len(bench.dataset.classes))
    expected[GENERATOR, ""] = seconds
    for fold in range(fold_steps):
        expected[f"{GENERATOR}-fold{fold}", ""] = seconds
    rivals = sum(ARMS[arm].control and arm != "classical" for arm in settings.arms)
    for model in settings.models:
        arm = _arm_seconds(bench, model)
        expected["arm", model] = arm
        expected["teacher", model] = arm * 1.1 + 0.02 * VIEWS_PER_SHOT
        expected["choice", model] = arm * SHARE_OF_STEPS * fold_steps * (1 + len(USAGES) + rivals)
    return Costs(expected)


def plan(
    bench: Bench,
    costs: Costs,
    workers: int,
    minutes: float | None,
    pilot: tuple[Design, int] | None = None,
    ended: int | None = None,
) -> TrialPlan:
    """Plan the repeats within the budget.

    Args:
        bench: of the trial.
        costs: of its cells.
        workers: cells at a time.
        minutes: budget, or None.
        pilot: what limits the trial as repeats that are done tell, and their number; None takes usual values.
        ended: repeats at which this trial had its verdict already; None where it had none.
    """
    settings = bench.settings
    cells = work_list(settings)
    one = costs.of(key for key in cells if key.seed == 0) / workers
    fitting = settings.seeds if minutes is None else int(minutes * 60 / max(one, 1e-9))
    seeds = min(settings.seeds, max(FEWEST_REPEATS, fitting))
    seconds = one * seeds
    detectable = None
    if seeds > 1:
        design = pilot[0] if pilot is not None else _usual_design(bench)
        detectable = design.detectable(seeds)
    told = f"{len(cells)} cells, about {clock(seconds)} for {seeds} repeats with {workers} worker{'s' * (workers > 1)}"
    if minutes is not None and seeds < settings.seeds:
        told += f" ({settings.seeds} would take {clock(one * settings.seeds)})"
    if minutes is not None and seconds > minutes * 60 * 1.05:
        told += f". {minutes:g} minutes are not enough for "
        told += f"the {FEWEST_REPEATS} repeats that a verdict needs at least" if seeds >= FEWEST_REPEATS else "them"
    if detectable is not None:
        told += f". It would find a gain of {100 * detectable:.1f} points 9 times in 10, if repeats vary as "
        told += "usual" if pilot is None else f"the {pilot[1]} that are done here do"
    if ended is not None:
        told += (
            f". This trial had its verdict at {ended} repeats, which spent all of its error: what is added narrows the "
            f"intervals, but only a trial of its own (another --out and --seed) can bring a new one"
        )
    return TrialPlan(
        len(cells), seconds, one, seeds, detectable, workers, " ".join([f"{told}.", *overlap_notes(bench)])
    )


def _usual_design(bench: Bench) -> Design:
    settings = bench.settings
    groups = len(np.unique(bench.division.groups[bench.division.test]))
    error = 0.025 / (len(settings.shots) * len(settings.models))
    rivals = sum(not ARMS[arm].needs_generator for arm in settings.arms)
    parts = Parts(USUAL_PARTS[0], USUAL_PARTS[1] / np.sqrt(groups), USUAL_PARTS[2] / np.sqrt(groups))
    return Design(parts, max(1, groups - len(bench.classes)), error, max(1, rivals))


def _generator_seconds(settings: TrialSettings, classes: int) -> float:
    if settings.generator is not None:
        return 5.0
    made = 0.03 * settings.made * classes
    if settings.generator_minutes is not None:
        return settings.generator_minutes * 60 + made
    recipe = find_recipe(settings.recipe)
    area = recipe.resolution[0] * recipe.resolution[1] / 64**2
    kimg = settings.generator_kimg
    if kimg is None:
        kimg = recipe.steps(max(settings.shots) * classes) * recipe.batch / 1000
    return kimg * SECONDS_PER_KIMG * area + made


def _arm_seconds(bench: Bench, model: str) -> float:
    """Return how long one classifier takes, from the difference of a short and a shorter training."""
    shots = bench.shots(0, min(bench.settings.shots))
    real = LabelledImages(
        torch.from_numpy(bench.images[shots]), torch.from_numpy(bench.targets(bench.dataset.labels[shots]))
    )

    def timed(steps: int) -> tuple[float, torch.nn.Module]:
        started = time.perf_counter()
        network = fit(bench.settings.classifier(model, steps=steps), real, len(bench.classes), 0)
        return time.perf_counter() - started, network

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        timed(1)
        short, _ = timed(2)
        longer, network = timed(2 + PROBE_STEPS)
        started = time.perf_counter()
        some = torch.from_numpy(bench.images[bench.division.test[:64]])
        predict(network, some)
        told = (time.perf_counter() - started) * len(bench.division.test) / len(some)
    finally:
        torch.set_num_threads(before)
    return short + max(0.0, longer - short) / PROBE_STEPS * bench.settings.steps + told
