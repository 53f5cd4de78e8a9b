"""The workers of a search: this process, or several processes that share one storage."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from flawforge.core.errors import FlawforgeError
from flawforge.core.files import read_json, write_json
from flawforge.core.progress import Progress, Task
from flawforge.core.worker_process import end_with_parent, hidden_main_module
from flawforge.models.extractors import find_extractor
from flawforge.runs.versions import usable_cores
from flawforge.studies.search.objective import HeldOutKid, ImagePart, SearchParts, train_to, try_settings
from flawforge.studies.search.plan import SearchPlan
from flawforge.studies.search.storage import TrialStore
from flawforge.training.processes.device import resolve_device

POLL = 0.5  # seconds between two looks at how far the workers are


@dataclass(frozen=True)
class SearchJob:
    """All that a worker process needs.

    Attributes:
        folder: the search's.
        plan: the settings.
        parts: the data.
        trials: begin no more than so many in all.
        until: begin none after this moment (`time.time`), or None.
        storage: Optuna's, or None for the folder's own journal.
        device: where to train.
        threads: of this worker.
    """

    folder: Path
    plan: SearchPlan
    parts: SearchParts
    trials: int
    until: float | None
    storage: str | None
    device: str
    threads: int

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return self.until is not None and time.time() >= self.until


def work_on_trials(job: SearchJob, worker: int, task: Task | None = None) -> None:
    """Try settings until there are enough or the time is over."""
    torch.set_num_threads(job.threads)
    device = resolve_device(job.device)
    store = TrialStore(job.folder, job.plan, job.storage, worker)
    held_out = _held_out_kid(job, job.parts.choose, device)
    with store.at_work():
        while not job.over and (trial := store.next(job.trials)) is not None:
            try_settings(store, trial, job.plan, job.parts.train.data, held_out, device)
            if task is not None:
                task.reach(store.ended, best=store.best)


def confirm(job: SearchJob, settings: dict[str, Any], name: str, seed: int) -> float:
    """Train once on a fresh seed and return the distance to the confirming images; kept, so that it is done once."""
    kept = job.folder / "confirm" / f"{name}-{seed}.json"
    if kept.is_file() and (found := read_json(kept))["settings"] == settings:
        return float(found["kid"])
    device = resolve_device(job.device)
    path = job.folder / "confirm" / f"{name}-{seed}"
    run = train_to(path, job.plan.recipe(settings), job.parts.train.data, job.plan.kimg, seed, device)
    value = _held_out_kid(job, job.parts.confirm, device).kid(run, device, seed)
    write_json(kept, {"settings": settings, "kid": value})
    return value


def run_workers(job: SearchJob, workers: int, progress: Progress) -> None:
    """Run the workers until all are done.

    Raises:
        FlawforgeError: a worker stopped with an explained error, or was killed; the others finish their trials first.
    """
    store = TrialStore(job.folder, job.plan, job.storage)
    for folder in store.requeue_abandoned():
        progress.say(f"trial {folder} was interrupted; its training resumes where it stopped")
    with progress.task("trying settings", job.trials, "trials") as task:
        task.reach(store.ended, best=store.best)
        if workers == 1:
            work_on_trials(job, 0, task)
            return
        with ExitStack() as pools:  # one process each: where one is killed, its pool breaks and the others go on
            context = multiprocessing.get_context("spawn")
            executors = [
                pools.enter_context(ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent))
                for _ in range(workers)
            ]
            with hidden_main_module():
                futures = [executor.submit(work_on_trials, job, number) for number, executor in enumerate(executors)]
            while wait(futures, POLL).not_done:
                task.reach(store.ended, best=store.best)
        task.reach(store.ended, best=store.best)
    errors = [error for future in futures if (error := future.exception()) is not None]
    killed = sum(isinstance(error, BrokenProcessPool) for error in errors)
    if killed == len(errors) > 0:
        raise FlawforgeError(
            f"{killed} of {workers} workers of the search were killed, often because of too little memory. Everything "
            f"else is saved: run the same command with --resume, perhaps with fewer --workers."
        )
    for error in errors:
        if isinstance(error, FlawforgeError):
            raise FlawforgeError(f"a worker of the search stopped: {error}") from error
        if not isinstance(error, BrokenProcessPool):
            raise error


def threads_for(workers: int) -> int:
    """Return the threads of each worker: the cores shared out, at least one."""
    return max(1, min(torch.get_num_threads(), usable_cores()) // workers)


def _held_out_kid(job: SearchJob, held: ImagePart, device: torch.device) -> HeldOutKid:
    start = job.plan.start
    channels = job.parts.train.data.channels if start.channels == "data" else int(start.channels)
    return HeldOutKid(held, start, channels, find_extractor(job.plan.extractor, device))
