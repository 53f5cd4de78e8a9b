"""A user's own parts, held to their word before the first cell runs: a classifier of theirs, and a generator.

What is refused here would not fail later: it would become part of a verdict without a word. A factory that returns the
same network each time, say, lets each cell go on from the weights that the cell before left.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from flawforge.core.arrays import Ints
from flawforge.core.errors import FlawforgeError, RunBrokenError, SettingError
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import derive
from flawforge.core.worker_process import WorkerProcess
from flawforge.models.classifier import build_classifier
from flawforge.models.locators import build_locator
from flawforge.studies.trial.cells.generator import generator_seed, user_images
from flawforge.studies.trial.cells.work_list import GENERATOR
from flawforge.studies.trial.execution.local import WORKERS_LOG, one_thread
from flawforge.studies.trial.setup.bench import Bench, load_bench
from flawforge.training.classifier.fit import fit, predict
from flawforge.training.classifier.labelled_images import LabelledImages, as_unit_floats
from flawforge.training.locator.fit import MaskedImages, fit_locator, predict_maps

DRY_STEPS = 2  # optimiser steps of a trial training
DRY_IMAGES = 2  # of each class, of a generator
SHOWN = 16  # images that a network is tried on
TO_ONE = 1e-4  # by how much the sum of probabilities may differ from 1
LOGITS = "The trial applies softmax itself"


def try_classifiers(bench: Bench, progress: Progress = SILENT) -> None:
    """Build and train each classifier of the user's own for two steps.

    Raises:
        SettingError: it cannot serve: the factory returns one network each time, or networks that share weights; the
            network has no weights to train, or its output does not depend on them; it gives probabilities instead of
            logits; or the same seed gives another network or another training.
    """
    for name in bench.settings.models:
        if ":" in name:
            progress.say(f"Trying the model {name}: {DRY_STEPS} training steps, twice, which do not count.")
            with one_thread():
                _try_classifier(bench, name)


def _try_classifier(bench: Bench, name: str) -> None:
    shots = bench.shots(0, min(bench.settings.shots))
    images, labels = torch.from_numpy(bench.images[shots]), bench.targets(bench.dataset.labels[shots])
    build, train, judge = _ways(bench, name, shots, images, torch.from_numpy(labels))
    first, second = build(), build()
    if first is second:
        raise _refused(
            name,
            "returns the same network each time. Each classifier of the trial would go on from the weights that the "
            "one before left, and the result would depend on their order. Build a new network in each call",
        )
    before, other = _state(second), _different(_state(first), _state(second))
    _try_output(name, first, as_unit_floats(images[:: max(1, len(images) // SHOWN)].contiguous()))
    try:
        trained = train()
    except FlawforgeError:
        raise
    except Exception as error:
        raise _refused(name, f"gave a network whose training fails: {type(error).__name__}: {error}") from error
    shared = _different(_state(second), before)
    if shared:
        raise _refused(
            name,
            f"returns networks that share weights ({shared}): training one changes the others, and the result would "
            f"depend on their order. Build all of it in each call, or copy what is shared (copy.deepcopy)",
        )
    if other:
        raise _refused(
            name,
            f"returns other first weights each time ({other}), also with the same seed, so that arms would not begin "
            f"alike. Draw them from PyTorch's global generator, which the trial seeds, and draw as often in each call",
        )
    weights = {key for key, weight in trained.named_parameters() if weight.requires_grad}
    if not _different(_state(trained), before, weights):
        raise _refused(name, f"gave a network none of whose weights changes in training ({len(weights)} could)")
    if not torch.equal(judge(trained, images), judge(train(), images)):
        raise _refused(
            name,
            "gives another result when the same training is done again with the same seed, so that the result would "
            "depend on the order of the cells. Keep nothing between two calls, and draw random numbers from PyTorch's "
            "global generator alone",
        )


def _ways(
    bench: Bench, name: str, shots: Ints, images: Tensor, labels: Tensor
) -> tuple[Callable[[], nn.Module], Callable[[], nn.Module], Callable[[nn.Module, Tensor], Tensor]]:
    """Return how a network of the user's is built, trained for a few steps, and asked, as the task does it."""
    classes, (channels, height, width) = len(bench.classes), images.shape[1:]
    seed, settings = derive(bench.settings.seed, "weights", "dry"), bench.settings
    if bench.masks is not None:
        shown, size = MaskedImages(images, torch.from_numpy(bench.masks[shots]), labels), (height, width)
        locator = settings.locator(name, steps=DRY_STEPS)
        return (
            partial(build_locator, name, channels, size, seed),
            partial(fit_locator, locator, shown, seed),
            predict_maps,
        )
    real, classifier = LabelledImages(images, labels), settings.classifier(name, steps=DRY_STEPS)
    build = partial(build_classifier, name, classes, channels, (height, width), seed)
    return build, partial(fit, classifier, real, classes, seed), predict


