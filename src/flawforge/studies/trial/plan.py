"""The plan of a trial: what gain it could detect and how long it takes, before it begins."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from flawforge.core.settings.arms import ARMS
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.core.settings.trials import FEWEST_REPEATS, TrialSettings
from flawforge.metrics.inference.paired import Parts
from flawforge.metrics.inference.power import ERROR, Design
from flawforge.runs.trials import points
from flawforge.studies.trial.analysis import sentences
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
    """What a trial costs and could detect.

    Attributes:
        cells: in all. seconds: expected on `workers` workers, of which `per_repeat` for one repeat.
        seeds: repeats that will be done: those asked for, or those that `minutes` leave room for.
        detectable: gain that the trial has 90% power to detect, a share; None with fewer than two repeats.
        workers: processes.
        sentence: in words, a finding a line.
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
        training = _arm_seconds(bench, model)
        expected["arm", model] = training
        expected["teacher", model] = training * 1.1 + 0.02 * VIEWS_PER_SHOT
        expected["choice", model] = training * SHARE_OF_STEPS * fold_steps * (1 + len(USAGES) + rivals)
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
        pilot: what limits the trial as repeats that are done show, and their number; None takes usual values.
        ended: repeats at which this trial had its verdict already; None where it had none.
    """
    asked = bench.settings.seeds
    cells = work_list(bench.settings)
    per_repeat = costs.of(key for key in cells if key.seed == 0) / workers
    fitting = asked if minutes is None else int(minutes * 60 / max(per_repeat, 1e-9))
    repeats = min(asked, max(FEWEST_REPEATS, fitting))
    seconds = per_repeat * repeats
    design, done = pilot or (_usual_design(bench), 0)
    detectable = design.detectable(repeats) if repeats > 1 else None
    lines = [duration_line(repeats, seconds, workers, len(cells))]
    if minutes is not None and repeats < asked:
        lines.append(f"All {asked} repeats would take about {clock(per_repeat * asked)}.")
    if minutes is not None and seconds > minutes * 60 * 1.05:
        lines.append(over_budget(minutes, repeats))
    if detectable is not None:
        lines.append(power_line(detectable, done))
    if ended is not None:
        lines.append(sentences.nothing_left(ended))
    sentence = "\n".join([*lines, *overlap_notes(bench)])
    return TrialPlan(len(cells), seconds, per_repeat, repeats, detectable, workers, sentence)


def duration_line(repeats: int, seconds: float, workers: int, cells: int) -> str:
    """Return how long the trial takes."""
    return f"{repeats} repeats take about {clock(seconds)} with {workers} worker{'s' * (workers > 1)} ({cells} cells)."


def over_budget(minutes: float, repeats: int) -> str:
    """Return that the budget does not suffice."""
    needed = f"the {repeats} repeats" + " that a verdict needs at least" * (repeats >= FEWEST_REPEATS)
    return f"A budget of {minutes:g} minutes is too short for {needed}."


def power_line(detectable: float, done: int) -> str:
    """Return what gain could be detected; `done` repeats showed the variation, 0: usual values are assumed."""
    basis = f"the {done} repeats that are done" if done else "the usual variation between repeats"
    gain = f"a gain of {points(detectable)} points"
    return f"The trial has {sentences.POWER} to detect {gain}, based on {basis}."


def _usual_design(bench: Bench) -> Design:
    settings = bench.settings
    groups = len(np.unique(bench.division.groups[bench.division.test]))
    error = ERROR / (len(settings.shots) * len(settings.models))
    rivals = sum(not ARMS[arm].needs_generator for arm in settings.arms)
    parts = Parts(USUAL_PARTS[0], USUAL_PARTS[1] / np.sqrt(groups), USUAL_PARTS[2] / np.sqrt(groups))
    return Design(parts, max(1, groups - len(bench.classes)), error, max(1, rivals))


def _generator_seconds(settings: TrialSettings, classes: int) -> float:
    if settings.generator is not None:
        return 5.0
    sampling = 0.03 * settings.made * classes
    if settings.generator_minutes is not None:
        return settings.generator_minutes * 60 + sampling
    recipe = find_recipe(settings.recipe)
    area = recipe.resolution[0] * recipe.resolution[1] / 64**2
    kimg = settings.generator_kimg
    if kimg is None:
        kimg = recipe.steps(max(settings.shots) * classes) * recipe.batch / 1000
    return kimg * SECONDS_PER_KIMG * area + sampling


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
        images = torch.from_numpy(bench.images[bench.division.test[:64]])
        predict(network, images)
        prediction = (time.perf_counter() - started) * len(bench.division.test) / len(images)
    finally:
        torch.set_num_threads(before)
    return short + max(0.0, longer - short) / PROBE_STEPS * bench.settings.steps + prediction
