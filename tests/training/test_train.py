from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import flawforge
from flawforge.core.errors import (
    DataUnusableError,
    DiskFullError,
    RunExistsError,
    RunUnwritableError,
    SettingError,
    TrainingDivergedError,
    TrainingInterruptedError,
)
from flawforge.data.dataset import Dataset
from flawforge.runs.checkpoint import newest_checkpoint, require_checkpoint
from flawforge.runs.folder import Run
from flawforge.runs.history import History
from flawforge.runs.run_settings import FormatCount
from flawforge.training.loop import step as step_file
from flawforge.training.native import batches as native_batches
from flawforge.training.setup import batches as batches_file
from flawforge.training.train import train
from heard import Heard

Draw = Callable[..., Path]


def same(one: Run, other: Run) -> bool:
    a, b = require_checkpoint(one).tensors(), require_checkpoint(other).tensors()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_a_run_folder_holds_what_the_house_says(draw: Draw, tmp_path: Path, tiny: dict[str, object]) -> None:
    run = train(draw(), tmp_path / "run", kimg=0.1, previews=3, seed=4, command="the command", **tiny)
    settings = run.settings
    assert settings.format == 1
    assert settings.recipe["batch"] == 4
    assert (settings.channels, settings.seed, settings.command, settings.steps) == (1, 4, "the command", 25)
    assert settings.data.classes == {"lines": 10}
    assert settings.data.formats == [FormatCount(label="lines", mode="L", width=16, height=16, count=10)]
    assert set(settings.environment) >= {"torch", "python", "flawforge", "device", "precision", "threads", "processor"}
    assert settings.parameters["generator"] > 0
    lines = History(run.history_file).steps()
    assert [line["step"] for line in lines] == [10, 20, 25]
    assert lines[-1]["kimg"] == 0.1
    assert all(0 <= line["d_real"] <= 1 and line["spread"] >= 0 for line in lines)
    for line in lines:
        for side in ("real", "fake"):
            found = line[f"scores_{side}"]
            assert len(found) == 5
            assert sorted(found) == found
            assert found[0] <= line[f"d_{side}"] + 1e-4
            assert found[-1] >= line[f"d_{side}"] - 0.1
    assert (History(run.history_file).events()[-1]["event"], History(run.history_file).events()[-1]["kind"]) == (
        "stopped",
        "kimg",
    )
    names = sorted(p.name for p in run.previews.iterdir())
    assert names == ["kimg_000000.040.png", "kimg_000000.080.png", "kimg_000000.100.png", "real", "real.png"]
    assert len(list((run.previews / "real").glob("*.png"))) == 10
    classes = json.loads(run.real_classes_file.read_text())
    assert sorted(classes) == sorted(path.name for path in (run.previews / "real").glob("*.png"))
    assert set(classes.values()) == set(run.settings.data.classes)
    checkpoint = require_checkpoint(run)
    assert (checkpoint.step, checkpoint.facts["stopped"]) == (25, "kimg")


def test_what_was_logged_before_a_first_checkpoint_comes_once(
    draw: Draw, tmp_path: Path, tiny: dict[str, object]
) -> None:
    data = draw()
    run = train(data, tmp_path / "run", kimg=0.1, **tiny)
    shutil.rmtree(run.checkpoints)  # as a kill before the first one leaves it
    train(data, tmp_path / "run", kimg=0.1, resume=True, **tiny)
    assert [line["step"] for line in History(run.history_file).steps()] == [10, 20, 25]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    draw: Draw, tmp_path: Path, tiny: dict[str, object]
) -> None:
    data = draw()
    first = train(data, tmp_path / "a", kimg=0.06, **tiny)
    torch.manual_seed(123)
    second = train(data, tmp_path / "b", kimg=0.06, **tiny)
    third = train(data, tmp_path / "c", kimg=0.06, seed=1, **tiny)
    assert same(first, second)
    assert not same(first, third)


def test_previews_checkpoints_and_tensorboard_change_no_weight(
    draw: Draw, tmp_path: Path, tiny: dict[str, object]
) -> None:
    pytest.importorskip("tensorboard")
    data = draw()
    for ema in (0, 0.1):
        bare = train(data, tmp_path / f"bare{ema}", kimg=0.1, previews=0, ema_kimg=ema, **tiny)
        full = train(
            data,
            tmp_path / f"full{ema}",
            kimg=0.1,
            previews=9,
            checkpoint_seconds=0,
            tensorboard=True,
            ema_kimg=ema,
            **tiny,
        )
        assert same(bare, full)
        assert list((full.path / "tensorboard").iterdir())
        assert not list(bare.previews.iterdir())


