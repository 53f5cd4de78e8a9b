"""How long a training is to be, in images or in minutes, and where in it we are."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from flawforge.core.progress import Progress, Task
from flawforge.core.settings.recipes import Recipe
from flawforge.training.state.clock import Clock
from flawforge.training.state.state import TrainingState

TOLD_FROM = 0.5  # minutes: how long a shorter training takes is seen at once


@dataclass
class Plan:
    """The resolved length of a training.

    Attributes:
        recipe: as resolved.
        channels: of the networks, 1 or 3.
        minutes: the time, or None: then the recipe's length decides.
        by_images: whether a number of images ends it (always without `minutes`; with `minutes` when kimg was given
            too).
    """

    recipe: Recipe
    channels: int
    minutes: float | None
    by_images: bool
    _previewed: int = field(default=-1, repr=False)
    _lines: int = field(default=0, repr=False)

    @property
    def unit(self) -> str:
        """The unit of the progress bar."""
        return "kimg" if self.minutes is None else "seconds"

    def steps(self, images: int) -> int | None:
        """Return the number of steps that ends the training on so many images, or None when time alone ends it."""
        return self.recipe.steps(images) if self.by_images else None

    def total(self, steps: int | None) -> float:
        """Return the length in the unit of the progress bar."""
        return self.minutes * 60 if self.minutes is not None else (steps or 0) * self.recipe.batch / 1000

    def ended(self, step: int, steps: int | None, seconds: float) -> str | None:
        """Return why the training is over (``kimg`` or ``minutes``), or None while it is not."""
        if steps is not None and step >= steps:
            return "kimg"
        if self.minutes is not None and seconds >= self.minutes * 60:
            return "minutes"
        return None

    def too_short(self, seconds: float) -> str:
        """Say that the minutes were over after so many seconds, before the first step."""
        given, enough = (self.minutes or 0.0) * 60, math.ceil(4 * seconds / 6) / 10
        return (
            f"no time was left to train: reading and setting up took {seconds:.1f} s, and --minutes gives {given:.1f} "
            f"s, reading included. The generator has learnt nothing and is not kept. Add --resume and give more, "
            f"e.g. --minutes {enough:g}."
        )

    def done(self, step: int, steps: int | None, seconds: float) -> float:
        """Return the part of the training that is done, 0 to 1."""
        parts = [0.0]
        if steps is not None:
            parts.append(step / steps)
        if self.minutes is not None:
            parts.append(seconds / (self.minutes * 60))
        return min(1.0, max(parts))

    def preview_due(self, previews: int, step: int, steps: int | None, seconds: float) -> bool:
        """Say whether another 1/previews of the training has passed since the last one."""
        reached = int(self.done(step, steps, seconds) * previews)
        due = reached > self._previewed
        self._previewed = max(reached, self._previewed)
        return due and reached < previews

    def tell(self, progress: Progress, line: dict[str, float], steps: int | None, seconds: float) -> None:
        """Say once, early, how far the training will come: the third logged line is the first of an even speed."""
        self._lines += 1
        if self._lines != 3:
            return
        speed = line["images_per_second"]
        left = math.inf if self.minutes is None else max(0.0, self.minutes * 60 - seconds)
        if steps is not None:
            left = min(left, (steps - line["step"]) * self.recipe.batch / speed)
        kimg, minutes = line["kimg"] + left * speed / 1000, (seconds + left) / 60
        if minutes >= TOLD_FROM:
            progress.say(f"about {kimg:.1f} kimg in {minutes:.1f} minutes, at {speed:.0f} images/s")

    def show(self, task: Task, state: TrainingState, clock: Clock, line: dict[str, float]) -> None:
        """Move the progress bar to where the training is, with the line's numbers beside it."""
        at = clock.seconds if self.minutes is not None else state.shown / 1000
        facts = {"kimg": f"{state.shown / 1000:.1f}"}
        if line:
            facts |= {
                "loss D": f"{line['loss_d']:.2f}",
                "G": f"{line['loss_g']:.2f}",
                "D(real)": f"{line['d_real']:.2f}",
                "D(fake)": f"{line['d_fake']:.2f}",
                "images/s": f"{line['images_per_second']:.0f}",
            }
        task.reach(at, **facts)
