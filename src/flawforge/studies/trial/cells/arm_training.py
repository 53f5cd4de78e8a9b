"""Training the classifier of one arm of a trial, in one repeat."""

from __future__ import annotations

import torch

from flawforge.core.arrays import Floats, Floats32, Ints
from flawforge.core.settings.arms import ARMS
from flawforge.models.classifier import Mirrored, ShiftedLogits
from flawforge.models.one_class import Joined
from flawforge.studies.trial.cells.arms import EXTRAS, brought
from flawforge.studies.trial.cells.composing import ComposedUsage
from flawforge.studies.trial.cells.generator import DEFAULT_USAGE, GeneratedBatch, Usage
from flawforge.studies.trial.cells.material import UNTUNED, ArmMaterial, Extra
from flawforge.training.classifier.fit import fit, predict
from flawforge.training.classifier.labelled_images import shown_shares
from flawforge.training.processes.device import resolve_device

NOTHING = Extra()  # beside the real images


class ArmTraining(ArmMaterial):
    """Trains one repeat's classifiers on some of its images."""

    def train(
        self, arm: str, generated: GeneratedBatch | None = None, usage: Usage | ComposedUsage = DEFAULT_USAGE
    ) -> torch.nn.Module:
        """Return the classifier of one arm.

        Args:
            arm: its name.
            generated: of the repeat's generator, for arms that use generated images.
            usage: how the arm `filtered` uses them, or an arm of composed images these.

        Raises:
            ValueError: there is no such arm, or it lacks generated images.
        """
        if arm not in EXTRAS and not ARMS[arm].brought:
            raise ValueError(f"no arm is named {arm!r}")
        if ARMS[arm].needs_generator and generated is None:
            raise ValueError(f"arm {arm} needs generated images")
        extra = brought(self, arm) if ARMS[arm].brought else EXTRAS[arm](self, generated, usage)
        settings, real = extra.settings or self.settings, self.real
        if extra.one_class is not None and not extra.trained:
            return extra.one_class
        if arm != UNTUNED:
            real = self.drawn
            settings = settings.model_copy(update={"adjusted_loss": self.sampling.in_loss})
        shown = (real, self.width, self.seed, extra.material, extra.share)
        network = fit(settings, *shown, device=resolve_device(), good=self.bench.good_number)
        for axis in () if arm == UNTUNED else self.bench.settings.mirrored(self.model):
            network = Mirrored(network, axis)
        if extra.one_class is not None:
            joined = Joined(network, extra.one_class)  # its images are ranked, which no shift changes
            joined.balance(self.good)
            return joined.eval()
        if arm == UNTUNED or not self.sampling.strength:
            return network
        return ShiftedLogits(network, self.sampling.shift(self.shown(extra), self.counts)).eval()

    def shown(self, extra: Extra = NOTHING) -> Floats:
        """Return how often the classical arm, or one that shows more, shows each class, (K,) shares."""
        found = shown_shares(self.settings, self.drawn, self.width, extra.material, extra.share)
        shares: Floats = found.double().numpy()
        return shares

    def predictions(self, network: torch.nn.Module, indices: Ints) -> Floats32:
        """Return (n, K) probabilities on these images of the bench."""
        found: Floats32 = predict(network, torch.from_numpy(self.bench.images[indices])).numpy()
        return found
