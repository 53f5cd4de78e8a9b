"""How long a training is to be, in images or in minutes, how much of it is done, and what the clock says."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flawforge.core.progress import Progress, Task
from flawforge.core.settings.recipe import Recipe

SAVING_SHARE = 20  # a checkpoint may take 1/20 of the time between two
ANNOUNCED_FROM = 0.5  # minutes: how long a shorter training takes is seen at once
ANNOUNCED_LINE = 3  # the logged line from which the speed is even enough to announce the end


class Clock:
    """Counts the training time from when it is made; `start_from` adds the seconds of earlier sessions. Nothing that
    decides a weight reads it.
    """

    def __init__(self) -> None:
        self._start = self._saved = time.perf_counter()
        self._earlier = self._saving_took = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of training so far, earlier sessions included."""
        return self._earlier + time.perf_counter() - self._start

    def start_from(self, seconds: float) -> None:
        """Count on from what earlier sessions took."""
        self._earlier = seconds

    def checkpoint_due(self, every: float) -> bool:
        """Say whether `every` seconds, or 20 times what writing the last one took, have passed since the last."""
        return time.perf_counter() - self._saved >= max(every, SAVING_SHARE * self._saving_took)

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Time the writing of a checkpoint."""
        start = time.perf_counter()
        yield
        self._saved = time.perf_counter()
        self._saving_took = self._saved - start


@dataclass
class TrainingPlan:
    """What is trained and for how long.

    Attributes:
        recipe: as resolved.
        channels: of the networks, 1 or 3.
        minutes: the time, or None: then the number of steps decides.
        steps: the number of steps that ends the training (always without `minutes`; with `minutes` when kimg was given
            too), or None when time alone does.
        budget: minutes that the user gave the whole job, of which `minutes` is a part; None: training is all of it.
    """

    recipe: Recipe
    channels: int
    minutes: float | None
    steps: int | None
    budget: float | None = None
    _previewed: int = field(default=-1, repr=False)
    _lines: int = field(default=0, repr=False)

    @property
    def unit(self) -> str:
        """The unit of the progress bar."""
        return "kimg" if self.minutes is None else "seconds"

    @property
    def total(self) -> float:
        """The length in the unit of the progress bar."""
        return self.minutes * 60 if self.minutes is not None else (self.steps or 0) * self.recipe.batch / 1000

    def end_reason(self, step: int, seconds: float) -> str | None:
        """Return why the training is over (``kimg`` or ``minutes``), or None while it is not."""
        if self.steps is not None and step >= self.steps:
            return "kimg"
        if self.minutes is not None and seconds >= self.minutes * 60:
            return "minutes"
        return None

    def too_short(self, seconds: float) -> str:
        """Return the message that the minutes were over after so many seconds, before the first step."""
        minutes, gives, give = self.minutes or 0.0, "--minutes gives", "Add --resume and give"
        enough = 4 * seconds / 60
        if self.budget is not None and minutes > 0:  # training keeps its share of the job, or has a larger one
            gives, give = f"--minutes {self.budget:g} gives training", "Give"
            enough *= self.budget / minutes
        return (
            f"no time was left to train: reading and setting up took {seconds:.1f} s, and {gives} {minutes * 60:.1f} "
            f"s, which includes reading. The generator is untrained and was not saved. {give} more time, e.g. "
            f"--minutes {math.ceil(10 * enough) / 10:g}."
        )

    def preview_due(self, previews: int, step: int, seconds: float) -> bool:
        """Say whether another 1/previews of the training has passed since the last one."""
        parts = [0.0]
        if self.steps is not None:
            parts.append(step / self.steps)
        if self.minutes is not None:
            parts.append(seconds / (self.minutes * 60))
        reached = int(min(1.0, max(parts)) * previews)
        due = reached > self._previewed
        self._previewed = max(reached, self._previewed)
        return due and reached < previews

    def announce_end(self, progress: Progress, line: dict[str, float], seconds: float) -> None:
        """Tell once, early, how far the training will come, from a logged line."""
        self._lines += 1
        if self._lines != ANNOUNCED_LINE:
            return
        speed = line["images_per_second"]
        left = math.inf if self.minutes is None else max(0.0, self.minutes * 60 - seconds)
        if self.steps is not None:
            left = min(left, (self.steps - line["step"]) * self.recipe.batch / speed)
        kimg, minutes = line["kimg"] + left * speed / 1000, (seconds + left) / 60
        if minutes >= ANNOUNCED_FROM:
            progress.say(f"about {kimg:.1f} kimg in {minutes:.1f} minutes, at {speed:.0f} images/s")

    def show(self, task: Task, shown: int, seconds: float, line: dict[str, float]) -> None:
        """Move the progress bar to where the training is, with the numbers of the logged line beside it.

        Args:
            task: the bar.
            shown: real images shown so far.
            seconds: of training so far.
            line: the last logged line, or empty.
        """
        facts = {} if self.minutes is None else {"kimg": f"{shown / 1000:.1f}"}  # else the bar itself counts them
        if line:
            facts |= {
                "loss D": f"{line['loss_d']:.2f}",
                "G": f"{line['loss_g']:.2f}",
                "D(real)": f"{line['d_real']:.2f}",
                "D(fake)": f"{line['d_fake']:.2f}",
                "images/s": f"{line['images_per_second']:.0f}",
            }
        task.reach(seconds if self.minutes is not None else shown / 1000, **facts)
