"""Earlier interim analyses count, however the plan is changed afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from flawforge.core.settings.trials import TrialSettings
from flawforge.metrics.inference.sequential import level_now
from flawforge.runs.trials import InterimAnalysis
from flawforge.studies.trial.analysis.interim_analyses import ANALYSES, EarlierCalls, is_due, plans, with_analysis

ERROR = 0.025


def analysis(repeats: int, planned: int) -> InterimAnalysis:
    return InterimAnalysis(seeds=repeats, planned=planned, level=0.01, decided=[], stopped=False)


def level(before: EarlierCalls, analyses: list[InterimAnalysis], repeats: int, planned: int) -> float:
    *earlier, (_, counted) = plans(before, analyses, repeats, planned)
    return level_now([repeats], counted, ERROR, earlier)


def test_analyses_of_one_call_are_those_of_its_plan() -> None:
    analyses = [analysis(4, 10), analysis(5, 10)]
    assert plans(EarlierCalls(), analyses, 6, 10) == ((4, 10), (5, 10), (6, 10))


def test_a_budget_of_time_may_make_the_plan_of_its_own_call_smaller() -> None:
    analyses = [analysis(7, 20), analysis(8, 20)]
    assert plans(EarlierCalls(), analyses, 9, 9) == ((7, 20), (8, 20), (9, 9))
    assert plans(EarlierCalls(), analyses, 8, 8) == ((7, 20), (8, 8))


def test_a_plan_that_is_cut_after_results_were_shown_counts_as_it_was() -> None:
    shown = EarlierCalls(analyses=(analysis(5, 100),))
    assert plans(shown, list(shown.analyses), 6, 6) == ((5, 100), (6, 100))
    assert plans(shown, list(shown.analyses), 5, 5) == ((5, 100),)
    assert level(shown, list(shown.analyses), 6, 6) == 0
    assert any("The plan was cut from 100 to 6 repeats" in note for note in shown.notes(6, 6))
    assert plans(shown, list(shown.analyses), 6, 200) == ((5, 100), (6, 200))


def test_fewer_repeats_than_were_seen_are_judged_as_they_were_then_or_not_at_all() -> None:
    watched = EarlierCalls(analyses=tuple(analysis(n, 10) for n in range(4, 11)))
    for n in range(4, 10):
        then = level(EarlierCalls(), [analysis(k, 10) for k in range(4, n)], n, 10)
        assert level(watched, list(watched.analyses), n, n) == then, n
    unwatched = EarlierCalls(analyses=(analysis(10, 10),))
    assert [level(unwatched, list(unwatched.analyses), n, n) for n in range(3, 10)] == [0] * 7


def test_a_plan_that_is_done_is_judged_as_it_was_when_more_are_asked_for() -> None:
    done = EarlierCalls(analyses=(analysis(4, 4),))
    assert plans(done, list(done.analyses), 4, 10) == ((4, 4),)
    assert plans(done, list(done.analyses), 10, 10) == ((4, 4), (10, 10))


def test_words_belong_to_their_arm_and_to_no_fewer_repeats() -> None:
    before = EarlierCalls(analyses=(analysis(6, 6),), words={(5, "small-cnn", "generated"): "helps"})
    assert before.stands(6) == before.stands(8) == {(5, "small-cnn", "generated"): "helps"}
    assert before.stands(5) == {}


def test_settings_that_are_no_longer_asked_for_still_share_the_error() -> None:
    before = EarlierCalls(settings=frozenset({(5, "small-cnn"), (10, "small-cnn"), (5, "effnet-probe")}))
    assert before.left_out(TrialSettings(shots=(5, 10), models=("small-cnn", "effnet-probe"))) == 0
    assert before.left_out(TrialSettings(shots=(5, 10), models=("small-cnn",))) == 1
    assert before.left_out(TrialSettings(shots=(10,), models=("small-cnn",))) == 2


@pytest.mark.parametrize("planned", [6, 10, 39, 40, 100, 1000])
def test_there_are_about_twenty_analyses_in_a_plan_at_most(planned: int) -> None:
    times = [n for n in range(1, planned + 1) if is_due(n, planned)]
    assert len(times) <= 2 * ANALYSES
    assert np.diff(times).max() <= max(1, planned / ANALYSES)


@pytest.mark.parametrize("habit", ["ends where it looks good", "goes back", "goes on and back"])
def test_no_habit_of_changing_the_plan_is_wrong_more_often_than_promised(habit: str) -> None:
    """Trials without a gain, whose user reads the record and then asks for another number of repeats."""
    rng, trials, most = np.random.default_rng(3), 20_000, 20
    d = rng.standard_normal((trials, most))
    p = np.ones((trials, most + 1))
    for n in range(3, most + 1):
        p[:, n] = stats.t.sf(d[:, :n].mean(axis=1) / (d[:, :n].std(axis=1, ddof=1) / np.sqrt(n)), n - 1)
    calls = {
        "ends where it looks good": [(n, m) for n in range(4, 12) for m in (20, n)],  # stopped at n of 20, then n asked
        "goes back": [*((n, 10) for n in range(4, 11)), *((n, n) for n in range(9, 3, -1))],
        "goes on and back": [(8, 8), (20, 20), (10, 10), (8, 8), (20, 20)],
    }[habit]
    wrong, naive, before = np.zeros(trials, bool), np.zeros(trials, bool), EarlierCalls()
    for n, planned in calls:
        now = level(before, list(before.analyses), n, planned)
        wrong |= p[:, n] <= now
        naive |= p[:, n] <= level_now([n], planned, ERROR)
        counted = plans(before, list(before.analyses), n, planned)[-1][1]
        before = EarlierCalls(analyses=tuple(with_analysis(before.analyses, analysis(n, counted))))
    noise = 3 * np.sqrt(ERROR * (1 - ERROR) / trials)
    assert wrong.mean() <= ERROR + noise
    assert naive.mean() > ERROR + 2 * noise
