"""The health of a training: numbers that are not finite, images that are all alike, a discriminator that has won, a
generator that gets worse; and which checkpoint was the best.

What is remembered is a function of the steps alone, never of the clock, and travels in the checkpoint; so a resumed
training evaluates, goes back and ends with the same bits as one that was never interrupted. (The clock decides one
thing: where evaluation would take more than its share of the time, it is done half as often from then on.)
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

from flawforge.core.settings.recipe import Recipe
from flawforge.training.health.judge import CRITERION

WINDOW = 20  # logged lines over which the means are taken
GRACE_KIMG = 2.0  # before this, alike images and a sure discriminator are normal
ALIKE = 0.15  # spread of generated images over that of real ones below which they count as all alike
SURE_REAL, SURE_FAKE = 0.98, 0.02  # D outputs beyond which the discriminator has won
WATCHED = ("spread", "d_real", "d_fake")
REPEAT_KIMG = 10.0  # the same warning comes again after so much more training

LINE_STEPS = 10  # steps of a line of the history; evaluations fall on these
EVALUATION_SHARE = 0.03  # of the time that evaluation may take
LEARNT = 10  # the untrained value over the best, from which on a collapse can be seen in the values:
DEPTH = 1000  # ... above their geometric mean (a best below 1/1000 of the untrained value counts as that much)
WORSE_IN_A_ROW = 3  # ... for so many evaluations
MIN_EVALUATIONS = 4  # before the trend is looked at


@dataclass(frozen=True)
class TrainingProblem:
    """Something that is wrong.

    Attributes:
        kind: ``diverged``, ``collapse``, ``discriminator-won`` or ``worse``.
        text: what was seen, as the beginning of a sentence.
        advice: what to try, a sentence; empty where there is none.
    """

    kind: str
    text: str
    advice: str = ""


class LogMonitor:
    """Finds problems in the logged numbers of a training.

    Collapse: the spread over the batch (standard deviation per pixel, generated over real) has a mean below 0.15
    over 20 logged lines. Won: mean D(real) above 0.98 with mean D(fake) below 0.02 over as many: the generator's
    gradient carries little then. Neither is looked for in the first 2 kimg.
    """

    def __init__(self) -> None:
        self._recent: deque[dict[str, float]] = deque(maxlen=WINDOW)
        self._warned_at: dict[str, float] = {}

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"recent": [[line[name] for name in WATCHED] for line in self._recent], "told": dict(self._warned_at)}

    def load(self, state: dict[str, Any]) -> None:
        """Put back what `state` gave."""
        self._recent = deque((dict(zip(WATCHED, row, strict=True)) for row in state["recent"]), maxlen=WINDOW)
        self._warned_at = dict(state["told"])

    def forget(self) -> None:
        """Begin again: training has gone back."""
        self._recent.clear()
        self._warned_at.clear()

    def check_finite(self, line: dict[str, float]) -> TrainingProblem | None:
        """Return what is wrong when a loss is no longer a finite number."""
        for name in ("loss_d", "loss_g", "d_real", "d_fake"):
            if not math.isfinite(line[name]):
                at = f"step {int(line['step'])} ({line['kimg']:.1f} kimg)"
                return TrainingProblem("diverged", f"{name} is {line[name]} at {at}")
        return None

    def check(self, line: dict[str, float]) -> list[TrainingProblem]:
        """Take one logged line and return what is wrong now."""
        self._recent.append(line)
        if line["kimg"] < GRACE_KIMG or len(self._recent) < WINDOW:
            return []
        problems = []
        spread, d_real, d_fake = (sum(line[name] for line in self._recent) / len(self._recent) for name in WATCHED)
        if spread < ALIKE:
            problems.append(
                TrainingProblem(
                    "collapse",
                    f"the generated images are nearly all alike (their spread is {spread:.0%} of the real images')",
                    "Try: a lower --discriminator-lr, a smaller --discriminator-depth, --flip both, more images, or "
                    "another --seed; earlier previews show when it began.",
                )
            )
        if d_real > SURE_REAL and d_fake < SURE_FAKE:
            problems.append(
                TrainingProblem(
                    "discriminator-won",
                    f"the discriminator gives real images {d_real:.3f} and generated ones {d_fake:.3f}, so the "
                    f"generator learns little from now on",
                    "Try: a lower --discriminator-lr, a smaller --discriminator-depth, --flip both, or more images.",
                )
            )
        return problems

    def new(self, problems: list[TrainingProblem], kimg: float) -> list[TrainingProblem]:
        """Return those to warn of now: the same one comes again after 10 kimg."""
        due = [problem for problem in problems if kimg - self._warned_at.get(problem.kind, -math.inf) >= REPEAT_KIMG]
        self._warned_at |= {problem.kind: kimg for problem in due}
        return due


@dataclass
class TrainingHealth:
    """What the evaluations of a training have shown. The names of the fields stand in checkpoints.

    Attributes:
        every: steps between two evaluations, before stretching; 0 when the recipe does not evaluate.
        stretch: factor on `every`, doubled where evaluation took more than 3% of the time.
        last: step of the last evaluation.
        trials: (step, value) of the evaluations since the training last went back; lower is better.
        first: the value of the untrained generator: how bad it can get.
        best: (step, value) of the best, or None.
        level: collapses so far: how often `flawforge.training.state.state.recovery_recipe` was applied.
        given_up: whether training has stopped because it collapsed too often.
        judging: seconds that evaluation took.
        criterion: version of what the values measure (`flawforge.training.health.judge`); a run keeps its own.
    """

    every: int = 0
    stretch: int = 1
    last: int = 0
    trials: list[tuple[int, float]] = field(default_factory=list)
    first: float | None = None
    best: tuple[int, float] | None = None
    level: int = 0
    given_up: bool = False
    judging: float = 0.0
    criterion: int = CRITERION

    @classmethod
    def of(cls, recipe: Recipe) -> TrainingHealth:
        """Return the state before the first step of a recipe."""
        if recipe.judge_kimg == 0:
            return cls()
        return cls(every=LINE_STEPS * max(1, round(recipe.judge_kimg * 1000 / recipe.batch / LINE_STEPS)))

    def due(self, step: int) -> bool:
        """Say whether the generator is to be evaluated after this step."""
        return self.every > 0 and step - self.last >= self.every * self.stretch

    def add(self, step: int, value: float) -> TrainingProblem | None:
        """Take an evaluation; return what is wrong when it is far worse than the best for the third time in a row."""
        self.last = step
        if step == 0:
            self.first = value
            return None
        self.trials.append((step, value))
        if self.best is None or value < self.best[1]:
            self.best = (step, value)
            return None
        if self.first is None or self.first < LEARNT * self.best[1]:  # too little is learnt yet to be lost
            return None
        limit = math.sqrt(self.first * max(self.best[1], self.first / DEPTH))
        recent = [value for _, value in self.trials[-WORSE_IN_A_ROW:]]
        if len(self.trials) < MIN_EVALUATIONS or min(recent) <= limit:
            return None
        return TrainingProblem(
            "worse",
            f"the images have become far worse: distance to real ones {', '.join(f'{value:.3g}' for value in recent)}, "
            f"after {self.best[1]:.3g} at the best",
            "Images are generated from the best weights so far. Try: --rescues 3, which goes back to them, or half the "
            "step sizes (--generator-lr, --discriminator-lr), in a new --out folder.",
        )

    def add_time(self, evaluating: float, between: float | None) -> bool:
        """Take the seconds of an evaluation and of the training since the last; return whether it is done half as
        often from now on.

        Where `between` is None (an interruption lies between the two), nothing can be said of the share.
        """
        self.judging += evaluating
        if between is None or evaluating <= EVALUATION_SHARE * between:
            return False
        self.stretch *= 2
        return True

    def go_back(self) -> int:
        """Note a collapse, and return the step to go back to: the best, or 0 when there is none yet."""
        step = self.best[0] if self.best is not None else 0
        self.level += 1
        self.last = step
        self.trials = [trial for trial in self.trials if trial[0] <= step]
        return step

    def dump(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> TrainingHealth:
        """Return what `dump` gave."""
        return TypeAdapter(cls).validate_python({"criterion": 1, **values})
