from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import flawforge
from flawforge.core.errors import RunExistsError, SettingError
from flawforge.core.files import read_json
from flawforge.reports.search.page import search_page
from flawforge.runs.folder import Run
from flawforge.runs.run_settings import RunSettings
from flawforge.runs.searches import load_search

pytest.importorskip("optuna")

from flawforge.studies.search import objective
from flawforge.studies.search import workers as search_workers
from flawforge.studies.search.plan import SearchPlan, search_space
from flawforge.studies.search.storage import TrialStore
from no_processes import NoProcesses

verb = import_module("flawforge.studies.search.run")

TINY: dict[str, Any] = {
    "resolution": 16,
    "generator_depth": 2,
    "discriminator_depth": 2,
    "latent": 8,
    "batch": 4,
    "precision": "float32",
    "extractor": "pixels",
    "kimg": 0.08,
    "recipe": "dcgan-lite",
}
Draw = Callable[..., Path]


@pytest.fixture
def lines(draw_images: Draw, tmp_path: Path) -> Path:
    return draw_images(tmp_path / "data" / "scratches", 60).parent


def test_a_search_ends_in_a_record_and_a_recipe_that_train_takes(lines: Path, tmp_path: Path) -> None:
    out = tmp_path / "search"
    record = flawforge.search(lines, out, trials=5, confirmations=1, **TINY)
    assert record == load_search(out)
    assert [trial.number for trial in record.trials] == [0, 1, 2, 3, 4]
    start = record.start
    assert record.trials[0].settings == {field: start[field] for field in record.trials[0].settings}
    assert record.trials[0].outcome == "whole"
    assert len(record.trials[0].kids) == len(record.rungs) == 3
    assert all(trial.outcome in ("whole", "pruned") for trial in record.trials)
    assert record.n_training + record.n_choose + record.n_confirm == 60
    assert record.stopped == "trials"
    assert {one.field for one in record.sensitivity} == {"generator_lr", "discriminator_lr", "augment", "ema_kimg"}
    tuned = flawforge.recipe(out / "best.toml")
    assert tuned.dump() == record.recipe
    assert tuned.kimg is None  # the length of the trials is no part of what was found
    assert (
        flawforge.train(lines, tmp_path / "run", out / "best.toml", kimg=0.02).settings.recipe["name"] == "dcgan-lite"
    )


def test_the_same_seed_finds_the_same_and_going_on_adds_to_it(lines: Path, tmp_path: Path) -> None:
    def outcome(name: str, trials: int, **more: Any) -> list[tuple[dict[str, Any], list[float]]]:
        record = flawforge.search(lines, tmp_path / name, trials=trials, confirmations=0, **TINY, **more)
        return [(trial.settings, trial.kids) for trial in record.trials]

    first = outcome("one", 2)
    assert outcome("two", 2) == first
    with pytest.raises(RunExistsError, match="already holds a search. Add --resume"):
        outcome("one", 3)
    more = outcome("one", 3, resume=True)
    assert more[:2] == first
    assert len(more) == 3
    assert more[2][0] not in [settings for settings, _ in first]
    with pytest.raises(SettingError, match=r"begun with other settings: seed 0 -> 1\. .*only --trials"):
        outcome("one", 3, resume=True, seed=1)


def untrained(path: Path, recipe: Any, *_: object) -> Run:
    """A run with its settings alone, for a distance that is read from them."""
    run = Run(path)
    return run if run.settings_file.is_file() else Run.create(path, RunSettings(recipe=recipe.dump()))


@pytest.mark.parametrize(
    "own",
    [
        pytest.param({}, id="from within the ranges"),
        pytest.param({"beta1": 0.9}, id="from outside", marks=pytest.mark.nightly),
    ],
)
def test_a_planted_best_value_is_found(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: dict[str, float]
) -> None:
    """The planted truth: the distance depends on one setting, smallest at 1e-3, and not on the other."""

    def planted(self: object, run: Any, device: object, seed: int = 0) -> float:
        return 0.1 + abs(math.log10(run.settings.recipe["generator_lr"]) + 3)

    monkeypatch.setattr(objective.HeldOutKid, "kid", planted)
    monkeypatch.setattr(objective, "train_to", untrained)
    monkeypatch.setattr(search_workers, "train_to", untrained)
    record = flawforge.search(
        lines,
        tmp_path / "search",
        trials=16,
        confirmations=1,
        settings=["generator_lr=1e-6..1e-1", "beta1"],
        **{**TINY, "kimg": 0.016},
        **own,
    )
    best = next(trial for trial in record.trials if trial.number == record.best)
    assert 3e-4 < best.settings["generator_lr"] < 3e-3
    assert record.improved is True
    assert record.recipe["generator_lr"] == best.settings["generator_lr"]
    first = record.sensitivity[0]
    assert first.field == "generator_lr"
    assert first.importance is not None
    assert first.importance > 0.6


