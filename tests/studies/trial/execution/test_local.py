"""Cells in worker processes: no print, program or error of a user's module disturbs them; the dead are replaced."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trial_material as material
import worker_jobs
from flawforge.core.errors import RunBrokenError, TrainingDivergedError
from flawforge.core.settings.trials import TrialSettings
from flawforge.core.worker_process import WorkerProcess
from flawforge.runs.cells import CELLS, CellKey, read_cell
from flawforge.studies.trial.cells.work_list import GENERATOR, compute_cell
from flawforge.studies.trial.execution import local
from flawforge.studies.trial.execution.local import CellProcesses
from flawforge.studies.trial.setup.bench import load_bench
from flawforge.studies.trial.setup.open import open_trial

FIRST, SECOND = CellKey(0, 3, GENERATOR), CellKey(1, 3, GENERATOR)


def opened(folder: Path, generator: str) -> Path:
    photos = material.draw_dataset(folder / "photos", 12, classes=("good", "waves"))
    settings = TrialSettings(
        shots=(3,),
        seeds=2,
        resolution=(32, 32),
        batch=12,
        made=8,
        folds=0,
        policy="none",
        generator=f"trial_material:{generator}",
        arms=("classical", "generated"),
    )
    open_trial(photos, folder / "out", settings)
    return folder / "out"


def answers(workers: CellProcesses, count: int) -> list[CellKey]:
    done: list[CellKey] = []
    until = time.monotonic() + 200
    while len(done) < count:
        assert time.monotonic() < until, "the worker does not answer"
        done += [key for key, _ in workers.finished(0.5)]
    return done


@pytest.mark.slow
def test_a_generator_may_start_programs_that_read_and_write(tmp_path: Path) -> None:
    out = opened(tmp_path, "talker")
    workers = CellProcesses(out, 1)
    try:
        for key in (FIRST, SECOND):
            workers.submit(key)
            assert answers(workers, 1) == [key]
            cell = read_cell(out / CELLS, key, load_bench(out).protocol)
            assert cell is not None
            here = compute_cell(load_bench(out), key, {}, None)
            assert cell.arrays.keys() == here.arrays.keys()
            assert all(np.array_equal(cell.arrays[name], here.arrays[name]) for name in here.arrays)
    finally:
        workers.close()
    assert b"epoch 1 loss 0.3" in (out / local.WORKERS_LOG).read_bytes()


@pytest.mark.slow
def test_errors_arrive_as_what_they_are_and_end_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(3):
        (tmp_path / "marks" / str(index)).mkdir(parents=True)
    monkeypatch.setenv("MARKS", str(tmp_path / "marks"))
    out = opened(tmp_path, "stumbler")
    workers = CellProcesses(out, 1)
    try:
        workers.submit(FIRST)
        with pytest.raises(TrainingDivergedError, match="the loss is no number any more"):
            answers(workers, 1)
        workers.submit(CellKey(1, 3, "nonsense", "small-cnn"))  # what nobody explains
        with pytest.raises(RuntimeError, match=r"(?s)cell s0001-n0003-nonsense-small-cnn failed in its worker:.*Error"):
            answers(workers, 1)
        assert len(workers._idle) == 1
    finally:
        workers.close()


def test_a_cell_that_fails_loses_none_of_the_others_that_ended(tmp_path: Path) -> None:
    class Ended:
        """A worker that is not there: its futures have ended already."""

        def end(self) -> None:
            pass

    workers = CellProcesses(tmp_path, 3)
    for seed, error in enumerate((None, TrainingDivergedError("diverged"), None)):
        future: Future[float] = Future()
        future.set_exception(error) if error else future.set_result(float(seed))
        workers._busy[future] = CellKey(seed, 3, GENERATOR), Ended()  # type: ignore[assignment]
    assert sorted(workers.finished(1)) == [(FIRST, 0.0), (CellKey(2, 3, GENERATOR), 2.0)]
    with pytest.raises(TrainingDivergedError, match="diverged"):
        workers.finished(1)


def dying(monkeypatch: pytest.MonkeyPatch, times: int) -> list[CellKey]:
    """Let the first calls kill their worker and the others answer with its number; return the cells in order."""
    asked: list[CellKey] = []
    submit = WorkerProcess.submit

    def instead(self: WorkerProcess, function: Any, folder: Path, key: CellKey) -> Future[Any]:
        asked.append(key)
        return submit(self, worker_jobs.die if len(asked) <= times else os.getpid)  # type: ignore[arg-type]

    monkeypatch.setattr(WorkerProcess, "submit", instead)
    return asked


def test_a_cell_whose_worker_dies_is_begun_again_and_the_other_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = dying(monkeypatch, 2)
    workers = CellProcesses(tmp_path, 2)
    try:
        workers.submit(FIRST)
        assert answers(workers, 1) == [FIRST]
        assert asked == [FIRST] * 3
        workers.submit(FIRST)
        workers.submit(SECOND)
        assert sorted(answers(workers, 2)) == [FIRST, SECOND]
    finally:
        workers.close()


def test_a_cell_that_ends_its_worker_three_times_ends_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = dying(monkeypatch, 9)
    workers = CellProcesses(tmp_path, 1)
    workers.submit(FIRST)
    with pytest.raises(RunBrokenError, match="cell s0000-n0003-generator ended its worker process 3 times"):
        answers(workers, 1)
    assert asked == [FIRST] * 3
    workers.close()


def test_a_worker_that_died_between_two_cells_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dying(monkeypatch, 0)
    workers = CellProcesses(tmp_path, 1)
    try:
        workers.submit(FIRST)
        ((_, pid),) = workers.finished(200)
        (worker,) = workers._idle
        os.kill(int(pid), 9)
        time.sleep(0.5)
        workers.submit(SECOND)
        assert answers(workers, 1) == [SECOND]
        assert workers._idle != [worker]
    finally:
        workers.close()
