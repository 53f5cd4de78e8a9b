"""Cells on this machine: in this process, or in worker processes that read the trial's folder and write their cells.

A worker that dies (the kernel kills it for memory, say) is replaced, and its cell is begun again, a few times at most.
"""

from __future__ import annotations

import contextlib
import functools
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Protocol

import torch

from flawforge.core.errors import FlawforgeError, RunBrokenError
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.trials import TrialSettings
from flawforge.core.worker_process import WorkerProcess
from flawforge.runs.cells import CELLS, CellKey, read_cell, write_cell
from flawforge.studies.trial.cells.work_list import Outcome, compute_cell, needs
from flawforge.studies.trial.setup.bench import Bench, load_bench

ATTEMPTS = 3  # times that a cell may lose its worker before the trial gives up
WORKERS_LOG = "workers.log"  # below the trial's folder: all that workers print
Finished = tuple[CellKey, float]  # a cell that is on the disk now, and the seconds it took


class Executor(Protocol):
    """Where cells are worked out.

    Attributes:
        slots: cells that can be worked on at a time.
    """

    slots: int

    def submit(self, key: CellKey) -> None:
        """Begin a cell whose needs are on the disk."""

    def finished(self, timeout: float) -> list[Finished]:
        """Return the cells that have ended since, waiting up to `timeout` seconds for the first.

        Raises:
            FlawforgeError: a cell met a problem that is explained.
        """

    def close(self) -> None:
        """End all that is under way."""


class Here:
    """One cell after the other in this process."""

    slots = 1

    def __init__(self, bench: Bench, folder: Path, progress: Progress = SILENT) -> None:
        self._bench, self._folder, self._progress = bench, folder, progress
        self._waiting: list[CellKey] = []

    def submit(self, key: CellKey) -> None:
        """Note a cell; it is worked out when it is asked for."""
        self._waiting.append(key)

    def finished(self, timeout: float) -> list[Finished]:
        """Work out the noted cells."""
        waiting, self._waiting = self._waiting, []
        with one_thread():
            return [(key, work_here(self._bench, self._folder, key, self._progress)) for key in waiting]

    def close(self) -> None:
        """Nothing is under way between two calls."""


class CellProcesses:
    """Worker processes, each at one cell."""

    def __init__(self, folder: Path, slots: int) -> None:
        self.slots, self._folder = slots, folder.resolve()
        self._idle: list[WorkerProcess] = []
        self._busy: dict[Future[float], tuple[CellKey, WorkerProcess]] = {}
        self._lost: Counter[CellKey] = Counter()

    def submit(self, key: CellKey) -> None:
        """Give a cell to an idle worker, or to a new one."""
        worker = self._idle.pop() if self._idle else WorkerProcess(self._folder / WORKERS_LOG)
        try:
            future = worker.submit(_work_apart, self._folder, key)
        except BrokenProcessPool:  # it died between two cells
            worker.end()
            self.submit(key)
        else:
            self._busy[future] = key, worker

    def finished(self, timeout: float) -> list[Finished]:
        """Wait for cells to end; one whose worker has died is begun again, and an error waits for the next call."""
        done: list[Finished] = []
        ended = wait(self._busy, timeout, FIRST_COMPLETED).done
        for future in sorted(ended, key=lambda future: future.exception() is not None):
            if future.exception() is not None and done:
                break
            key, worker = self._busy.pop(future)
            if isinstance(future.exception(), BrokenProcessPool):
                worker.end()
                self._again(key)
            else:
                self._idle.append(worker)
                done.append((key, future.result()))
        return done

    def close(self) -> None:
        """End all workers."""
        for worker in (*self._idle, *(worker for _, worker in self._busy.values())):
            worker.end()
        self._busy.clear()
        self._idle.clear()

    def _again(self, key: CellKey) -> None:
        self._lost[key] += 1
        if self._lost[key] >= ATTEMPTS:
            raise RunBrokenError(
                f"cell {key.name} ended its worker process {ATTEMPTS} times. If it was killed for lack of memory, ask "
                f"for fewer --workers. What the workers printed is in {self._folder / WORKERS_LOG}. What is done is "
                f"kept; run the same command again to resume."
            )
        self.submit(key)


def read_inputs(folder: Path, key: CellKey, settings: TrialSettings, protocol: str) -> dict[CellKey, Outcome]:
    """Read the cells that one needs.

    Raises:
        RunBrokenError: one is not there.
    """
    found: dict[CellKey, Outcome] = {}
    for need in needs(key, settings):
        cell = read_cell(folder / CELLS, need, protocol)
        if cell is None:
            raise RunBrokenError(f"cell {need.name} of {folder} is missing or damaged. Run the same command again.")
        found[need] = Outcome(dict(cell.arrays), dict(cell.facts))
    return found


def work_here(bench: Bench, folder: Path, key: CellKey, progress: Progress = SILENT) -> float:
    """Work out one cell, write it, and return the seconds it took."""
    inputs = read_inputs(folder, key, bench.settings, bench.protocol)
    outcome = compute_cell(bench, key, inputs, folder, progress)
    write_cell(folder / CELLS, key, bench.protocol, outcome.arrays, outcome.facts)
    return float(outcome.facts["seconds"])


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch use one thread, as every worker does, so that numbers do not depend on where a cell was done."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_loaded_once = functools.cache(load_bench)  # a worker lives as long as one call of the trial


def _work_apart(folder: Path, key: CellKey) -> float:
    """Do a cell in a worker process."""
    with one_thread():
        try:
            return work_here(_loaded_once(folder), folder, key)
        except FlawforgeError:
            raise
        except (Exception, SystemExit):  # noqa: BLE001 - of a user's module: its class may not come through the pipe
            raise RuntimeError(f"cell {key.name} failed in its worker:\n{traceback.format_exc()}") from None
