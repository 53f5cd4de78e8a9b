"""What a generator is trained on, and where."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from flawforge.data.dataset import Dataset
from flawforge.data.sampling.joined import join
from flawforge.runs.run_settings import Selection
from flawforge.training.estimated_masks import EstimatedMasks
from flawforge.training.processes.processes import Processes


@dataclass(frozen=True)
class TrainingInputs:
    """What is trained on and where.

    Attributes:
        chosen: the images that were chosen.
        unlabelled: images without a class to train on as well, or None.
        donors: images of other classes in the data, for their light, or None.
        barred: SHA-256 of chosen images that may give none.
        good: SHA-256 of donors without a defect, on which defects can be put.
        masks: those that were estimated for the chosen images, or None: the recipe needs none.
        selection: how they were chosen.
        device: where the networks are.
        threads: of PyTorch.
        processes: those that train together.
    """

    chosen: Dataset
    unlabelled: Dataset | None
    selection: Selection
    device: torch.device
    threads: int
    processes: Processes
    donors: Dataset | None = None
    barred: tuple[str, ...] = ()
    good: tuple[str, ...] = ()
    masks: EstimatedMasks | None = None

    @property
    def others(self) -> Dataset | None:
        """Unlabelled images and donors together; None: there are none."""
        if self.donors is None or self.unlabelled is None:
            return self.unlabelled if self.donors is None else self.donors
        return join(self.donors, self.unlabelled).scaled_as(self.chosen)