def test_resumed_runs_end_with_the_bits_of_an_undisturbed_one(
    draw: Draw, tmp_path: Path, tiny: dict[str, object]
) -> None:
    data = draw()
    whole = train(data, tmp_path / "whole", kimg=0.15, **tiny)
    for kimg in (0.03, 0.07, 0.15):
        parts = train(data, tmp_path / "parts", kimg=kimg, resume=True, **tiny)
    assert same(whole, parts)
    resumed = [line["step"] for line in History(parts.history_file).events() if line["event"] == "resumed"]
    assert resumed == [8, 18]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fewshot", "native"])
def test_a_recipe_with_classes_resumes_to_the_same_bits_and_makes_each(
    name: str, draw: Draw, tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_batches, "POOL", 3)
    (tmp_path / "both").mkdir()
    for label in ("a", "b"):
        draw(name=label).rename(tmp_path / "both" / label)
    small = {"resolution": 32, "generator_depth": 2, "discriminator_depth": 4, "batch": 4, "augment_target": 0.6}
    whole = train(tmp_path / "both", tmp_path / "whole", name, kimg=0.06, progress=heard, **small)
    for kimg in (0.024, 0.06):
        parts = train(tmp_path / "both", tmp_path / "parts", name, kimg=kimg, resume=True, **small)
    assert same(whole, parts)
    assert all("in more than one class" in text for text in heard.warned)  # the two classes are drawn alike
    assert "augmentation.probability" in require_checkpoint(whole).tensors()
    made = flawforge.generate(whole, 2)
    assert made.facts["classes"] == {"a": 2, "b": 2}
    assert all(bool(entry.sources) == (name == "native") for entry in made.entries())


def test_a_finished_run_is_left_as_it_is(draw: Draw, tmp_path: Path, tiny: dict[str, object]) -> None:
    data = draw()
    run = train(data, tmp_path / "run", kimg=0.06, **tiny)
    before = require_checkpoint(run)
    again = train(data, tmp_path / "run", resume=True)  # no settings: the run's own
    assert require_checkpoint(again).facts == before.facts


def test_it_is_told_what_is_learnt_from(draw: Draw, tmp_path: Path, tiny: dict[str, object]) -> None:
    """With --shots nobody saw what was drawn; a dataset in memory is known to whoever made it."""
    heard, data = Heard(), draw()
    run = train(data, tmp_path / "run", kimg=0.02, shots=3, progress=heard, **tiny)
    (line,) = [line for line in heard.said if line.startswith("training on")]
    label = next(iter(run.settings.data.classes))
    assert line == f"training on 3 images of {data}: 3 {label}"
    heard = Heard()
    train(flawforge.load(data), tmp_path / "other", kimg=0.02, progress=heard, **tiny)
    assert not [line for line in heard.said if line.startswith("training on")]


def test_a_run_is_not_overwritten(draw: Draw, tmp_path: Path, tiny: dict[str, object]) -> None:
    data = draw()
    train(data, tmp_path / "run", kimg=0.02, **tiny)
    with pytest.raises(RunExistsError, match="already holds a run. Add --resume"):
        train(data, tmp_path / "run", kimg=0.02, **tiny)


def test_going_on_with_another_experiment_is_refused(draw: Draw, tmp_path: Path, tiny: dict[str, object]) -> None:
    data = draw()
    train(data, tmp_path / "run", kimg=0.02, **tiny)
    other = {**tiny, "batch": 6}
    with pytest.raises(SettingError, match="begun with other settings: batch 4 -> 6; seed 0 -> 3. Give the same ones"):
        train(data, tmp_path / "run", kimg=0.02, seed=3, resume=True, **other)
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(data / "new.png")
    with pytest.raises(SettingError, match=r"the images \(10 then, 11 now, or their content\)"):
        train(data, tmp_path / "run", kimg=0.02, resume=True, **tiny)
    with pytest.raises(SettingError, match="shots None -> 5. Give the same ones"):
        train(data, tmp_path / "run", kimg=0.02, shots=5, resume=True, **tiny)
    with pytest.raises(DataUnusableError, match="--shots 1 leaves 1 image"):
        train(data, tmp_path / "other", kimg=0.02, shots=1, **tiny)


