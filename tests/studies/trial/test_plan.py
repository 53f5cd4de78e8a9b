"""The lines of a plan, compared whole."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from flawforge.core.settings.trials import TrialSettings
from flawforge.studies.trial import plan_trial
from flawforge.studies.trial.execution.schedule import Costs, Schedule
from flawforge.studies.trial.plan import _seconds_for_a_second, duration_line, over_budget, plan, power_line
from flawforge.studies.trial.setup.open import open_trial
from trial_material import draw_dataset


def test_how_long_it_takes() -> None:
    assert duration_line(10, 7500, 2, 160, 160) == "10 repeats take about 2.1 h with 2 workers (160 cells)."
    assert duration_line(10, 750, 2, 160, 16) == (
        "10 repeats take about 12 min more with 2 workers (16 of 160 cells are left)."
    )
    assert duration_line(3, 60, 1, 9, 9).endswith(" with 1 worker (9 cells).")


def test_a_budget_that_is_too_short() -> None:
    assert over_budget(5, 3) == ("A budget of 5 minutes is too short for the 3 repeats that a verdict needs at least.")
    assert over_budget(0.5, 2) == "A budget of 0.5 minutes is too short for the 2 repeats."


def test_a_budget_that_is_too_short_names_what_takes_less(tmp_path: Path) -> None:
    settings = TrialSettings(models=("small-cnn",), shots=(3,), resolution=(32, 32), seeds=3)
    bench = open_trial(draw_dataset(tmp_path / "photos", 12), tmp_path / "out", settings)
    costs = Costs(
        {
            ("real", "small-cnn"): 60.0,
            ("arm", "small-cnn"): 60.0,
            ("teacher", "small-cnn"): 60.0,
            ("generator", ""): 600.0,
        }
    )
    schedule = Schedule(tmp_path / "out", settings, bench.protocol, costs)
    arms = "real,classical,pseudo-labelled,light-within-class,relight,compose"  # 'recommended' would add generators
    assert set(TrialSettings(arms=arms.split(",")).arms) == set(arms.split(","))
    told = plan(bench, schedule, 1, 15).sentence
    assert f"With composed images in place of generated ones they take about 18 min: --arms {arms}\n" in told
    assert "frozen" not in told  # there is no other model
    assert "in place of" not in plan(bench, schedule, 1, 90).sentence
    composing = replace(bench, settings=settings.model_copy(update={"arms": (*settings.arms, "relight")}))
    told = plan(composing, schedule, 1, 15).sentence
    assert "Without generated images they take about" in told
    assert "min: --arms real,classical,pseudo-labelled,relight,recommended\n" in told


def test_a_rare_class_s_ranking_is_expected_to_vary_more_than_the_accuracy_of_all(tmp_path: Path) -> None:
    photos, arms = draw_dataset(tmp_path / "photos", 12), ("classical", "generated")
    plain = TrialSettings(arms=arms, models=("small-cnn",), shots=(3,), resolution=(32, 32))
    rare = plain.model_copy(update={"rare": ("dots",)})
    gains = []
    for name, settings in (("plain", plain), ("rare", rare)):
        bench = open_trial(photos, tmp_path / name, settings)
        schedule = Schedule(tmp_path / name, bench.settings, bench.protocol, Costs())
        gains.append(plan(bench, schedule, 1, None).detectable or 1.0)
    assert gains[1] > 2 * gains[0]


def test_work_takes_longer_where_the_processor_does_other_work_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _seconds_for_a_second(1) >= 1
    used = time.thread_time
    monkeypatch.setattr(time, "thread_time", lambda: used() / 4)  # as if three other programs had the core's time
    assert _seconds_for_a_second(2) >= 4


def test_what_it_could_detect() -> None:
    assert power_line(0.032, 0, 0.5) == (
        "The trial has 90% power to detect a gain of 3.2 points, based on the usual variation between repeats."
    )
    assert power_line(0.032, 4, 0.05) == (
        "The trial has 90% power to detect a gain of 3.2 points, based on the 4 repeats that are done."
    )
    none = "The trial does not have 90% power to detect any possible gain (based on the 4 repeats that are done)."
    assert power_line(0.06, 4, 0.05) == power_line(None, 4, 1.0) == none


def test_only_what_is_left_is_expected_to_take_time(tmp_path: Path) -> None:
    settings = TrialSettings(
        arms=("real", "classical"), models=("small-cnn",), shots=(3,), resolution=(32, 32), seeds=4
    )
    bench = open_trial(draw_dataset(tmp_path / "photos", 12), tmp_path / "out", settings)
    schedule = Schedule(
        tmp_path / "out", settings, bench.protocol, Costs({("real", "small-cnn"): 60.0, ("arm", "small-cnn"): 60.0})
    )
    assert plan(bench, schedule, 2, None).seconds == 4 * 60
    assert plan(bench, schedule, 2, 4, keep_model=False).seeds == 4
    assert plan(bench, schedule, 2, 4).seeds == 3  # of which one minute and ten seconds are for the model to keep
    schedule.done.update(key for key in schedule.cells if key.seed < 3)
    left = plan(bench, schedule, 2, 1.0, keep_model=False)
    assert (left.cells, left.seconds, left.per_repeat, left.seeds) == (8, 60, 60, 4)


def test_a_trial_that_is_asked_for_nothing_takes_a_quarter_of_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = draw_dataset(tmp_path / "photos", 12)
    monkeypatch.setattr(
        "flawforge.studies.trial.run.expected_costs",
        lambda *_: Costs({("real", "small-cnn"): 60.0, ("arm", "small-cnn"): 60.0}),
    )
    small = {"arms": ("real", "classical"), "models": ("small-cnn",), "shots": (3,), "resolution": (32, 32)}

    def repeats(**asked: object) -> int:
        return plan_trial(photos, tmp_path / "out", workers=1, **small, **asked).seeds

    assert repeats() == 6  # of two minutes each, and then more than one for the model to keep
    assert repeats(minutes=9) == 3
    assert repeats(minutes=9, keep_model=False) == 4
    assert repeats(repeats=10) == repeats(seeds=10) == 10


def test_a_budget_that_is_too_short_without_a_generator_names_the_models_that_take_less(tmp_path: Path) -> None:
    models, arms = ("small-cnn", "effnet-probe"), ("real", "classical")
    settings = TrialSettings(models=models, arms=arms, shots=(3,), resolution=(32, 32), seeds=3)
    bench = open_trial(draw_dataset(tmp_path / "photos", 12), tmp_path / "out", settings)
    costs = Costs({("real", model): seconds for model, seconds in zip(models, (900.0, 60.0), strict=True)})
    told = plan(bench, Schedule(tmp_path / "out", settings, bench.protocol, costs), 1, 15).sentence
    assert "With frozen networks alone they take about 3 min: --models effnet-probe" in told
    assert "Without generated" not in told
