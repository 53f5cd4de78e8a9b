"""Care for a training: which weights were best, when it has collapsed, and what is done about it.

What is remembered is a function of the steps alone, never of the clock, and travels in the checkpoint; so a resumed
training judges, goes back and ends with the same bits as one that was never stopped. (The clock decides one thing:
where judging would take more than its share of the time, it is done half as often from then on.)
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from flawforge.core.settings.recipes import Recipe
from flawforge.training.health.watch import Finding

EVERY = 10  # steps of a line of the history; judgements fall on these
SHARE = 0.03  # of the time that judging may take
LEARNT = 10  # the untrained value over the best, from which on a collapse can be seen in the values:
DEPTH = 1000  # ... above their geometric mean (a best below 1/1000 of the untrained value counts as that much)
AGAIN = 3  # ... for so many judgements in a row
FEWEST = 4  # judgements before the trend is looked at


@dataclass
class Care:
    """What is known of a training's health.

    Attributes:
        every: steps between two judgements, before stretching; 0 when the recipe does not judge.
        stretch: factor on `every`, doubled where judging took more than 3 % of the time.
        last: step of the last judgement.
        trials: (step, value) of the judgements since the training last went back; lower is better.
        first: the value of the untrained generator: how bad it can get.
        best: (step, value) of the best, or None.
        level: collapses so far: how often `flawforge.training.state.collapse_recovery` was applied.
        given_up: whether training has stopped because it collapsed too often.
        judging: seconds that judging took.
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

    @classmethod
    def of(cls, recipe: Recipe) -> Care:
        """Return the care that a recipe asks for."""
        if recipe.judge_kimg == 0:
            return cls()
        return cls(every=EVERY * max(1, round(recipe.judge_kimg * 1000 / recipe.batch / EVERY)))

    def due(self, step: int) -> bool:
        """Say whether the generator is to be judged after this step."""
        return self.every > 0 and step - self.last >= self.every * self.stretch

    def note(self, step: int, value: float) -> Finding | None:
        """Take a judgement; return what is wrong when it is far worse than the best for the third time in a row."""
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
        recent = [tried for _, tried in self.trials[-AGAIN:]]
        if len(self.trials) < FEWEST or min(recent) <= limit:
            return None
        return Finding(
            "worse",
            f"the images have become far worse: distance to real ones {', '.join(f'{one:.3g}' for one in recent)}, "
            f"after {self.best[1]:.3g} at the best",
            "Images are made by the best weights so far. Try: --rescues 3, which goes back to them, or half the step "
            "sizes (--generator-lr, --discriminator-lr), in a new --out folder.",
        )

    def spent(self, judging: float, between: float | None) -> bool:
        """Take the seconds of a judgement and of the training since the last; return whether it is stretched now.

        Where `between` is None (a stop lies between the two), nothing can be said of the share.
        """
        self.judging += judging
        if between is None or judging <= SHARE * between:
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
    def parse(cls, values: dict[str, Any]) -> Care:
        """Return what `dump` gave."""
        best = values["best"]
        return cls(
            **{
                **values,
                "best": None if best is None else (int(best[0]), float(best[1])),
                "trials": [(int(step), float(value)) for step, value in values["trials"]],
            }
        )
