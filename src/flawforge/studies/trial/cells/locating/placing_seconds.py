"""How long the images of recipe `placed` take, which are made once for all arms and models of a repeat."""

from __future__ import annotations

from itertools import pairwise
from time import process_time

from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipes import RECIPES
from flawforge.data.sampling.grounds import Grounds
from flawforge.studies.trial.cells.locating.arms import shots_as_material
from flawforge.studies.trial.setup.bench import Bench
from flawforge.training.placing import batches
from flawforge.training.placing.choice import build_engine, choose_placing
from flawforge.training.placing.fit import PlacerTraining
from flawforge.training.processes.device import resolve_device

STEPS = 3  # of the network, timed after the first
FEW = batches.REBUILT  # windows of a class, and images: of each kind of window as in a training


def placing_seconds(bench: Bench) -> float:
    """Return the processor's seconds in which the network of recipe `placed` is trained on the first repeat's shots,
    and makes its images: a few windows, steps and images are timed.

    Raises:
        DataUnusableError: no defect can be cut out, or those of a class fit no ground.
    """
    settings, recipe, device = bench.settings, RECIPES["placed"], resolve_device()
    material = shots_as_material(bench, bench.shots(0, max(settings.shots)))
    grounds, times = Grounds(material), [process_time()]
    chosen = choose_placing(recipe, material)
    times.append(process_time())
    training = PlacerTraining(recipe, material, grounds, chosen, 0, device, FEW)
    times.append(process_time())
    training.train(1)  # what only the first step of a process does
    times.append(process_time())
    network = training.train(STEPS)
    times.append(process_time())
    for label in chosen.symmetries:
        engine = build_engine(recipe, material, grounds, label, chosen, None, network, device)
        for number in range(FEW):
            engine.image(numpy_stream(0, "augmentation", "placed", label, number))
    times.append(process_time())
    choosing, laying, _, learning, making = (after - before for before, after in pairwise(times))
    whole = laying * batches.POOL / FEW + learning * training.steps / STEPS + making * settings.made / FEW
    return choosing + whole
