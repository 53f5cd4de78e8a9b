from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from flawforge.core.errors import DiskFullError, RunNotFoundError, SettingError
from flawforge.runs.checkpoint import (
    drop_after,
    find_checkpoint,
    list_checkpoints,
    newest_checkpoint,
    require_checkpoint,
    save_checkpoint,
)
from flawforge.runs.folder import Run
from flawforge.runs.run_settings import RunSettings
from heard import Heard


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", RunSettings())


def save(run: Run, step: int) -> None:
    save_checkpoint(run, step, {"a.w": torch.full((3,), float(step)), "b.w": torch.zeros(2)}, {"kimg": step / 10})


def test_what_is_saved_is_loaded_with_its_prefix_cut(run: Run) -> None:
    save(run, 5)
    checkpoint = require_checkpoint(run)
    assert (checkpoint.step, checkpoint.facts["kimg"]) == (5, 0.5)
    assert {k: v.tolist() for k, v in checkpoint.tensors("a.").items()} == {"w": [5.0, 5.0, 5.0]}
    assert set(checkpoint.tensors()) == {"a.w", "b.w"}


def test_the_newest_two_stay(run: Run) -> None:
    for step in (1, 2, 3, 10):
        save(run, step)
    assert [checkpoint.step for checkpoint in list_checkpoints(run)] == [3, 10]
    assert len(list(run.checkpoints.iterdir())) == 4


def test_a_damaged_newest_one_is_told_where_an_older_one_is_taken(run: Run) -> None:
    save(run, 1)
    save(run, 2)
    (run.checkpoints / "step_00000002.safetensors").write_bytes(b"torn")
    heard = Heard()
    assert find_checkpoint(run, progress=heard).step == 1
    assert heard.warned == [
        f"checkpoint {run.checkpoints / 'step_00000002.safetensors'} is damaged; step_00000001.safetensors is taken in "
        f"its place."
    ]


def test_tensors_without_their_json_count_for_nothing_and_are_cleared(run: Run) -> None:
    save(run, 1)
    save(run, 2)
    (run.checkpoints / "step_00000002.json").unlink()  # killed between the two files
    newest = newest_checkpoint(run)
    assert newest is not None
    assert newest.step == 1
    save(run, 3)
    assert sorted(p.name for p in run.checkpoints.glob("*.safetensors")) == [
        "step_00000001.safetensors",
        "step_00000003.safetensors",
    ]


@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_a_damaged_newest_is_passed_over_for_the_one_before(run: Run, harm: str) -> None:
    save(run, 1)
    save(run, 2)
    file = run.checkpoints / "step_00000002.safetensors"
    data = bytearray(file.read_bytes())
    file.write_bytes(bytes(data[:-3]) if harm == "cut" else bytes(data[:-1]) + bytes([data[-1] ^ 1]))
    newest = newest_checkpoint(run)
    assert newest is not None
    assert newest.step == 1


def test_a_full_disk_keeps_the_last_good_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    save(run, 1)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFullError, match="no room left on the disk"):
            save(run, 2)
    assert require_checkpoint(run).step == 1
    save(run, 2)
    assert require_checkpoint(run).step == 2


def test_no_checkpoint_is_explained(run: Run) -> None:
    with pytest.raises(
        RunNotFoundError, match=r"has no whole checkpoint yet. Train it with: flawforge train DATA --out"
    ):
        require_checkpoint(run)


def test_channels_last_tensors_come_back_in_their_logical_order(run: Run) -> None:
    weight = torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    save_checkpoint(run, 1, {"w": weight}, {})
    assert torch.equal(require_checkpoint(run).tensors()["w"], weight)


def named(run: Run, step: int, best: int, *kept: int) -> None:
    save_checkpoint(run, step, {"a.w": torch.full((3,), float(step))}, {"best": best, "kept": [best, *kept]})


def test_the_named_steps_stay_beside_the_newest_two(run: Run) -> None:
    for step, best in ((1, 1), (2, 1), (3, 3), (4, 3), (5, 3), (6, 3)):
        named(run, step, best)
    assert [checkpoint.step for checkpoint in list_checkpoints(run)] == [3, 5, 6]


def test_the_best_is_found_and_others_can_be_asked_for(run: Run) -> None:
    for step in (1, 2, 3):
        named(run, step, 1)
    assert [find_checkpoint(run, which).step for which in ("best", "newest", 2, "1")] == [1, 3, 2, 1]
    with pytest.raises(SettingError, match="--checkpoint is '7'; .* has best, newest, and the steps 1, 2, 3"):
        find_checkpoint(run, 7)


def test_without_a_judgement_or_with_a_damaged_best_the_newest_is_taken(run: Run) -> None:
    save(run, 1)
    save(run, 2)
    assert find_checkpoint(run).step == 2
    named(run, 3, 1)
    (run.checkpoints / "step_00000001.safetensors").write_bytes(b"")
    assert find_checkpoint(run).step == 3


def test_what_training_went_back_from_is_dropped(run: Run) -> None:
    for step in (1, 2, 3):
        named(run, step, 1)
    drop_after(run, 1)
    assert require_checkpoint(run).step == 1
    assert len(list(run.checkpoints.iterdir())) == 2
