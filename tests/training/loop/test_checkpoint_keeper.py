"""Planted collapses: found, answered, told; and a training that is stopped in between ends with the same bits."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest
import torch

from flawforge.core.errors import TrainingDivergedError
from flawforge.core.progress import SILENT
from flawforge.core.settings.recipes import recipe
from flawforge.data.reading.load import load
from flawforge.runs.checkpoint import find_checkpoint, list_checkpoints, require_checkpoint
from flawforge.runs.folder import Run
from flawforge.runs.history import History
from flawforge.runs.run_settings import RunSettings
from flawforge.studies.sets.held_out import find_held_out, find_training
from flawforge.training.health import judge as judge_file
from flawforge.training.health import training_health as health_file
from flawforge.training.health.judge import Judge
from flawforge.training.loop import step as step_file
from flawforge.training.loop.checkpoint_keeper import CheckpointKeeper
from flawforge.training.loop.training_log import TrainingLog
from flawforge.training.processes.processes import Processes
from flawforge.training.setup import batches as batches_file
from flawforge.training.state.plan import Clock
from flawforge.training.state.state import TrainingState
from flawforge.training.train import train
from heard import Heard
from in_threads import in_threads

Draw = Callable[..., Path]


@pytest.fixture
def cared(tiny: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Settings of a small training that is judged each 10 steps of 4 images and answers collapses."""
    monkeypatch.setattr(judge_file, "GENERATED", 8)
    monkeypatch.setattr(health_file, "WINDOW", 3)
    monkeypatch.setattr(health_file, "GRACE_KIMG", 0.0)
    monkeypatch.setattr("flawforge.training.health.training_health.EVALUATION_SHARE", 10.0)  # the clock decides nothing
    return {**tiny, "judge_kimg": 0.04, "rescues": 2, "augment": "light"}


def same(one: Run, other: Run, which: str = "newest") -> bool:
    a, b = find_checkpoint(one, which).tensors(), find_checkpoint(other, which).tensors()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def events(run: Run, event: str) -> list[dict[str, object]]:
    return [line for line in History(run.history_file).events() if line["event"] == event]


