"""One cell of the task locate: a locator is trained, and what its maps say of the test images is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from flawforge.core.arrays import Arrays, Ints
from flawforge.metrics.detection.boxes import tabulate_boxes
from flawforge.metrics.detection.pixels import tabulate
from flawforge.runs.cells import LOCATED, MAPS, CellKey
from flawforge.studies.trial.cells.locating.arms import LocatorArms
from flawforge.studies.trial.setup.bench import Bench
from flawforge.training.composition import Chosen
from flawforge.training.locator.fit import predict_maps

SHOWN = 0  # the repeat whose maps are kept for pictures


def located(
    bench: Bench, shots: Ints, seed: int, key: CellKey, composition: Chosen | None, placed: Mapping[str, Arrays]
) -> tuple[Arrays, dict[str, Any]]:
    """Train a locator as an arm, and return what is kept of its maps of the test images, and facts."""
    assert bench.masks is not None
    test = bench.division.test
    network = LocatorArms(bench, shots, seed, key.model, composition, placed).train(key.arm)
    maps = predict_maps(network, torch.from_numpy(bench.images[test])).numpy()
    truth = bench.masks[test]
    arrays: Arrays = {LOCATED: np.hstack([tabulate(maps, truth), tabulate_boxes(maps, truth)])}
    if key.seed == SHOWN:
        arrays[MAPS] = np.rint(maps * 255).astype(np.uint8)
    return arrays, {"images": len(shots), "steps": bench.settings.steps, "batch": bench.settings.batch}