@pytest.mark.parametrize("winner", ["0000", "0002"])
def test_a_recipe_outside_the_ranges_is_trained_as_it_is_and_nothing_else_is_called_so(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, winner: str
) -> None:
    def planted(self: object, run: Any, device: object, seed: int = 0) -> float:
        return 0.1 if run.path.name == winner else 0.5 + run.settings.recipe["ema_kimg"]

    monkeypatch.setattr(objective.HeldOutKid, "kid", planted)
    record = flawforge.search(
        lines,
        tmp_path / "search",
        trials=3,
        confirmations=0,
        settings=["ema_kimg", "augment=light,full"],
        **{**TINY, "kimg": 0.016},
        ema_kimg=0.0,
        augment="none",
    )
    first, best = record.trials[0], record.trials[int(winner)]
    assert first.settings == {"ema_kimg": 0.0, "augment": "none"}
    assert (first.outcome, len(first.kids)) == ("whole", 3)
    made = read_json(tmp_path / "search" / "trials" / "0000" / "run.json")["recipe"]
    assert {**made, "kimg": None} == record.start
    assert all(0.1 <= trial.settings["ema_kimg"] <= 4 for trial in record.trials[1:])
    assert record.best == best.number
    assert {field: record.recipe[field] for field in best.settings} == best.settings
    assert ("None did better" in record.sentence) == (winner == "0000")
    assert search_page(tmp_path / "search").is_file()


def test_a_gain_that_does_not_hold_leaves_the_recipe_as_it_was(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted untruth: trial 3 looks best where settings are chosen, and is worse on fresh seeds."""
    asked: list[int] = []

    def lucky(self: object, run: Any, device: object, seed: int = 0) -> float:
        asked.append(1)
        return 0.1 if run.path.name == "0003" else 1.0 + 0.01 * len(asked)

    monkeypatch.setattr(objective.HeldOutKid, "kid", lucky)
    monkeypatch.setattr(objective, "train_to", untrained)
    monkeypatch.setattr(verb, "confirm", lambda job, settings, name, seed: {"start": 1.0, "best": 1.5}[name])
    record = flawforge.search(lines, tmp_path / "search", trials=4, confirmations=2, **TINY)
    assert record.best == 3
    assert record.improved is False
    assert record.recipe == record.start
    assert "The gain did not hold." in record.sentence


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_two_workers_share_one_list_of_trials(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: bool
) -> None:
    if not processes:
        monkeypatch.setattr(search_workers, "ProcessPoolExecutor", NoProcesses)
    record = flawforge.search(lines, tmp_path / "search", trials=4, workers=2, confirmations=0, **TINY)
    assert [trial.number for trial in record.trials] == [0, 1, 2, 3]
    assert len({trial.folder for trial in record.trials}) == 4
    assert len({json.dumps(trial.settings) for trial in record.trials}) == 4


@pytest.mark.slow
def test_a_killed_search_goes_on_with_the_training_that_was_broken_off(lines: Path, tmp_path: Path) -> None:
    out = tmp_path / "search"
    words = [
        "search",
        str(lines),
        "--out",
        str(out),
        "--recipe",
        str(tmp_path / "tiny.toml"),
        "--extractor",
        "pixels",
        "--trials",
        "2",
        "--confirmations",
        "0",
        "--kimg",
        "40",
    ]
    (tmp_path / "tiny.toml").write_text(
        'name = "dcgan-lite"\nresolution = 16\ngenerator_depth = 2\ndiscriminator_depth = 2\nlatent = 8\nbatch = 4\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "flawforge", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    history = out / "trials" / "0000" / "history.jsonl"
    until = time.monotonic() + 120
    while not (history.is_file() and history.stat().st_size > 500) and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()

    start = flawforge.recipe(tmp_path / "tiny.toml")
    fingerprint = read_json(out / "search.json")["fingerprint"]
    store = TrialStore(out, SearchPlan(start, search_space(start), 40.0, 0, None, None, "pixels", fingerprint))
    assert store.ended == 0
    assert store.requeue_abandoned() == ["0000"]
    assert store.requeue_abandoned() == []
    trial = store.next(2)
    assert trial is not None
    assert trial.user_attrs["folder"] == "0000"
    assert trial.params == dict(store.study.trials[0].params)
    assert store.begun == 1


def test_a_minute_that_is_over_begins_no_trial(lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = flawforge.search(lines, tmp_path / "search", trials=3, minutes=1e-9, **TINY)
    assert record.stopped == "minutes"
    assert record.trials == []
    assert record.recipe == record.start
    assert "None was trained to its full length" in record.sentence


def test_wrong_numbers_are_refused(lines: Path, tmp_path: Path) -> None:
    for change, words in (({"trials": 0}, "--trials is 0"), ({"workers": 0}, "--workers is 0")):
        with pytest.raises(SettingError, match=words):
            flawforge.search(lines, tmp_path / "search", **TINY, **change)
    assert not (tmp_path / "search").exists()