def _try_output(name: str, network: nn.Module, images: Tensor) -> None:
    """Refuse a network without a weight to train, one whose output has no gradient, and one that gives probabilities.

    Some networks do otherwise in training than in evaluation, so both are tried.
    """
    if not any(weight.requires_grad for weight in network.parameters()):
        raise _refused(name, "gave a network with no weight to train (no parameter has requires_grad)")
    try:
        with torch.random.fork_rng(devices=[]):
            shown = {"training": network.train()(images), "evaluation": network.eval()(images)}
    except Exception as error:
        raise _refused(name, f"gave a network that fails in training: {type(error).__name__}: {error}") from error
    if not (isinstance(shown["training"], Tensor) and shown["training"].requires_grad):
        raise _refused(
            name,
            "gave a network whose output has no gradient: something in it is detached, or computed under "
            "torch.no_grad(), so that nothing can be learned",
        )
    for mode, output in shown.items():
        sums = output.detach().float().sum(1)
        map_of_chances = output.ndim == 4 and bool((output <= 1).all())
        if bool((output >= 0).all()) and (map_of_chances or bool(((sums - 1).abs() < TO_ONE).all())):
            raise _refused(
                name,
                f"gave a network that returns probabilities in {mode} (each row is not negative and sums to 1), not "
                f"logits. {LOGITS}; leave the softmax at its end out"
                if output.ndim < 4
                else f"gave a network that returns chances in {mode} (all are from 0 to 1), not logits. The trial "
                f"applies the sigmoid itself; leave it out",
            )


def _state(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all weights and buffers by name."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _different(one: dict[str, Tensor], other: dict[str, Tensor], among: set[str] | None = None) -> str:
    """Return the first name whose values differ; empty where none does."""
    names = [name for name in one if among is None or name in among]
    return next((name for name in names if name not in other or not torch.equal(one[name], other[name])), "")


def _refused(name: str, what: str) -> SettingError:
    return SettingError(f"model is '{name}', which {what}.")


def try_generator(bench: Bench, folder: Path, *, apart: bool, progress: Progress = SILENT) -> None:
    """Ask a generator of the user's own, if the trial has one, for a few images of the first repeat.

    Args:
        bench: of the trial.
        folder: of the trial, where the bench is.
        apart: call it in a process of its own, whose output goes to the workers' log, as the cells do.
        progress: where to say so.

    Raises:
        SettingError: what it returns cannot serve (see `user_images`), or it fails.
    """
    if bench.settings.generator is None:
        return
    progress.say(
        f"Trying the generator {bench.settings.generator}: one call for {DRY_IMAGES} images per class from the first "
        f"repeat's training images, which does not count. (If it trains for long, so does this.)"
    )
    if not apart:
        _call_generator(bench)
        return
    worker = WorkerProcess(folder.resolve() / WORKERS_LOG)
    try:
        worker.submit(_call_apart, folder.resolve()).result()
    except BrokenProcessPool:
        raise RunBrokenError(
            f"--generator {bench.settings.generator} ended the process that it was tried in. What it printed is in "
            f"{folder / WORKERS_LOG}."
        ) from None
    finally:
        worker.end()


def _call_apart(folder: Path) -> None:
    with one_thread():
        try:
            _call_generator(load_bench(folder))
        except FlawforgeError:
            raise
        except (Exception, SystemExit):  # noqa: BLE001 - of a user's module: its class may not come through the pipe
            raise RuntimeError(f"the generator failed when it was tried:\n{traceback.format_exc()}") from None


def _call_generator(bench: Bench) -> None:
    fewest = min(bench.settings.shots)
    user_images(bench, bench.shots(0, fewest), generator_seed(bench, 0, fewest, GENERATOR), DRY_IMAGES)
