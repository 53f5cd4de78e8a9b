"""What was looked at before: each look at the test images spends some of the error, whichever call it was in.

The record keeps them, with the plan that each was made against, and is written whole or not at all. A trial that is
extended after its verdict spends what is left, which is nothing once a plan was done to its end. One whose plan is cut
short after results were shown spends as if it had not been: who saw them may have cut it at a lucky moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flawforge.core.settings.trials import FEWEST_REPEATS, TrialSettings
from flawforge.runs.gains import Look, Word
from flawforge.runs.trials import TRIAL_FILE, read_trial
from flawforge.studies.trial.analysis.evidence import Place
from flawforge.studies.trial.setup.bench import Bench

LOOKS = 20  # at most, in a whole plan: more would stop a trial hardly sooner
Said = tuple[int, str, str]  # shots, model and the arm with generated images


@dataclass(frozen=True)
class Before:
    """What earlier calls of this trial have looked at.

    Attributes:
        looks: in the order in which they were made.
        words: what was said last of each comparison that counts, where that was more than "no evidence".
        places: what comparisons that count were made at.
    """

    looks: tuple[Look, ...] = ()
    words: dict[Said, Word] = field(default_factory=dict)
    places: frozenset[Place] = frozenset()

    @property
    def most(self) -> int:
        """The largest number of repeats that was looked at."""
        return max((look.seeds for look in self.looks), default=0)

    @property
    def shown(self) -> int:
        """The repeats that were planned when results were last shown; 0 where none were."""
        return max((look.planned for look in self.looks), default=0)

    @property
    def ended(self) -> int | None:
        """The repeats after which a plan was done to its end and nothing is left to spend; None before that."""
        return next((look.seeds for look in self.looks if look.seeds >= look.planned), None)

    def stands(self, repeats: int) -> dict[Said, Word]:
        """Return the words that a judgement of so many repeats begins with; none of fewer than were looked at."""
        return self.words if repeats >= self.most else {}

    def left_out(self, settings: TrialSettings) -> int:
        """Return how many places were judged that are asked for no more: they still share the error."""
        return sum(shots not in settings.shots or model not in settings.models for shots, model in self.places)

    def note(self, repeats: int, planned: int) -> list[str]:
        """Return what the reader of a trial must know whose plan was another before, a sentence each."""
        fewer = [look for look in self.looks if look.seeds < repeats]
        ended = [look for look in fewer if look.seeds >= look.planned]
        if ended:
            return [
                f"This trial was extended after its verdict at {ended[0].seeds} repeats, which had spent all of its "
                f"error. The repeats since narrow the intervals and can add no verdict; one that was said stands while "
                f"they agree."
            ]
        if planned < self.shown:
            return [
                f"The plan was cut from {self.shown} to {planned} repeats after results had been shown. The error is "
                f"spent as if {self.shown} were still planned, since a trial that is ended where it looks good would "
                f"be wrong more often than promised."
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
    words: dict[Said, Word] = {
        (one.shots, one.model, one.arm): one.word for one in record.primary if one.word != "no evidence"
    }
    places = frozenset((one.shots, one.model) for one in record.primary)
    return Before(
        tuple(look for look in record.looks if look.seeds >= FEWEST_REPEATS), words, places
    )  # fewer tell none


def due(repeats: int, planned: int) -> bool:
    """Say whether so many repeats are a time to look, which depends on the numbers alone."""
    return repeats % max(1, planned // LOOKS) == 0


def history(before: Before, looks: Sequence[Look], repeats: int, planned: int) -> tuple[tuple[int, int], ...]:
    """Return (repeats, planned) of each look up to this one, which is last.

    What an earlier call looked at is looked at as it was then: with the looks before it, and against its plan. A new
    look has all the others before it, and a plan that is no smaller than when results were shown by an earlier call.
    Within a call only a budget of time makes the plan smaller, which has seen no result.

    Args:
        before: what earlier calls have looked at.
        looks: all that were made, those too, in the order in which they were made.
        repeats: at which is looked now.
        planned: repeats in all.
    """
    earlier: list[tuple[int, int]] = []
    for look in looks:
        if look.seeds == repeats:
            recorded = any(other.seeds == repeats for other in before.looks)
            return (*earlier, (repeats, look.planned if recorded else max(before.shown, min(planned, look.planned))))
        earlier.append((look.seeds, look.planned))
    return (*earlier, (repeats, max(before.shown, planned)))


def taken(looks: Sequence[Look], look: Look) -> list[Look]:
    """Return the looks with one more, or with it in the place of the one at as many repeats."""
    if all(other.seeds != look.seeds for other in looks):
        return [*looks, look]
    return [look if other.seeds == look.seeds else other for other in looks]