def judge_by(values: Iterator[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the judge say these values."""
    monkeypatch.setattr(Judge, "prepare", lambda self: None)
    monkeypatch.setattr(Judge, "value", lambda self, maker: next(values))


def poison(monkeypatch: pytest.MonkeyPatch, at: int, below: int) -> None:
    """Make a weight no number in step `at`, while fewer than `below` collapses have been answered."""
    healthy = step_file.gan_step

    def poisoned(state, *rest):  # type: ignore[no-untyped-def]
        outcome = healthy(state, *rest)
        if state.step == at and state.recipe.generator_lr * 2**below > state.begun.generator_lr:
            with torch.no_grad():
                next(state.generator.parameters()).fill_(math.nan)
        return outcome

    monkeypatch.setattr(step_file, "gan_step", poisoned)


def test_a_healthy_training_is_judged_and_left_alone(
    draw: Draw, tmp_path: Path, cared: dict[str, object], heard: Heard
) -> None:
    run = train(draw(), tmp_path / "run", kimg=0.2, progress=heard, **cared)
    assert not heard.warned
    assert not events(run, "rescued")
    judged = {line["step"]: line["distance"] for line in History(run.history_file).steps() if "distance" in line}
    assert sorted(judged) == [10, 20, 30, 40, 50]
    facts = require_checkpoint(run).facts
    best = min(judged, key=lambda step: judged[step])
    assert facts["care"]["best"] == [best, judged[best]]
    assert facts["best"] in (best, 50)
    assert find_checkpoint(run).step == facts["best"]


def test_judging_changes_no_weight(draw: Draw, tmp_path: Path, cared: dict[str, object]) -> None:
    data = draw()
    judged = train(data, tmp_path / "judged", kimg=0.1, **cared)
    bare = train(data, tmp_path / "bare", kimg=0.1, **{**cared, "judge_kimg": 0.0})
    assert same(judged, bare)
    assert "distance" not in {key for line in History(bare.history_file).steps() for key in line}


def test_the_best_is_kept_and_images_come_from_it(
    draw: Draw, tmp_path: Path, cared: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, told = draw(), iter([9.0, 5.0, 2.0, 3.0, 4.0, 3.0, 4.0, 5.0])
    judge_by(told, monkeypatch)
    run = train(data, tmp_path / "run", kimg=0.2, checkpoint_seconds=0, **cared)
    assert find_checkpoint(run).step == 20
    assert find_checkpoint(run, "newest").step == 50
    until = train(data, tmp_path / "until", kimg=0.08, **{**cared, "judge_kimg": 0.0})
    assert all(
        torch.equal(a, b)
        for a, b in zip(find_checkpoint(run).tensors().values(), find_checkpoint(until).tensors().values(), strict=True)
    )


@pytest.mark.parametrize("at", [7, 25])
def test_weights_that_are_no_numbers_are_answered(
    draw: Draw, tmp_path: Path, cared: dict[str, object], heard: Heard, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    poison(monkeypatch, at=at, below=1)
    run = train(draw(), tmp_path / "run", kimg=0.2, progress=heard, checkpoint_seconds=0, **cared)
    end = require_checkpoint(run)
    assert (end.step, end.facts["stopped"], end.facts["care"]["level"]) == (50, "kimg", 1)
    assert all(bool(torch.isfinite(value).all()) for value in end.tensors().values())
    (event,) = events(run, "rescued")
    assert event["kind"] == "diverged"
    assert (event["step"] == 0) == (at == 7)
    (text,) = heard.warned
    back = "Back to the beginning" if at == 7 else "Back to the best weights, of 0."
    assert back in text
    assert "step sizes 0.0001 -> 5e-05 and 0.0004 -> 0.0002, augmentation light -> full (1 of 2)" in text
    steps = [line["step"] for line in History(run.history_file).steps()]
    assert steps == sorted(set(steps))


def test_images_that_are_all_alike_are_answered_and_the_training_recovers(
    draw: Draw, tmp_path: Path, cared: dict[str, object], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = batches_file.draw_latents
    seen = {"level": 0}

    def alike(*args, **kwargs):  # type: ignore[no-untyped-def]
        latents = healthy(*args, **kwargs)
        return latents if seen["level"] else torch.zeros_like(latents)

    def recover(state, level):  # type: ignore[no-untyped-def]
        seen["level"] = level
        original(state, level)

    original = TrainingState.recover
    monkeypatch.setattr(batches_file, "draw_latents", alike)
    monkeypatch.setattr(TrainingState, "recover", recover)
    run = train(draw(), tmp_path / "run", kimg=0.2, progress=heard, **cared)
    (event,) = events(run, "rescued")
    assert event["kind"] == "collapse"
    assert "nearly all alike" in str(event["text"])
    assert require_checkpoint(run).facts["stopped"] == "kimg"
    assert History(run.history_file).steps()[-1]["spread"] > health_file.ALIKE


def test_a_rising_distance_is_answered(
    draw: Draw, tmp_path: Path, cared: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter([100.0, 5.0, 1.0, 20.0, 20.0, 20.0, *[0.5] * 20])
    judge_by(told, monkeypatch)
    run = train(draw(), tmp_path / "run", kimg=0.28, **cared)
    (event,) = events(run, "rescued")
    assert (event["kind"], event["step"]) == ("worse", 20)
    assert "at 0.2 kimg: the images have become far worse" in str(event["text"])


def test_without_rescues_a_rising_distance_is_told_and_training_goes_on(
    draw: Draw, tmp_path: Path, cared: dict[str, object], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter([300.0, 5.0, 1.0, 0.5, 100.0, 120.0, 150.0, 140.0, 130.0, 120.0])
    judge_by(told, monkeypatch)
    monkeypatch.setattr(health_file, "ALIKE", 0.0)  # nothing else is found
    data = draw()
    run = train(data, tmp_path / "run", kimg=0.32, progress=heard, **{**cared, "rescues": 0})
    end = require_checkpoint(run)
    assert (end.step, end.facts["stopped"], end.facts["best"]) == (80, "kimg", 30)
    (text,) = heard.warned  # once, though it was found twice
    assert text.startswith("worse at 0.2 kimg: the images have become far worse: distance to real ones 100, 120, 150")
    assert "from the best weights so far" in text
    (event,) = events(run, "warning")
    assert (event["kind"], event["step"], event["text"]) == ("worse", 60, text)
    bare = train(data, tmp_path / "bare", kimg=0.32, **{**cared, "rescues": 0, "judge_kimg": 0.0})
    assert same(run, bare)


@pytest.mark.parametrize(("last", "best"), [(1.9, 25), (2.1, 10)])
def test_at_the_end_the_present_weights_compete_with_the_best(
    draw: Draw, tmp_path: Path, cared: dict[str, object], monkeypatch: pytest.MonkeyPatch, last: float, best: int
) -> None:
    told = [9.0, 2.0, 3.0]  # untrained, and after steps 10 and 20
    judge_by(chain(told, repeat(last)), monkeypatch)
    run = train(draw(), tmp_path / "run", kimg=0.1, **cared)
    assert require_checkpoint(run).step == 25
    assert find_checkpoint(run).step == require_checkpoint(run).facts["best"] == best


def test_without_rescues_the_best_weights_outlive_a_divergence(
    draw: Draw, tmp_path: Path, cared: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, told = draw(), iter([9.0, 5.0, 2.0, *[3.0] * 9])
    judge_by(told, monkeypatch)
    poison(monkeypatch, at=33, below=1)
    asked = {**cared, "rescues": 0}
    with pytest.raises(TrainingDivergedError, match=r"training diverged: .* at step 40"):
        train(data, tmp_path / "run", kimg=0.2, **asked)
    kept = Run.open(tmp_path / "run")
    assert find_checkpoint(kept).step == 20
    until = train(data, tmp_path / "until", kimg=0.08, **{**asked, "judge_kimg": 0.0})
    assert same(kept, until)


def test_a_training_that_cannot_be_saved_stops_with_the_best_it_had(
    draw: Draw, tmp_path: Path, cared: dict[str, object], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, at=25, below=99)
    data = draw()
    run = train(data, tmp_path / "run", kimg=0.2, progress=heard, **cared)
    end = require_checkpoint(run)
    assert end.facts["stopped"] == "collapse"
    assert end.step == end.facts["care"]["best"][0]
    assert find_checkpoint(run).step == end.step <= 30
    assert len(events(run, "rescued")) == 2
    assert (
        "It has gone back 2 times already, which did not help. Training ends with the best weights" in heard.warned[-1]
    )
    assert [one.step for one in list_checkpoints(run) if one.step > end.step] == []
    again = train(data, tmp_path / "run", kimg=0.2, resume=True, progress=heard, **cared)
    assert require_checkpoint(again).step == end.step


def test_a_training_without_any_good_weights_says_so(
    draw: Draw, tmp_path: Path, cared: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, at=3, below=99)
    with pytest.raises(
        TrainingDivergedError, match="gone back 2 times already, which did not help, and at no time were there weights"
    ):
        train(draw(), tmp_path / "run", kimg=0.2, **cared)


def test_an_absurd_step_size_is_found_for_real(
    draw: Draw, tmp_path: Path, cared: dict[str, object], heard: Heard
) -> None:
    train(draw(), tmp_path / "run", kimg=0.3, progress=heard, **{**cared, "generator_lr": 1.0})
    assert any(text.startswith("collapse at") for text in heard.warned)


def test_resuming_after_a_going_back_ends_with_the_same_bits(
    draw: Draw, tmp_path: Path, cared: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, at=25, below=1)
    data = draw()
    whole = train(data, tmp_path / "whole", kimg=0.2, **cared)
    for kimg in (0.064, 0.092, 0.148, 0.2):  # before, and after
        parts = train(data, tmp_path / "parts", kimg=kimg, resume=True, **cared)
    assert events(whole, "rescued")
    assert len(events(parts, "rescued")) == 1
    assert same(whole, parts)
    assert same(whole, parts, "best")
    one, other = (require_checkpoint(run).facts for run in (whole, parts))
    assert {k: v for k, v in one["care"].items() if k != "judging"} == {
        k: v for k, v in other["care"].items() if k != "judging"
    }


def test_held_out_images_are_not_learnt_from_and_the_run_says_which(
    draw: Draw, tmp_path: Path, cared: dict[str, object], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PLENTY", 16), ("SPECIMENS", 4)):
        monkeypatch.setattr(f"flawforge.data.sampling.held_out.{name}", value)
    data = load(draw(count=24))
    groups = data.groups()
    run = train(data.root, tmp_path / "run", kimg=0.1, progress=heard, **cared)
    said = run.settings.judging
    held = [i for i, sample in enumerate(data.samples) if sample.sha256 in set(said.samples)]
    assert said.held_out == {"lines": len(held)} == {"lines": 3}
    rest = [i for i in range(24) if i not in held]
    assert not set(groups[held]) & set(groups[rest])
    assert run.settings.data.fingerprint == data.take(rest).fingerprint
    assert heard.said[0] == "3 of 24 images are held out to select the checkpoint, and not trained on"
    again = train(data.root, tmp_path / "run", kimg=0.12, resume=True, **cared)
    assert require_checkpoint(again).step == 30

    training = find_training(run, None, Heard())
    assert training.fingerprint == data.take(rest).fingerprint
    real = find_held_out(run, None, None, Heard())
    assert sorted(real.reference.tolist()) == held
    assert real.notes[1] == "3 of these show specimens that the checkpoint was selected by, not trained on."


def test_several_processes_go_back_alike_though_only_the_first_has_judged(
    tmp_path: Path, cared: dict[str, object]
) -> None:
    class Told:
        def prepare(self) -> None:
            pass

        def value(self, maker: object) -> float:
            return next(values)

    values = iter([100.0, 2.0])
    asked = recipe(str(cared.pop("recipe")), **cared)
    run = Run.create(tmp_path / "run", RunSettings())

    def work(processes: Processes) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
        state = TrainingState(asked, 1, 0, torch.device("cpu"), "float32", 1, processes)
        log = TrainingLog(run, state, Clock(), SILENT)
        judge = Told() if processes.first else None
        keeper = CheckpointKeeper(run, state, judge, log, Clock(), SILENT)  # type: ignore[arg-type]
        keeper.begin()
        state.step = 10
        assert keeper.evaluate() is None
        good = {key: value.clone() for key, value in state.tensors().items()}
        with torch.no_grad():
            next(state.generator.parameters()).fill_(math.nan)
        state.step = 20
        broken = keeper.check_weights()
        assert broken is not None
        assert keeper.recover(broken)
        assert all(torch.equal(value, good[key]) for key, value in state.tensors().items())
        assert (state.step, state.recipe.augment) == (10, "full")
        return good, {key: value for key, value in keeper.health.dump().items() if key != "judging"}

    (one, care), (other, same_care) = in_threads(2, work)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert care == same_care
    assert care["best"] == (10, 2.0)


def test_a_resume_does_not_make_judging_rarer(
    tmp_path: Path, tiny: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    class Slow:
        prepared, seconds = False, 0.1

        def prepare(self) -> None:
            now[0] += 0 if self.prepared else 30
            self.prepared = True

        def value(self, maker: object) -> float:
            self.prepare()
            now[0] += self.seconds
            return 1.0

    asked = recipe(str(tiny.pop("recipe")), **tiny, judge_kimg=0.04)
    run = Run.create(tmp_path / "run", RunSettings())

    def keep(facts: dict[str, object] | None) -> tuple[CheckpointKeeper, Slow]:
        judge, clock = Slow(), Clock()
        state = TrainingState(asked, 1, 0, torch.device("cpu"), "float32")
        keeper = CheckpointKeeper(run, state, judge, TrainingLog(run, state, clock, SILENT), clock, SILENT)  # type: ignore[arg-type]
        if facts is not None:
            keeper.resume(json.loads(json.dumps(facts)))
        keeper.begin()
        return keeper, judge

    def look(keeper: CheckpointKeeper, step: int, seconds: float) -> int:
        keeper.state.step = step
        now[0] += seconds
        keeper.evaluate()
        assert keeper.health.last == step
        return keeper.health.stretch

    keeper, _ = keep(None)
    assert look(keeper, 10, 5.0) == 1
    keeper, judge = keep(keeper.facts())
    keeper.state.step = 17
    assert look(keeper, 20, 0.5) == 1  # of 5 seconds between two, this session has seen half a second
    assert keeper.health.judging == pytest.approx(0.2)  # without the preparation
    assert look(keeper, 30, 5.0) == 1
    judge.seconds = 0.5
    assert look(keeper, 40, 5.0) == 2
    assert look(keeper, 60, 0.0) == 4  # the clock has not moved since
