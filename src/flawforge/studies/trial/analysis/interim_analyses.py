"""Interim analyses: each look at the test images spends some of the error, whichever call it was in.

The record keeps them, with the plan that each was made against, and is written whole or not at all. A trial that is
extended after its verdict spends what is left, which is nothing once a plan was done to its end. One whose plan is cut
short after results were shown spends as if it had not been: who saw them may have cut it at a lucky moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flawforge.core.settings.trials import FEWEST_REPEATS, TrialSettings
from flawforge.runs.trials import TRIAL_FILE, InterimAnalysis, Word, read_trial
from flawforge.studies.trial.analysis import sentences
from flawforge.studies.trial.analysis.evidence import Setting
from flawforge.studies.trial.setup.bench import Bench

ANALYSES = 20  # at most about, in a whole plan: more would stop a trial hardly sooner
ComparisonKey = tuple[int, str, str]  # shots, model and the arm with generated images


@dataclass(frozen=True)
class EarlierCalls:
    """What earlier calls of this trial have analysed.

    Attributes:
        analyses: in the order in which they were made.
        words: the latest of each comparison that counts, where that was more than "no evidence".
        settings: of the comparisons that counted.
    """

    analyses: tuple[InterimAnalysis, ...] = ()
    words: dict[ComparisonKey, Word] = field(default_factory=dict)
    settings: frozenset[Setting] = frozenset()

    @property
    def shown(self) -> int:
        """The repeats that were planned when results were last shown; 0 where none were."""
        return max((analysis.planned for analysis in self.analyses), default=0)

    @property
    def ended(self) -> int | None:
        """The repeats after which a plan was done to its end and nothing is left to spend; None before that."""
        return next((done.seeds for done in self.analyses if done.seeds >= done.planned), None)

    def stands(self, repeats: int) -> dict[ComparisonKey, Word]:
        """Return the words that a judgement of so many repeats begins with; none of fewer than were analysed."""
        return self.words if repeats >= max((analysis.seeds for analysis in self.analyses), default=0) else {}

    def left_out(self, settings: TrialSettings) -> int:
        """Return how many settings were judged that are no longer asked for: they still share the error."""
        return sum(shots not in settings.shots or model not in settings.models for shots, model in self.settings)

    def notes(self, repeats: int, planned: int) -> list[str]:
        """Return what the reader of a trial must know whose plan was another before."""
        fewer = [analysis for analysis in self.analyses if analysis.seeds < repeats]
        ended = [analysis for analysis in fewer if analysis.seeds >= analysis.planned]
        if ended:
            return [sentences.extended(ended[0].seeds)]
        if planned < self.shown:
            return [sentences.shortened(self.shown, planned)]
        other = [analysis for analysis in fewer if analysis.planned != planned]
        return [sentences.changed(other[-1].planned, planned, other[-1].seeds)] if other else []


def earlier_calls(folder: Path, bench: Bench) -> EarlierCalls:
    """Read what the record of a trial folder holds; nothing where there is none of this experiment.

    Raises:
        RunBrokenError: the record is damaged.
    """
    if not (folder / TRIAL_FILE).is_file():
        return EarlierCalls()
    record = read_trial(folder)
    if record.inputs.get("protocol") != bench.protocol:
        return EarlierCalls()
    return EarlierCalls(
        analyses=tuple(analysis for analysis in record.looks if analysis.seeds >= FEWEST_REPEATS),
        words={(c.shots, c.model, c.arm): c.word for c in record.primary if c.word != "no evidence"},
        settings=frozenset((comparison.shots, comparison.model) for comparison in record.primary),
    )


def is_due(repeats: int, planned: int) -> bool:
    """Return whether so many repeats are a time for an interim analysis, which depends on the numbers alone."""
    return repeats % max(1, planned // ANALYSES) == 0


def plans(
    before: EarlierCalls, analyses: Sequence[InterimAnalysis], repeats: int, planned: int
) -> tuple[tuple[int, int], ...]:
    """Return (repeats, planned) of each analysis up to this one, which is last.

    What an earlier call analysed is judged as it was then: with the analyses before it, and against its plan. A new
    analysis has all the others before it, and a plan that is no smaller than when results were shown by an earlier
    call. Within a call only a budget of time makes the plan smaller, which has seen no result.

    Args:
        before: what earlier calls have analysed.
        analyses: all that were made, those too, in the order in which they were made.
        repeats: that are analysed now.
        planned: repeats in all.
    """
    earlier: list[tuple[int, int]] = []
    for analysis in analyses:
        if analysis.seeds == repeats:
            recorded = any(other.seeds == repeats for other in before.analyses)
            own = analysis.planned if recorded else max(before.shown, min(planned, analysis.planned))
            return (*earlier, (repeats, own))
        earlier.append((analysis.seeds, analysis.planned))
    return (*earlier, (repeats, max(before.shown, planned)))


def with_analysis(analyses: Sequence[InterimAnalysis], added: InterimAnalysis) -> list[InterimAnalysis]:
    """Return the analyses with one more, or with it in the place of the one at as many repeats."""
    if all(other.seeds != added.seeds for other in analyses):
        return [*analyses, added]
    return [added if other.seeds == added.seeds else other for other in analyses]
