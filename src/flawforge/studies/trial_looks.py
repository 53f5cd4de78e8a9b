"""What was looked at before: each look at the test images spends some of the error, whichever call it was in.

The record keeps them, with the plan that each was made against, and is written whole or not at all. A trial that is
extended after its verdict spends what is left, which is nothing once a plan was done to its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flawforge.runs.gains import Look, Word
from flawforge.runs.trials import TRIAL_FILE, read_trial
from flawforge.studies.trial_bench import Bench
from flawforge.studies.trial_evidence import Place
from flawforge.studies.trial_gains import FEWEST_SEEDS


@dataclass(frozen=True)
class Before:
    """What earlier calls of this trial have looked at.

    Attributes:
        looks: in the order in which they were made.
        words: what was said last of each comparison that counts, where that was more than "no evidence".
    """

    looks: tuple[Look, ...] = ()
    words: dict[Place, Word] = field(default_factory=dict)

    @property
    def most(self) -> int:
        """The largest number of repeats that was looked at."""
        return max((look.seeds for look in self.looks), default=0)

    @property
    def ended(self) -> int | None:
        """The repeats after which a plan was done to its end and nothing is left to spend; None before that."""
        return next((look.seeds for look in self.looks if look.seeds >= look.planned), None)

    def stands(self, repeats: int) -> dict[Place, Word]:
        """Return the words that a judgement of so many repeats begins with; none of fewer than were looked at."""
        return self.words if repeats >= self.most else {}

    def note(self, repeats: int, planned: int) -> list[str]:
        """Return what the reader of an extended trial must know, a sentence each."""
        fewer = [look for look in self.looks if look.seeds < repeats]
        ended = [look for look in fewer if look.seeds >= look.planned]
        if ended:
            return [
                f"This trial was extended after its verdict at {ended[0].seeds} repeats, which had spent all of its "
                f"error. The repeats since narrow the intervals and can add no verdict; one that was said stands while "
                f"they agree."
            ]
        other = [look for look in fewer if look.planned != planned]
        if not other:
            return []
        return [
            f"The plan was changed from {other[-1].planned} to {planned} repeats after {other[-1].seeds} had been "
            f"looked at: only what was left of the error was spent since."
        ]


def looked_before(folder: Path, bench: Bench) -> Before:
    """Read what the record of a trial folder says; nothing where there is none of this experiment.

    Raises:
        RunBrokenError: the record is damaged.
    """
    if not (folder / TRIAL_FILE).is_file():
        return Before()
    record = read_trial(folder)
    if record.inputs.get("protocol") != bench.protocol:
        return Before()
    words: dict[Place, Word] = {(one.shots, one.model): one.word for one in record.primary if one.word != "no evidence"}
    return Before(tuple(look for look in record.looks if look.seeds >= FEWEST_SEEDS), words)  # fewer decide nothing


def history(looks: Sequence[Look], repeats: int, planned: int) -> tuple[tuple[int, int], ...]:
    """Return (repeats, planned) of each look up to this one, which is last.

    What was looked at before is looked at as it was then: with the looks before it, and against the smallest plan.
    """
    same = [place for place, look in enumerate(looks) if look.seeds == repeats]
    before = looks[: same[0]] if same else looks
    return (
        *((look.seeds, look.planned) for look in before),
        (repeats, min([planned, *(looks[place].planned for place in same)])),
    )


def taken(looks: Sequence[Look], look: Look) -> list[Look]:
    """Return the looks with one more, or with it in the place of the one at as many repeats."""
    if all(other.seeds != look.seeds for other in looks):
        return [*looks, look]
    return [look if other.seeds == look.seeds else other for other in looks]
