"""Cells in processes of this machine: each worker is a Python of its own with one thread, and reads the trial's folder.

Workers are told what to do by lines of JSON, and write their cells themselves: whole or not at all. One that dies
(the kernel kills it for memory, say) is replaced, and its cell is begun anew, a few times at most. When the trial
itself is killed, its workers notice that nobody listens and end.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from flawforge.core.errors import DataUnusableError, RunBrokenError
from flawforge.core.progress import SILENT, Progress
from flawforge.runs.cells import CellKey
from flawforge.studies.trial.execution.worker import one_thread, work_here
from flawforge.studies.trial.setup.bench import Bench

ATTEMPTS = 3  # times that a cell may lose its worker before the trial gives up
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
        done = []
        while self._waiting:
            key = self._waiting.pop(0)
            with one_thread():
                done.append((key, work_here(self._bench, self._folder, key, self._progress)))
        return done

    def close(self) -> None:
        """Nothing is under way between two calls."""


class Processes:
    """Worker processes."""

    def __init__(self, folder: Path, slots: int) -> None:
        self.slots = slots
        self._folder = folder
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, CellKey] = {}
        self._lost: dict[CellKey, int] = {}
        self._answers: queue.Queue[tuple[_Worker, str]] = queue.Queue()

    def submit(self, key: CellKey) -> None:
        """Give a cell to an idle worker, or to a new one."""
        worker = self._idle.pop() if self._idle else _Worker(self._folder, self._answers)
        self._busy[worker] = key
        worker.tell(key)

    def finished(self, timeout: float) -> list[Finished]:
        """Wait for answers; a cell whose worker has died is begun anew."""
        done: list[Finished] = []
        wait = timeout
        with contextlib.suppress(queue.Empty):
            while self._busy:
                worker, line = self._answers.get(timeout=wait)
                wait = 0.01 if done else timeout
                key = self._busy.pop(worker, None)
                if key is None:
                    continue
                if not line:
                    self._again(key, worker)
                    continue
                answer = json.loads(line)
                if "error" in answer:
                    raise _explained(key, answer)
                self._idle.append(worker)
                done.append((key, float(answer["seconds"])))
        return done

    def close(self) -> None:
        """End all workers."""
        for worker in (*self._busy, *self._idle):
            worker.end()
        self._busy.clear()
        self._idle.clear()

    def _again(self, key: CellKey, worker: _Worker) -> None:
        self._lost[key] = self._lost.get(key, 0) + 1
        code = worker.end()
        if self._lost[key] >= ATTEMPTS:
            raise RunBrokenError(
                f"cell {key.name} ended its worker process {ATTEMPTS} times (exit code {code}). If it was killed for "
                f"lack of memory, ask for fewer --workers. What is done is kept; the same command goes on."
                f"{worker.last()}"
            )
        self.submit(key)


class _Worker:
    """One process, and the thread that listens to it."""

    def __init__(self, folder: Path, answers: queue.Queue[tuple[_Worker, str]]) -> None:
        code = f"from flawforge.studies.trial.execution.worker import serve; serve({str(folder.resolve())!r})"
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        }
        self._errors: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8", errors="replace", env=environment, start_new_session=os.name == "posix",
        )  # fmt: skip
        threading.Thread(target=self._listen, args=(answers,), daemon=True).start()
        threading.Thread(target=self._remember, daemon=True).start()

    def tell(self, key: CellKey) -> None:
        """Ask for a cell."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # a dead worker is noticed where its answers are awaited
            self._process.stdin.write(json.dumps([key.seed, key.shots, key.arm, key.model]) + "\n")
            self._process.stdin.flush()

    def end(self) -> int:
        """End the process and return its exit code."""
        self._process.kill()
        return self._process.wait()

    def last(self) -> str:
        """Return what the process said last, to be shown with its end."""
        return f" It said last: {self._errors[-1].strip()}" if self._errors else ""

    def _listen(self, answers: queue.Queue[tuple[_Worker, str]]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answers.put((self, line))
        answers.put((self, ""))

    def _remember(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._errors = [*self._errors[-19:], line]


def _explained(key: CellKey, answer: Mapping[str, Any]) -> Exception:
    from flawforge.core import errors

    kind = getattr(errors, str(answer["kind"]), None) if answer["kind"] else None
    if kind is None:
        return RuntimeError(f"cell {key.name} failed in its worker:\n{answer['error']}")
    try:
        made: Exception = kind(answer["error"])
    except TypeError:  # an error with fields of its own
        made = DataUnusableError(answer["error"])
    return made