def test_a_closed_terminal_saves_and_says_how_to_go_on(draw: Draw, tmp_path: Path, tiny: dict[str, object]) -> None:
    """SIGHUP once ended a training without a word, up to a minute after its last save."""
    data = draw()
    whole = train(data, tmp_path / "whole", kimg=0.4, **tiny)

    def press() -> None:
        while not (tmp_path / "run" / "history.jsonl").exists():
            pass
        for _ in range(2):  # from the system and from the shell
            os.kill(os.getpid(), signal.SIGHUP)

    threading.Thread(target=press).start()
    with pytest.raises(
        TrainingInterruptedError, match=r"everything is saved in .* run the same command again with --resume"
    ) as error:
        train(data, tmp_path / "run", kimg=0.4, **tiny)
    assert isinstance(error.value, KeyboardInterrupt)
    stopped = require_checkpoint(Run(tmp_path / "run"))
    assert stopped.facts["stopped"] == "interrupted"
    assert 0 < stopped.step < 100
    assert same(whole, train(data, tmp_path / "run", kimg=0.4, resume=True, **tiny))


def test_minutes_end_a_run_and_count_over_sessions(
    draw: Draw, tmp_path: Path, tiny: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, now, step = draw(), [0.0], step_file.gan_step

    def a_second_long(*args: object) -> object:
        now[0] += 1
        return step(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(step_file, "gan_step", a_second_long)
    run = train(data, tmp_path / "run", minutes=0.2, **tiny)
    first = require_checkpoint(run)
    assert (first.step, first.facts["stopped"], first.facts["seconds"]) == (12, "minutes", 12)
    assert run.settings.steps is None
    again = require_checkpoint(train(data, tmp_path / "run", minutes=0.2, resume=True, **tiny))
    assert again.step == first.step


def test_minutes_that_reading_uses_up_are_refused_and_more_can_be_given(
    draw: Draw, tmp_path: Path, tiny: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, read = draw(), Dataset.pixels
    monkeypatch.setattr(Dataset, "pixels", lambda *args: (time.sleep(0.3), read(*args))[1])
    words = (
        r"no time was left.*reading and setting up took \d+\.\d s, .*--minutes gives 0\.2 s.*--resume.*--minutes 0\.1"
    )
    with pytest.raises(SettingError, match=words):
        train(data, tmp_path / "run", minutes=0.2 / 60, **tiny)
    assert newest_checkpoint(Run(tmp_path / "run")) is None
    assert History(tmp_path / "run" / "history.jsonl").events() == []
    again = train(data, tmp_path / "run", minutes=2, kimg=0.04, resume=True, **tiny)
    assert require_checkpoint(again).facts["stopped"] == "kimg"


def test_a_loss_that_is_no_number_keeps_the_last_good_checkpoint(
    draw: Draw, tmp_path: Path, tiny: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = step_file.gan_step

    def poisoned(state, *rest):  # type: ignore[no-untyped-def]
        outcome = healthy(state, *rest)
        if state.step == 24:
            with torch.no_grad():
                next(state.discriminator.parameters()).fill_(float("nan"))
        return outcome

    monkeypatch.setattr(step_file, "gan_step", poisoned)
    with pytest.raises(
        TrainingDivergedError, match=r"training diverged: .* at step 30 .*The last good checkpoint is kept"
    ):
        train(draw(), tmp_path / "run", kimg=0.4, checkpoint_seconds=0, **tiny)
    kept = require_checkpoint(Run(tmp_path / "run"))
    assert kept.step in (10, 20)  # saving may take a twentieth of the time at most
    assert all(bool(torch.isfinite(value).all()) for value in kept.tensors().values())


def test_a_full_disk_stops_with_the_last_good_checkpoint(
    draw: Draw, tmp_path: Path, tiny: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = draw()
    real_fsync, calls = os.fsync, [0]

    def filling(handle: int) -> None:
        calls[0] += 1
        if calls[0] > 12:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real_fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", filling)
        with pytest.raises(DiskFullError, match="Free some space, then run the same command again"):
            train(data, tmp_path / "run", kimg=0.4, checkpoint_seconds=0, **tiny)
    assert require_checkpoint(Run(tmp_path / "run")).step >= 10
    whole = train(data, tmp_path / "whole", kimg=0.4, **tiny)
    assert same(whole, train(data, tmp_path / "run", kimg=0.4, resume=True, **tiny))


def test_a_disk_that_cannot_hold_the_checkpoints_is_told_before_training(
    draw: Draw, tmp_path: Path, tiny: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(DiskFullError, match="0 MB free; the checkpoints of this recipe need"):
        train(draw(), tmp_path / "run", kimg=0.4, **tiny)


def test_an_unwritable_folder_is_explained(draw: Draw, tmp_path: Path, tiny: dict[str, object]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunUnwritableError, match="Choose a folder that you may write to"):
        train(draw(), tmp_path / "file" / "run", kimg=0.02, **tiny)


def test_fewer_minutes_or_kimg_later_leave_the_record_true(draw: Draw, tmp_path: Path, tiny: dict[str, object]) -> None:
    data, heard = draw(), Heard()
    run = train(data, tmp_path / "run", kimg=0.04, **tiny)
    before = run.settings
    train(data, tmp_path / "run", kimg=0.02, resume=True, progress=heard, **tiny)
    assert (run.settings.recipe["kimg"], run.settings.steps) == (0.04, before.steps)
    train(data, tmp_path / "run", minutes=1e-6, resume=True, progress=heard, **tiny)
    seconds = require_checkpoint(run).facts["seconds"]
    assert run.settings.minutes is not None
    assert 1e-6 < run.settings.minutes <= seconds / 60
    assert sum("was trained for longer already: 0.0 kimg" in text for text in heard.said) == 2


def test_what_is_wrong_with_labels_is_told_once_and_kept(draw: Draw, tmp_path: Path, tiny: dict[str, object]) -> None:
    """16 pictures in two classes were seen by `inspect` alone, and a trial gave its verdict on them."""
    data, heard = draw(), Heard()
    other = data.with_name("twins") / "other"
    shutil.copytree(data, other.with_name("first"))
    other.mkdir()
    for path in sorted(other.with_name("first").rglob("*.png"))[:2]:
        shutil.copy(path, other / path.name)
    run = train(other.parent, tmp_path / "run", kimg=0.02, progress=heard, **tiny)
    told = [text for text in heard.warned if "in more than one class" in text]
    assert len(told) == 1
    assert told[0].startswith("2 images are in more than one class, for example ")
    assert run.settings.data.warnings == told


def test_one_image_is_too_few(draw: Draw, tmp_path: Path, tiny: dict[str, object]) -> None:
    with pytest.raises(DataUnusableError, match="has 1 usable image; a generator needs 2 or more"):
        train(draw(count=1), tmp_path / "run", kimg=0.02, **tiny)


def test_a_class_of_one_image_is_refused_where_classes_are_told_apart(draw: Draw, tmp_path: Path) -> None:
    (tmp_path / "both").mkdir()
    draw(name="many").rename(tmp_path / "both" / "many")
    draw(name="one", count=1).rename(tmp_path / "both" / "one")
    with pytest.raises(DataUnusableError, match="class one has one image, and a generator would only reproduce it"):
        train(tmp_path / "both", tmp_path / "run", "fewshot", kimg=0.02)
    assert not (tmp_path / "run").exists()


def test_several_classes_are_one_mixture_and_the_user_is_told(
    draw: Draw, tmp_path: Path, tiny: dict[str, object], heard: Heard
) -> None:
    (tmp_path / "both").mkdir()
    for name in ("a", "b"):
        draw(name=name).rename(tmp_path / "both" / name)
    train(tmp_path / "both", tmp_path / "run", kimg=0.02, progress=heard, **tiny)
    mixture = "does not tell classes apart: it learns the 2 classes of"
    assert any(mixture in text and "--classes a" in text for text in heard.warned)


def test_a_collapse_is_told_in_words_and_in_the_history(
    draw: Draw, tmp_path: Path, tiny: dict[str, object], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flawforge.training.health.training_health.GRACE_KIMG", 0.0)
    alike = torch.zeros(4, 8)
    monkeypatch.setattr(batches_file, "draw_latents", lambda *a, **k: alike)  # one latent: all images alike
    run = train(draw(), tmp_path / "run", kimg=1.0, progress=heard, **tiny)
    assert any(text.startswith("collapse at") for text in heard.warned)
    assert "collapse" in [line["kind"] for line in History(run.history_file).events()]


@pytest.mark.parametrize("form", ["L", "RGB", "I;16"])
def test_gray_colour_and_sixteen_bits_are_learnt(form: str, tmp_path: Path, tiny: dict[str, object]) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(4):
        shape = (20, 30, 3) if form == "RGB" else (20, 30)
        pixels = rng.integers(0, 4000 if form == "I;16" else 255, shape).astype(
            np.uint16 if form == "I;16" else np.uint8
        )
        Image.fromarray(pixels).save(folder / f"{i}.png")
    run = train(folder, tmp_path / "run", kimg=0.02, previews=1, **tiny)
    assert run.settings.channels == (3 if form == "RGB" else 1)
    assert run.settings.data.white == (4095 if form == "I;16" else 255)
    assert run.settings.data.formats == [FormatCount(label="data", mode=form, width=30, height=20, count=4)]
    kept = Image.open(run.previews / "real" / "000.png")
    assert (kept.mode, kept.size) == (form, (30, 20))


def test_three_channels_can_be_forced_on_gray_images(draw: Draw, tmp_path: Path, tiny: dict[str, object]) -> None:
    run = train(draw(), tmp_path / "run", kimg=0.02, channels=3, **tiny)
    assert run.settings.channels == 3


def test_it_is_the_public_verb() -> None:
    assert flawforge.train is train
