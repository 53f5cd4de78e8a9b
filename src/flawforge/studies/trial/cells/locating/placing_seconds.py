"""How long it takes to make the images of a recipe that puts defects on real ones: once for all arms and models of a
repeat.
"""

from __future__ import annotations

from time import process_time

from flawforge.studies.trial.cells.locating.arms import PlacedImages
from flawforge.studies.trial.setup.bench import Bench
from flawforge.training.placing import batches

STEPS = 3  # of the network, timed after the first
FEW = batches.REBUILT  # windows of a class, and images: of each kind of window as in a training


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
