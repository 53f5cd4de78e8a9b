"""How batches are drawn where classes have unlike numbers of training images, and what corrects the logits for it.

A classifier learns how often each class was shown. Where that is not how often it counts, its logits can be adjusted by
the logarithm of these shares (Menon et al. 2021, 2007.07314): in the loss (equation 10), or afterwards (equation 9).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from flawforge.core.arrays import Floats


class Sampling(BaseModel):
    """One strategy of drawing batches and adjusting logits.

    Attributes:
        order: of the real images: ``balanced`` shows each class equally often, ``natural`` each image.
        in_loss: the loss sees the logits plus the logarithm of how often each class is shown.
        strength: of a shift of the finished classifier's logits; 0 to 2. For the natural order it is along how often
            the arm has shown each class, generated images counted in; for the balanced order, in which all classes are
            shown equally often, along the classes' numbers of training images. 0 shifts nothing.
    """

    model_config = ConfigDict(frozen=True)
    order: Literal["balanced", "natural"] = "balanced"
    in_loss: bool = False
    strength: float = 0.0

    @property
    def name(self) -> str:
        """In records and on pages."""
        words = "class-balanced batches" if self.order == "balanced" else "batches in natural proportions"
        if self.in_loss:
            return f"{words}, logits adjusted in the loss"
        return f"{words}, logits shifted by {self.strength:g}" if self.strength else words

    def shift(self, shown: Floats, counts: Floats) -> Floats:
        """Return what is added to the logits of a finished classifier, (K,) with mean 0.

        Args:
            shown: (K,) how often the arm has shown each class, shares.
            counts: (K,) real training images of each class.
        """
        shares = np.maximum(shown if self.order == "natural" else counts / counts.sum(), 0.5 / counts.sum())
        logs = np.log(shares)
        return np.asarray(self.strength * (logs.mean() - logs))


USUAL_SAMPLING = Sampling()
TRAININGS = (USUAL_SAMPLING, Sampling(order="natural"), Sampling(order="natural", in_loss=True))  # one training each
STRENGTHS = {"balanced": (0.25, 0.5, 0.75, 1.0), "natural": (0.5, 1.0, 1.5)}


def variants(training: Sampling) -> list[Sampling]:
    """Return the strategies that differ from one only in what is added to the finished classifier's logits."""
    if training.in_loss:
        return [training]
    return [training, *(training.model_copy(update={"strength": tau}) for tau in STRENGTHS[training.order])]


class SamplingChoice(BaseModel):
    """What was chosen for one repeat inside its training images.

    Attributes:
        sampling: the best strategy, or the usual one where nothing could be chosen.
        scores: of every strategy, by name: see `Criterion`. They decide how batches are drawn.
        shifts: of the strategies that draw them so, by name, judged over all classes alike. They decide the shift.
        judged: images; 0 where the training images are too few for folds.
    """

    model_config = ConfigDict(frozen=True)
    sampling: Sampling = USUAL_SAMPLING
    scores: dict[str, float] = {}
    shifts: dict[str, float] = {}
    judged: int = 0
