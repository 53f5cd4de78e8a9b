"""Watching a training: numbers that are no numbers, images that are all alike, a discriminator that has won."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from flawforge.core.errors import TrainingDivergedError

WINDOW = 20  # logged steps that a judgement looks at
GRACE_KIMG = 2.0  # before this, alike images and a sure discriminator are normal
ALIKE = 0.15  # spread of generated images over that of real ones below which they count as all alike
SURE_REAL, SURE_FAKE = 0.98, 0.02  # D outputs beyond which the discriminator has won
REPEAT_KIMG = 10.0  # the same warning comes again after so much more training


@dataclass(frozen=True)
class Finding:
    """A reason to warn, in words: ``collapse`` or ``discriminator-won``, and what to try."""

    kind: str
    text: str


class Watch:
    """Judges the logged numbers of a training.

    Collapse: the spread over the batch (standard deviation per pixel, generated over real) has a mean below 0.15
    over 20 logged steps. Won: mean D(real) above 0.98 with mean D(fake) below 0.02 over as many: the generator's
    gradient carries little then. Neither is judged in the first 2 kimg.
    """

    def __init__(self) -> None:
        self._recent: deque[dict[str, float]] = deque(maxlen=WINDOW)
        self._told: dict[str, float] = {}

    def check_finite(self, line: dict[str, float]) -> None:
        """Stop a training whose losses are no longer finite.

        Raises:
            TrainingDivergedError: says at which step, and what to try.
        """
        for name in ("loss_d", "loss_g", "d_real", "d_fake"):
            if not math.isfinite(line[name]):
                raise TrainingDivergedError(
                    f"training diverged: {name} is {line[name]} at step {int(line['step'])} "
                    f"({line['kimg']:.1f} kimg). The "
                    f"last good checkpoint is kept. Try half the step sizes (--generator-lr, --discriminator-lr) or "
                    f"--precision float32, in a new --out folder."
                )

    def judge(self, line: dict[str, float]) -> list[Finding]:
        """Take one logged step and return the warnings that are due now."""
        self._recent.append(line)
        if line["kimg"] < GRACE_KIMG or len(self._recent) < WINDOW:
            return []
        found = []
        if self._mean("spread") < ALIKE:
            found.append(
                Finding(
                    "collapse",
                    f"collapse at {line['kimg']:.1f} kimg: the generated images are nearly all alike (their spread is "
                    f"{self._mean('spread'):.0%} of the real images'). Try: a lower --discriminator-lr, a smaller "
                    f"--discriminator-depth, --flip both, more images, or another --seed; earlier "
                    f"previews show when it began.",
                )
            )
        if self._mean("d_real") > SURE_REAL and self._mean("d_fake") < SURE_FAKE:
            found.append(
                Finding(
                    "discriminator-won",
                    f"the discriminator has won at {line['kimg']:.1f} kimg: it gives real images "
                    f"{self._mean('d_real'):.3f} and "
                    f"generated ones {self._mean('d_fake'):.3f}, so the generator learns little from "
                    f"now on. Try: a lower "
                    f"--discriminator-lr, a smaller --discriminator-depth, --flip both, or more images.",
                )
            )
        due = [w for w in found if line["kimg"] - self._told.get(w.kind, -math.inf) >= REPEAT_KIMG]
        self._told |= {w.kind: line["kimg"] for w in due}
        return due

    def _mean(self, name: str) -> float:
        return sum(line[name] for line in self._recent) / len(self._recent)
