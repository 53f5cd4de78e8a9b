"""Watching a training: numbers that are no numbers, images that are all alike, a discriminator that has won.

What is found is answered (`flawforge.training.health.training_health`) where the recipe says so, else told.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

WINDOW = 20  # logged steps that a judgement looks at
GRACE_KIMG = 2.0  # before this, alike images and a sure discriminator are normal
ALIKE = 0.15  # spread of generated images over that of real ones below which they count as all alike
SURE_REAL, SURE_FAKE = 0.98, 0.02  # D outputs beyond which the discriminator has won
JUDGED = ("spread", "d_real", "d_fake")
REPEAT_KIMG = 10.0  # the same warning comes again after so much more training


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        kind: ``diverged``, ``collapse``, ``discriminator-won`` or ``worse``.
        text: what was seen, as the beginning of a sentence.
        advice: what to try, a sentence; empty where there is none.
    """

    kind: str
    text: str
    advice: str = ""


class Watch:
    """Judges the logged numbers of a training.

    Collapse: the spread over the batch (standard deviation per pixel, generated over real) has a mean below 0.15
    over 20 logged steps. Won: mean D(real) above 0.98 with mean D(fake) below 0.02 over as many: the generator's
    gradient carries little then. Neither is judged in the first 2 kimg.
    """

    def __init__(self) -> None:
        self._recent: deque[dict[str, float]] = deque(maxlen=WINDOW)
        self._told: dict[str, float] = {}

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, so that a resumed training is judged as one that was never stopped."""
        return {"recent": [[line[name] for name in JUDGED] for line in self._recent], "told": dict(self._told)}

    def load(self, state: dict[str, Any]) -> None:
        """Put back what `state` gave."""
        self._recent = deque((dict(zip(JUDGED, row, strict=True)) for row in state["recent"]), maxlen=WINDOW)
        self._told = dict(state["told"])

    def forget(self) -> None:
        """Begin anew: training has gone back."""
        self._recent.clear()
        self._told.clear()

    def check_finite(self, line: dict[str, float]) -> Finding | None:
        """Return what is wrong when a loss is no longer a finite number."""
        for name in ("loss_d", "loss_g", "d_real", "d_fake"):
            if not math.isfinite(line[name]):
                return Finding(
                    "diverged", f"{name} is {line[name]} at step {int(line['step'])} ({line['kimg']:.1f} kimg)"
                )
        return None

    def judge(self, line: dict[str, float]) -> list[Finding]:
        """Take one logged step and return what is wrong now."""
        self._recent.append(line)
        if line["kimg"] < GRACE_KIMG or len(self._recent) < WINDOW:
            return []
        found = []
        if self._mean("spread") < ALIKE:
            found.append(
                Finding(
                    "collapse",
                    f"the generated images are nearly all alike (their spread is {self._mean('spread'):.0%} of the "
                    f"real images')",
                    "Try: a lower --discriminator-lr, a smaller --discriminator-depth, --flip both, more images, or "
                    "another --seed; earlier previews show when it began.",
                )
            )
        if self._mean("d_real") > SURE_REAL and self._mean("d_fake") < SURE_FAKE:
            found.append(
                Finding(
                    "discriminator-won",
                    f"the discriminator gives real images {self._mean('d_real'):.3f} and generated ones "
                    f"{self._mean('d_fake'):.3f}, so the generator learns little from now on",
                    "Try: a lower --discriminator-lr, a smaller --discriminator-depth, --flip both, or more images.",
                )
            )
        return found

    def due(self, found: list[Finding], kimg: float) -> list[Finding]:
        """Return those that are to be told now: the same one comes again after 10 kimg."""
        due = [w for w in found if kimg - self._told.get(w.kind, -math.inf) >= REPEAT_KIMG]
        self._told |= {w.kind: kimg for w in due}
        return due

    def _mean(self, name: str) -> float:
        return sum(line[name] for line in self._recent) / len(self._recent)
