"""Images of the recipes that put defects on real ones, made once for all arms and models of a repeat, and how long that
takes.
"""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import numpy as np
from torch import nn

from flawforge.core.arrays import Arrays, Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.images import to_pixels
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipe import Placing
from flawforge.core.settings.recipes import RECIPES
from flawforge.data.augmentation.masks import fitted_mask
from flawforge.data.classifier_view import seen
from flawforge.data.good_names import GOOD
from flawforge.data.sampling.grounds import Grounds
from flawforge.data.sampling.material import Material
from flawforge.studies.trial.setup.bench import Bench
from flawforge.training.placing import batches
from flawforge.training.placing.choice import ChosenPlacing, build_engine, choose_placing
from flawforge.training.placing.fit import PlacerTraining
from flawforge.training.processes.device import resolve_device

PLACING = Placing()
STEPS = 3  # of the network, timed after the first
FEW = batches.REBUILT  # windows of a class, and images: of each kind of window as in a training


class PlacedImages:
    """Images as a recipe that puts defects on real images makes them of the shots, at their own size, then reduced like
    real ones.

    Args:
        bench: of the trial, with masks.
        shots: indices of the real images.
        name: of the recipe.

    Raises:
        DataUnusableError: no class has a defect that can be placed.
    """

    def __init__(self, bench: Bench, shots: Ints, name: str) -> None:
        self.bench, self.recipe = bench, RECIPES[name]
        self.material = shots_as_material(bench, shots)
        self.grounds = Grounds(self.material)
        self.chosen = None if name == "procedural" else choose_placing(self.recipe, self.material)

    def training(self, seed: int, pool: int | None = None) -> PlacerTraining | None:
        """Return the training of the recipe's network, on `pool` windows of each class (unset: its own number); None
        where it has none.
        """
        if self.chosen is None or not self.recipe.learns:
            return None
        return PlacerTraining(self.recipe, self.material, self.grounds, self.chosen, seed, resolve_device(), pool)

    def make(self, network: nn.Module | None, seed: int, count: int) -> Arrays:
        """Return `count` images of each class, as `as_masked` takes them by name.

        Raises:
            DataUnusableError: no defect fits a ground.
        """
        bench, size = self.bench, self.bench.settings.resolution
        defects = [label for code, label in enumerate(bench.dataset.classes) if code != bench.good_number]
        images, masks, codes, problem = [], [], [], None
        for label in defects if self.chosen is None else self.chosen.symmetries:
            how = self.chosen or ChosenPlacing(replace(PLACING, label=label), {}, "")
            try:
                engine = build_engine(
                    self.recipe, self.material, self.grounds, label, how, None, network, resolve_device()
                )
                for number in range(count):
                    made = engine.image(numpy_stream(seed, "augmentation", self.recipe.name, label, number))
                    pixels = to_pixels(2 * made.placed.pixels - 1)
                    images.append(seen(pixels, 255, self.material.channels, size, bench.quality))
                    masks.append(fitted_mask(made.mask, size))
                    codes.append(bench.dataset.classes.index(label))
            except DataUnusableError as error:  # a class whose defects fit no ground: others have theirs
                problem = error
        if not images and problem is not None:
            raise problem
        return {"images": np.stack(images), "masks": np.stack(masks), "labels": np.array(codes, np.int64)}


def placed_arrays(bench: Bench, shots: Ints, seed: int, name: str) -> Arrays:
    """Return the images of a recipe that an arm shows: see `PlacedImages`, also for the errors.

    Args:
        bench: of the trial, with masks.
        shots: indices of the real images.
        seed: of the recipe's network and the images.
        name: of the recipe.

    Returns:
        What `as_masked` takes, by name.
    """
    placed = PlacedImages(bench, shots, name)
    training = placed.training(seed)
    return placed.make(None if training is None else training.train(training.steps), seed, bench.settings.made)


def shots_as_material(bench: Bench, shots: Ints) -> Material:
    """Return the shots, the class of good images under a name that is understood everywhere."""
    data = bench.dataset.take(shots.tolist())
    name = None if bench.good_number is None else bench.dataset.classes[bench.good_number]
    samples = (replace(one, label=GOOD[0]) if one.label == name else one for one in data.samples)
    return Material(replace(data, samples=tuple(samples)), channels=bench.images.shape[1])


def placing_seconds(bench: Bench, name: str) -> float:
    """Return the processor's seconds in which a recipe learns from the first repeat's shots, if it does, and makes its
    images: a few windows, steps and images are timed.

    Args:
        bench: of the trial, with masks.
        name: of the recipe.

    Raises:
        DataUnusableError: no defect can be cut out, or none fits a ground.
    """
    shots, started = bench.shots(0, max(bench.settings.shots)), process_time()
    placed = PlacedImages(bench, shots, name)
    seconds, network = process_time() - started, None
    started = process_time()
    training = placed.training(0, FEW)
    if training is not None:
        seconds += (process_time() - started) * batches.POOL / FEW
        training.train(1)  # what only the first step of a process does
        started = process_time()
        network = training.train(STEPS)
        seconds += (process_time() - started) * training.steps / STEPS
    started = process_time()
    placed.make(network, 0, FEW)
    return seconds + (process_time() - started) * bench.settings.made / FEW
