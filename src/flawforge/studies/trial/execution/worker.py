"""One cell after another in one process: what a worker does, and what the trial itself does where it has one core."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from flawforge.core.errors import FlawforgeError, RunBrokenError
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.trials import TrialSettings
from flawforge.runs.cells import CELLS, CellKey, read_cell, write_cell
from flawforge.studies.trial.cells.work_list import Outcome, needs, work
from flawforge.studies.trial.setup.bench import Bench, load_bench


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
    outcome = work(bench, key, inputs, folder, progress)
    write_cell(folder / CELLS, key, bench.protocol, outcome.arrays, outcome.facts)
    return float(outcome.facts["seconds"])


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch use one thread, as every worker does, so that numbers do not depend on where a cell was done."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def serve(folder: str) -> None:
    """Be a worker: read keys from standard input, write cells, answer by lines; end when nobody listens."""
    commands, answers = _own_streams()
    asked: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_hear, args=(commands, asked), daemon=True).start()
    import torch

    torch.set_num_threads(1)
    bench = load_bench(Path(folder))
    while True:
        answer = _answer(bench, Path(folder), CellKey(*json.loads(asked.get())))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _own_streams() -> tuple[IO[str], IO[str]]:
    """Take standard input and output for the trial alone.

    What a user's module prints, a C library writes or a program of theirs says goes to standard error; it must not be
    taken for an answer. Who reads standard input finds it at its end, and eats no command.
    """
    commands = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout = sys.stderr
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return commands, answers


def _hear(source: IO[str], asked: queue.Queue[str]) -> None:
    for line in source:
        asked.put(line)
    os._exit(0)  # the trial is gone; a cell under way would be begun anew beside us


def _answer(bench: Bench, folder: Path, key: CellKey) -> dict[str, Any]:
    try:
        return {"seconds": work_here(bench, folder, key)}
    except FlawforgeError as error:
        return {"error": str(error), "kind": type(error).__name__}
    except Exception:  # noqa: BLE001 - told to the process that asked, which raises it
        return {"error": traceback.format_exc(), "kind": ""}
