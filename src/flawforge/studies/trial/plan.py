"""The plan of a trial: what gain it could detect and how long it takes, before it begins."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from flawforge.core.plural import plural
from flawforge.core.settings.arms import ARMS, in_order, shows_new_images
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.core.settings.trials import FEWEST_REPEATS, SMALL, TrialSettings
from flawforge.metrics.inference.paired import Parts
from flawforge.metrics.inference.power import ERROR, Design
from flawforge.runs.cells import CellKey
from flawforge.runs.checkpoint import require_checkpoint
from flawforge.runs.estimates import points
from flawforge.runs.versions import usable_cores
from flawforge.studies.trial.analysis import sentences
from flawforge.studies.trial.analysis.record import Pilot, pilot
from flawforge.studies.trial.cells.inner_choice import SHARE_OF_STEPS, usages_of
from flawforge.studies.trial.cells.locating.placed_images import placing_seconds
from flawforge.studies.trial.cells.material import VIEWS_PER_SHOT
from flawforge.studies.trial.cells.sampling import TRAININGS
from flawforge.studies.trial.cells.work_list import CHOICE, COMPOSITION, GENERATOR, SAMPLING, inner, placed, work_list
from flawforge.studies.trial.execution.local import one_thread
from flawforge.studies.trial.execution.schedule import Costs, Schedule, clock
from flawforge.studies.trial.setup.bench import Bench, overlap_notes
from flawforge.training.classifier.fit import FROZEN, fit, predict
from flawforge.training.classifier.labelled_images import LabelledImages
from flawforge.training.locator import fit as locator
from flawforge.training.locator.fit import MaskedImages, fit_locator, predict_maps
from flawforge.training.train import train

PROBE_STEPS = 12  # of each model, timed
JUDGED = 64  # images
USUAL_PARTS = (0.02, 0.08, 0.05)  # standard deviations of a paired difference: see docs/decisions/trial.md
RARE_PARTS = (0.06, 0.08, 0.37)  # of average precision of a rare class: simulated, docs/decisions/rare-classes.md
SECONDS_PER_KIMG = 25.0  # of the default recipe at 64 pixels on one core: for short trainings, which are not timed
SHORT = 0.5  # kimg
GENERATOR_STEPS = 5  # timed
ROUNDS, CONVOLUTIONS = 4, 2  # of 16 images, by which it is told how long cores wait: a quarter of a second
KEEP_SECONDS = 10.0  # of a model to keep, beside its training: the ONNX file and its check, figures, the card
SECONDS_TO_CHOOSE_A_CLASS = 3.0  # how images are composed, on one core
UNKNOWN_POWER = (  # of task locate, before its first repeats
    "Which gain the trial can detect is not known before its first repeats. With 5 shots and 3 repeats it was 9 points "
    "of pixel average precision on steel, and 23 to 25 on magnetic tiles (90% power)."
)
COMPOSED_INSTEAD = {"light-within-class", "relight", "compose"}  # of generated images, where these take too long


@dataclass(frozen=True)
class TrialPlan:
    """What a trial costs and could detect.

    Attributes:
        cells: in all. seconds: of those that are left, on `workers` workers; `per_repeat` for a whole repeat
            without the choices, which the first one makes for all.
        seeds: repeats that will be done: those asked for, or those that `minutes` leave room for.
        detectable: gain that the trial has 90% power to detect, a share; None with fewer than two repeats, or
            where nothing is known of the variation.
        workers: processes.
        keep_seconds: of the models to keep, at the end, beside `seconds`; without a generator, which is trained only
            where generated images help.
        sentence: in words, a finding a line.
    """

    cells: int
    seconds: float
    per_repeat: float
    seeds: int
    detectable: float | None
    workers: int
    keep_seconds: float
    sentence: str


def expected_costs(bench: Bench, workers: int = 1) -> Costs:
    """Return what cells are expected to take on one core of this machine while all `workers` are at work: a few steps
    of each model and of each generator are timed.
    """
    settings = bench.settings
    fold_steps = settings.folds if settings.folds > 1 else 0
    expected: dict[tuple[str, str], float] = {}
    if any(ARMS[arm].needs_generator for arm in settings.arms):
        images, rate = len(bench.shots(0, max(settings.shots))), _seconds_per_kimg(bench)
        expected[GENERATOR, ""] = _generator_seconds(bench, images, rate)
        for fold in range(fold_steps):
            part = images * (1 - 1 / fold_steps)
            expected[inner(fold), ""] = _generator_seconds(bench, round(part), rate, fold=True)
    if settings.task == "locate":
        recipes = {recipe for arm in settings.arms for recipe in ARMS[arm].placed_by}
        expected |= {(placed(recipe), ""): placing_seconds(bench, recipe) for recipe in sorted(recipes)}
    expected[COMPOSITION, ""] = SECONDS_TO_CHOOSE_A_CLASS * len(bench.dataset.classes)
    rivals = sum(ARMS[arm].control and arm != "classical" for arm in settings.arms)
    for model in settings.models:
        training = _arm_seconds(bench, model)
        expected["arm", model] = training
        expected["real", model] = training * (settings.real_length if model == SMALL else 1)
        expected["teacher", model] = training * 1.1 + 0.02 * VIEWS_PER_SHOT
        shorter = SHARE_OF_STEPS * (1 if model in FROZEN else settings.choice_length)
        expected[SAMPLING, model] = training * shorter * fold_steps * len(TRAININGS)
        expected[CHOICE, model] = training * shorter * fold_steps * (1 + len(usages_of(settings)) + rivals)
    wait = _seconds_for_a_second(workers)
    return Costs({kind: seconds * wait for kind, seconds in expected.items()})


def plan(
    bench: Bench,
    schedule: Schedule,
    workers: int,
    minutes: float | None,
    ended: int | None = None,
    *,
    keep_model: bool = True,
) -> TrialPlan:
    """Plan the repeats within the budget.

    Args:
        bench: of the trial.
        schedule: its cells, what they cost, and which are done; done repeats show how much repeats vary.
        workers: cells at a time.
        minutes: budget, or None; the models to keep are trained within it.
        ended: repeats at which this trial had its verdict already; None where it had none.
        keep_model: whether models are trained to keep.
    """
    costs, left = schedule.costs, schedule.left()
    asked = repeats = bench.settings.seeds

    def expected(repeats: int) -> float:
        return schedule.expected([key for key in left if key.seed < repeats], workers)

    def least(repeats: int) -> float:
        return costs.of(key for key in left if key.seed < repeats) / workers

    keep_model = keep_model and bench.settings.task != "locate"
    keep_seconds, with_one = 0.0, any(ARMS[arm].needs_generator for arm in bench.settings.arms)
    if keep_model:
        each = [CellKey(0, min(bench.settings.shots), "classical", model) for model in bench.settings.models]
        keep_seconds = costs.of(each) + KEEP_SECONDS * len(each)
    budget = float("inf") if minutes is None else minutes * 60 - keep_seconds
    while repeats > FEWEST_REPEATS and (least(repeats) > budget or expected(repeats) > budget):
        repeats -= 1
    known = pilot(schedule.folder, bench, schedule.whole()) or _usual_design(bench)
    detectable = known.design.detectable(repeats) if known is not None and repeats > 1 else None
    cells, seconds = len(schedule.cells), expected(repeats)
    lines = [duration_line(repeats, seconds, workers, cells, len(left))]
    if repeats < asked:
        lines.append(f"All {asked} repeats would take about {clock(expected(asked))}.")
    if minutes is not None and seconds > budget * 1.05:
        lines.append(over_budget(minutes, repeats))
        lines += _what_takes_less(bench.settings, schedule, repeats, workers, budget)
    if repeats > 1:
        lines.append(UNKNOWN_POWER if known is None else power_line(detectable, known.repeats, known.room))
    if ended is not None:
        lines.append(sentences.nothing_left(ended))
    if keep_model:
        generator = costs.of([CellKey(0, min(bench.settings.shots), GENERATOR)])
        lines.append(keep_line(keep_seconds, generator if with_one else 0.0, len(bench.settings.models)))
    sentence = "\n".join([*lines, *overlap_notes(bench)])
    per_repeat = costs.of(key for key in schedule.cells if key.seed == asked - 1) / workers
    return TrialPlan(cells, seconds, per_repeat, repeats, detectable, workers, keep_seconds, sentence)


def _what_takes_less(
    settings: TrialSettings, schedule: Schedule, repeats: int, workers: int, budget: float
) -> list[str]:
    """Return how long arms take that need no generator, and models that are not trained as a whole, a line each.

    Where a trial would have generated images alone, composed ones take their place: the verdict is about new images.
    """

    def seconds() -> float:
        others = [key for key in work_list(settings) if key.seed < repeats and key not in schedule.done]
        return schedule.expected(others, workers)

    lines = []
    if any(ARMS[arm].needs_generator for arm in settings.arms):
        composes = any(ARMS[arm].needs_composed and ARMS[arm].new_images for arm in settings.arms)
        without = {"placebo"} if composes else {"placebo", "recommended"}  # which else would add generated images again
        plain = {arm for arm in settings.arms if not ARMS[arm].needs_generator and arm not in without}
        arms = tuple(in_order(plain if composes else plain | COMPOSED_INSTEAD))
        settings = settings.model_copy(update={"arms": arms})
        lines.append(generator_free_line(seconds(), arms, instead=not composes))
    frozen = tuple(model for model in settings.models if model in FROZEN)
    if 0 < len(frozen) < len(settings.models) and seconds() > budget:
        settings = settings.model_copy(update={"models": frozen})
        what = "Those arms with frozen networks alone take" if lines else "With frozen networks alone they take"
        lines.append(f"{what} about {clock(seconds())}: --models {','.join(frozen)}")
    return lines


def duration_line(repeats: int, seconds: float, workers: int, cells: int, left: int) -> str:
    """Return how long the trial takes, or what is left of it."""
    begun = left < cells
    work = f"{left} of {cells} cells are left" if begun else f"{cells} cells"
    done, more = plural(repeats, "repeat takes", "repeats take"), " more" * begun
    return f"{done} about {clock(seconds)}{more} with {plural(workers, 'worker')} ({work})."


def keep_line(seconds: float, generator: float, models: int) -> str:
    """Return how long the models to keep take, and a generator for them, 0 where none can be needed."""
    several = "s" * (models > 1)
    longer = f" (and about {clock(generator)} or more for a generator, if generated images help)" if generator else ""
    return f"Training the model{several} to keep takes about {clock(seconds)} at the end{longer}."


def over_budget(minutes: float, repeats: int) -> str:
    """Return that the budget does not suffice."""
    needed = f"the {repeats} repeats" + " that a verdict needs at least" * (repeats >= FEWEST_REPEATS)
    return f"A budget of {minutes:g} minutes is too short for {needed}."


def generator_free_line(seconds: float, arms: tuple[str, ...], *, instead: bool) -> str:
    """Return how long the arms take that need no generator; `instead`: composed images are in place of generated."""
    what = "With composed images in place of generated ones" if instead else "Without generated images"
    return f"{what} they take about {clock(seconds)}: --arms {','.join(arms)}"


def power_line(detectable: float | None, done: int, room: float) -> str:
    """Return what gain could be detected; `room` is the largest possible one, both are shares.

    `done` repeats showed the variation, 0: usual values are assumed.
    """
    basis = f"based on the {done} repeats that are done" if done else "based on the usual variation between repeats"
    if detectable is None or detectable > room:
        return f"The trial does not have {sentences.POWER} to detect any possible gain ({basis})."
    return f"The trial has {sentences.POWER} to detect a gain of {points(detectable)} points, {basis}."


def _usual_design(bench: Bench) -> Pilot | None:
    """Return usual values: nothing is known of the control but that it beats a guess. None where nothing is usual: how
    much pixel average precision varies depends on the material.

    Balanced accuracy and AUROC spread as in sketches on steel. Average precision of a rare class spreads more, for
    each repeat may rank its few images otherwise: as in simulated trials of 30 specimens whose classes a ranking tells
    apart in 96 of 100 pairs (`benchmarks/trial_calibration.py --only "rare class of 30"`).
    """
    settings = bench.settings
    if settings.task == "locate":
        return None
    test = bench.division.test
    labels = bench.dataset.labels[test]
    each = [len(np.unique(bench.division.groups[test[labels == code]])) for code in np.unique(labels)]
    groups = len(np.unique(bench.division.groups[test]))
    freedom = groups - len(bench.classes)
    if settings.unequal:  # the verdict rests on few images, and the fewest decide
        groups, freedom = min(each) * (1 if settings.rare else len(each)), min(each) - 1
    error = ERROR / (len(settings.shots) * len(settings.models))
    rivals = sum(not shows_new_images(arm) for arm in settings.arms)
    own, of_group, both = RARE_PARTS if settings.rare else USUAL_PARTS
    parts = Parts(own, of_group / np.sqrt(groups), both / np.sqrt(groups))
    design = Design(parts, max(1, freedom), error, max(1, rivals))
    return Pilot(design, 0, 1 - 1 / len(bench.classes))


def _generator_seconds(bench: Bench, images: int, seconds_per_kimg: float, *, fold: bool = False) -> float:
    settings = bench.settings
    if settings.generator is not None:
        return 5.0
    sampling = 0.03 * settings.made * len(bench.dataset.classes)
    if settings.generator_minutes is not None:
        return settings.generator_minutes * 60 + sampling
    return (settings.kimg(images, fold=fold) or 0.0) * seconds_per_kimg + sampling


def _seconds_per_kimg(bench: Bench) -> float:
    """Return the processor's seconds that a generator takes for a thousand images: a few steps are timed."""
    settings, recipe = bench.settings, find_recipe(bench.settings.recipe)
    shots = bench.shots(0, max(settings.shots))
    if not recipe.learns:
        return 0.0
    if (settings.kimg(len(shots)) or 0.0) <= SHORT or not recipe.knows_classes:
        return SECONDS_PER_KIMG * recipe.resolution[0] * recipe.resolution[1] / 64**2
    data = bench.dataset.take(shots.tolist())

    def timed(steps: int) -> float:
        kimg = steps * recipe.batch / 1000
        started, used = time.perf_counter(), time.process_time()
        with tempfile.TemporaryDirectory() as aside:
            run = train(data, Path(aside) / "run", recipe, kimg=kimg, seed=0, unlabelled=bench.outside)
            seconds = float(require_checkpoint(run).facts["seconds"])
        share = (time.process_time() - used) / (time.perf_counter() - started)  # of a core that this process got
        return min(1.0, share) * seconds / kimg

    with one_thread():
        timed(1)  # what only the first step of a process does
        return timed(GENERATOR_STEPS)


