"""Training a generator: the run altitude. The loop stands in `flawforge.training.loop.loop`, a step in `step`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from flawforge.core.errors import DataUnusableError, TrainingInterruptedError
from flawforge.core.locks import FolderLock
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.core.settings.recipe import Recipe
from flawforge.data.dataset import Dataset
from flawforge.data.grouping.shots import check_shots
from flawforge.data.inspection.warnings import tell_warnings
from flawforge.data.reading.load import load, tell_unlabelled
from flawforge.data.reading_choices import AS_USUAL, ReadingChoices
from flawforge.data.sampling.grounds import Grounds
from flawforge.data.sampling.joined import join
from flawforge.data.sampling.material import Material, donors_in
from flawforge.data.sampling.unlabelled import load_unlabelled
from flawforge.runs.folder import Run
from flawforge.runs.run_settings import Selection
from flawforge.training.composition import choose_composition, compose_run
from flawforge.training.estimated_masks import EstimatedMasks
from flawforge.training.health.judge import find_judge
from flawforge.training.loop.checkpoint_keeper import CheckpointKeeper
from flawforge.training.loop.loop import Loop
from flawforge.training.loop.previews import Previews
from flawforge.training.loop.training_log import TrainingLog
from flawforge.training.native.batches import NativeBatches
from flawforge.training.native.previews import NativePreviews
from flawforge.training.placing.batches import PlacedBatches
from flawforge.training.placing.choice import check_placing, choose_placing, placing_run
from flawforge.training.placing.previews import PlacedPreviews
from flawforge.training.processes.device import honest_float32, resolve_precision, set_threads
from flawforge.training.processes.group import start_processes
from flawforge.training.setup.batches import Batches, real_batches
from flawforge.training.setup.inputs import TrainingInputs
from flawforge.training.setup.masks import masks_for
from flawforge.training.setup.opening import MIN_IMAGES, OpenedRun, check_disk_space, open_run
from flawforge.training.setup.request import TrainingRequest
from flawforge.training.state.plan import Clock
from flawforge.training.state.state import TrainingState

Light = tuple[Dataset | None, tuple[str, ...], tuple[str, ...], EstimatedMasks | None]


def train(
    data: Dataset | str | Path,
    out: str | Path,
    recipe: Recipe | str | Path | None = None,
    *,
    minutes: float | None = None,
    kimg: float | None = None,
    classes: Sequence[str] | None = None,
    shots: int | None = None,
    unlabelled: Dataset | str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    wait: bool = False,
    tensorboard: bool = False,
    checkpoint_seconds: float = 60.0,
    previews: int = 16,
    budget: float | None = None,
    command: str = "flawforge.train(...)",
    choices: ReadingChoices = AS_USUAL,
    progress: Progress = SILENT,
    **changes: Any,
) -> Run:
    """Train a generator on a dataset and leave a run folder.

    Args:
        data: a folder, the word ``elpv``, or a dataset from `flawforge.load`.
        out: the run folder to make, or to go on with (`resume`).
        recipe: a recipe, its name, or a TOML file; None takes the default (or, with `resume`, the run's own).
        minutes: train for so long instead of the recipe's length, reading included, over all sessions of the run. With
            `kimg` too, whichever ends first. Where reading takes all of it, that is an error.
        kimg: train for so many thousand images instead of the recipe's length.
        classes: the classes to learn; None takes all.
        shots: images per class to learn from; a class with fewer gives all, but one must have so many. None takes all.
        unlabelled: a folder of more images of the same line, whose classes are not known or not wanted: surfaces are
            learnt from them as from a class of their own, which is never made. See
            `flawforge.data.sampling.unlabelled`.
        seed: of every random stream; the same seed on the same machine gives the same weights, bit for bit.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:0``, ...
        resume: go on exactly where the run stopped. Weights end bit-equal (on a CPU, with as many threads) to a run
            that was never stopped. A folder without a run is begun anew.
        wait: wait for another process that trains in `out`; else it is refused.
        tensorboard: also write logs for TensorBoard (extra ``tensorboard``).
        checkpoint_seconds: time between checkpoints; what a crash can cost. Longer when writing one is slow.
        previews: grids over the training; 0 draws none.
        budget: minutes that the user gave the whole job, of which training is a part; kept in run.json.
        command: what to write into run.json as the way to reproduce it.
        choices: how the folder is read, where its files leave it open; kept in run.json.
        progress: where to tell how it goes.
        changes: fields of the recipe to set, e.g. ``batch=16``.

    Returns:
        The run. Its newest checkpoint is whole and says why training ended (``kimg`` or ``minutes``).

    Raises:
        DataNotFoundError, DataUnusableError: the data.
        SettingError: a setting.
        RunExistsError: `out` is taken. FolderBusyError: another process trains in it.
        DeviceError: no such device.
        TrainingDivergedError: a loss is no number.
        DiskFullError, RunUnwritableError: the disk.
        TrainingInterruptedError: Ctrl-C, after all was saved (it is also a KeyboardInterrupt).
    """
    check_numbers(minutes=minutes, shots=shots, checkpoint_seconds=checkpoint_seconds, previews=previews)
    clock = Clock()
    lock = FolderLock(Path(out), "training", command, wait, progress)
    with start_processes() as processes, ExitStack() as held:
        if not processes.first:
            progress, previews = SILENT, 0
        where = processes.connect(device)
        threads = set_threads() if where.type == "cpu" else torch.get_num_threads()
        request = TrainingRequest(Path(out), recipe, {**changes, "kimg": kimg}, minutes, seed, resume, budget, command)
        if processes.first:
            request.check()
            held.enter_context(lock)
        part, others, light, selection = _choose(data, choices, unlabelled, classes, shots, request, progress)
        seen = part.fingerprint if others is None else join(part, others).fingerprint
        processes.check_same(seen, f"the images of {part.source}" + (f" and {others.source}" if others else ""))

        # The run folder: the resolved settings are on disk before anything else happens.
        inputs = TrainingInputs(part, others, selection, where, threads, processes, *light)
        if not request.resolved.learns:
            return _without_learning(request, inputs, previews > 0, progress)
        opened = open_run(request, inputs, progress)
        precision = processes.tell(resolve_precision(opened.plan.recipe.precision, where))
        labels = opened.plan.recipe.labels(opened.training.classes, unlabelled=others is not None)
        state = TrainingState(opened.plan.recipe, opened.plan.channels, seed, where, precision, labels, processes)
        if processes.first:
            check_disk_space(opened.run, state.tensors())
        log = TrainingLog(opened.run, state, clock, progress, tensorboard=tensorboard)
        loop = _loop(opened, inputs, state, log, previews, checkpoint_seconds, command, progress)
        with honest_float32(precision):
            reason = loop.run_to_the_end(progress)
        if reason == "interrupted":
            raise TrainingInterruptedError(
                f"interrupted at {state.shown / 1000:.1f} kimg; everything is saved in {opened.run.path}. "
                f"To resume, run the same command again{'' if resume else ' with --resume'}."
            )
        return opened.run


def _without_learning(request: TrainingRequest, inputs: TrainingInputs, previews: bool, progress: Progress) -> Run:
    """Leave a run of a recipe that trains nothing."""
    if request.resolved.places:
        return placing_run(open_run(request, inputs, progress), inputs, request.seed, previews, progress)
    return compose_run(open_run(request, inputs, progress), inputs, request.seed, previews, progress)


def _loop(
    opened: OpenedRun,
    inputs: TrainingInputs,
    state: TrainingState,
    log: TrainingLog,
    previews: int,
    checkpoint_seconds: float,
    command: str,
    progress: Progress,
) -> Loop:
    """Return the loop, with the state of the newest checkpoint where there is one."""
    run, plan, part, seed = opened.run, opened.plan, opened.training, state.seed
    pixels = part.pixels(plan.recipe.resolution, plan.channels, progress)
    judge = find_judge(opened, pixels, state.device, seed, progress) if state.processes.first else None
    grids = Previews(run, plan.recipe.latent, seed, part.white, len(part.classes))
    keeper = CheckpointKeeper(run, state, judge, log, log.clock, progress)
    batches: Batches
    if plan.recipe.composes:
        material = Material(part, inputs.others, inputs.barred, plan.channels, progress)
    if plan.recipe.places:
        how = choose_placing(plan.recipe, material, progress, inputs.good)
        keeper.kept = {"composition": how.facts()}
        grounds = Grounds(material, inputs.good)
        batches = PlacedBatches(material, grounds, how, plan.recipe, seed, state.processes, progress)
        grids = PlacedPreviews(run, seed, part.white, batches)
    elif plan.recipe.composes:
        chosen = choose_composition(plan.recipe, material, progress)
        keeper.kept = {"composition": chosen.facts()}
        batches = NativeBatches(material, chosen, plan.recipe, seed, state.processes, progress)
        grids = NativePreviews(run, seed, part.white, batches)
    else:
        batches = real_batches(part, pixels, inputs.unlabelled, plan, seed, state.processes, progress)
    loop = Loop(plan, batches, grids, keeper, previews, checkpoint_seconds)
    if not loop.restore(command) and previews:
        loop.grids.draw_real(part, pixels, seed)
    return loop


def _choose(
    data: Dataset | str | Path,
    choices: ReadingChoices,
    unlabelled: Dataset | str | Path | None,
    classes: Sequence[str] | None,
    shots: int | None,
    request: TrainingRequest,
    progress: Progress,
) -> tuple[Dataset, Dataset | None, Light, Selection]:
    """Return the images to train on, with masks where the recipe needs them; the unlabelled ones beside them; those
    that give light to composed images (`donors_in`) and the estimated masks; and what was selected.
    """
    whole, recipe = load(data, choices, progress=progress), request.resolved
    if not isinstance(data, Dataset):  # else the caller read it and knows
        tell_unlabelled(whole, progress)
        tell_warnings(whole.select(classes), progress)
    if not request.continues:  # else it continues as it was begun
        check_shots(whole.select(classes).counts, shots)
    part = whole.select(classes, shots, request.seed, progress)
    if len(part) < (MIN_IMAGES if recipe.learns else 1):
        found = f"{part.source} has {len(part)} usable image"
        if shots is not None and shots < MIN_IMAGES:
            found = f"--shots {shots} leaves {len(part)} image"
        raise DataUnusableError(f"{found}; a generator needs {MIN_IMAGES} or more.")
    others = load_unlabelled(unlabelled, whole, part, progress) if unlabelled is not None else None
    own = sorted({sample.sha256 for sample in part.samples}) if isinstance(data, Dataset) else None
    light = donors_in(whole, part, progress) if recipe.composes else (None, (), ())
    masks = masks_for(request, part, light[0], light[2], progress)
    part = part if masks is None else masks.data
    if recipe.places:
        check_placing(recipe, part, light[2])
    selection = Selection(classes=None if classes is None else list(classes), shots=shots, samples=own)
    return part, others, (*light, masks), selection