def _seconds_for_a_second(workers: int) -> float:
    """Return how long a second of the processor's work takes while `workers` cores are at it: longer where cores slow
    each other down, or other programs run.
    """
    workers = min(workers, usable_cores())

    def work(_: int) -> tuple[float, float]:
        images, weights = torch.ones(16, 64, 32, 32), torch.ones(64, 64, 3, 3)
        started, used = time.perf_counter(), time.thread_time()
        for _ in range(CONVOLUTIONS):
            torch.nn.functional.conv2d(images, weights)
        return time.perf_counter() - started, time.thread_time() - used

    with one_thread(), ThreadPoolExecutor(workers) as threads:
        alone = min(work(0)[1] for _ in range(ROUNDS))
        together = [taken for _ in range(ROUNDS) for taken, _ in threads.map(work, range(workers))]
    return max(1.0, float(np.mean(together)) / alone)


def _arm_seconds(bench: Bench, model: str) -> float:
    """Return the processor's seconds of one model, from the difference of a short and a shorter training; on
    frozen features, of which most of the time goes into working them out, from one training.
    """
    shots = bench.shots(0, min(bench.settings.shots))
    images, labels = torch.from_numpy(bench.images[shots]), bench.dataset.labels[shots]

    def timed(steps: int) -> tuple[float, torch.nn.Module]:
        started = time.process_time()
        if bench.masks is not None:
            masked = MaskedImages(images, torch.from_numpy(bench.masks[shots]), torch.from_numpy(labels))
            network = fit_locator(bench.settings.locator(model, steps=steps), masked, 0)
        else:
            real = LabelledImages(images, torch.from_numpy(bench.targets(labels)))
            settings = bench.settings.classifier(model, steps=steps)
            network = fit(settings, real, len(bench.classes), 0, good=bench.good_number)
        return time.process_time() - started, network

    with one_thread():
        if model in (*FROZEN, locator.FROZEN):
            training, network = timed(bench.settings.steps)
        else:
            timed(1)
            short, _ = timed(2)
            longer, network = timed(2 + PROBE_STEPS)
            training = short + max(0.0, longer - short) / PROBE_STEPS * bench.settings.steps
        started = time.process_time()
        tested = torch.from_numpy(bench.images[bench.division.test[:JUDGED]])
        (predict if bench.masks is None else predict_maps)(network, tested)
        prediction = (time.process_time() - started) * len(bench.division.test) / len(tested)
        prediction *= float(2 ** len(bench.settings.mirrored(model)))
    return training + prediction
