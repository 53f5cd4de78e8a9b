"""The workers of a search: one after another in this process, or several processes on one storage."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from flawforge.core.errors import FlawforgeError
from flawforge.core.files import read_json, write_json
from flawforge.core.progress import Progress, Task
from flawforge.models.extractors import find_extractor
from flawforge.runs.versions import usable_cores
from flawforge.studies.search.held_out_kid import Parts, Referee
from flawforge.studies.search.objective import train_to, try_settings
from flawforge.studies.search.plan import SearchPlan
from flawforge.studies.search.storage import Store
from flawforge.training.processes.device import resolve_device

POLL = 0.5  # seconds between two looks at how far the workers are


@dataclass(frozen=True)
class Job:
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
    parts: Parts
    trials: int
    until: float | None
    storage: str | None
    device: str
    threads: int

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return self.until is not None and time.time() >= self.until


def work(job: Job, worker: int, task: Task | None = None) -> None:
    """Try settings until there are enough or the time is over."""
    torch.set_num_threads(job.threads)
    device = resolve_device(job.device)
    store = Store(job.folder, job.plan, job.storage, worker)
    referee = _referee(job, device, confirming=False)
    with store.at_work():
        while not job.over and (trial := store.next(job.trials)) is not None:
            try_settings(store, trial, job.plan, job.parts.train, referee, device)
            if task is not None:
                task.reach(store.ended, best=_best(store))


def confirm(job: Job, settings: dict[str, Any], name: str, seed: int) -> float:
    """Train once on a fresh seed and return the distance to the confirming images; kept, so that it is done once."""
    kept = job.folder / "confirm" / f"{name}-{seed}.json"
    if kept.is_file() and (found := read_json(kept))["settings"] == settings:
        return float(found["kid"])
    device = resolve_device(job.device)
    path = job.folder / "confirm" / f"{name}-{seed}"
    run = train_to(path, job.plan.recipe(settings), job.parts.train, job.plan.kimg, seed, device)
    value = _referee(job, device, confirming=True).kid(run, device, seed)
    write_json(kept, {"settings": settings, "kid": value})
    return value


def work_together(job: Job, workers: int, progress: Progress) -> None:
    """Run the workers until all are done.

    Raises:
        FlawforgeError: a worker stopped with an explained error; the others are let finish the trial they are at.
    """
    store = Store(job.folder, job.plan, job.storage)
    for folder in store.take_up_broken():
        progress.say(f"trial {folder} was broken off; its settings are taken up again where they stopped")
    with progress.task("trying settings", job.trials, "trials") as task:
        task.reach(store.ended, best=_best(store))
        if workers == 1:
            work(job, 0, task)
            return
        context = multiprocessing.get_context("spawn")
        errors = context.SimpleQueue()
        processes = [context.Process(target=_work_apart, args=(job, number, errors)) for number in range(workers)]
        for process in processes:
            process.start()
        try:
            while any(process.is_alive() for process in processes):
                time.sleep(POLL)
                task.reach(store.ended, best=_best(store))
        finally:
            for process in processes:
                process.join()
        task.reach(store.ended, best=_best(store))
        _raise_from(processes, errors)


def threads_for(workers: int) -> int:
    """Return the threads of each worker: the cores shared out, at least one."""
    return max(1, min(torch.get_num_threads(), usable_cores()) // workers)


def _work_apart(job: Job, worker: int, errors: Any) -> None:
    try:
        work(job, worker)
    except KeyboardInterrupt:  # the run is saved; the parent got the same signal and says so
        raise SystemExit(1) from None
    except FlawforgeError as error:
        errors.put(str(error))
        raise SystemExit(1) from None


def _raise_from(processes: Sequence[Any], errors: Any) -> None:
    if not errors.empty():
        raise FlawforgeError(f"a worker of the search stopped: {errors.get()}")
    lost = [process.exitcode for process in processes if process.exitcode]
    if lost:
        raise FlawforgeError(
            f"{len(lost)} of {len(processes)} workers of the search ended with exit code {lost[0]} (a negative one is "
            f"the signal that killed it; -9 is often too little memory). Nothing else is lost: run the same command "
            f"with --resume, perhaps with fewer --workers."
        )


def _referee(job: Job, device: torch.device, *, confirming: bool) -> Referee:
    parts, plan = job.parts, job.plan
    channels = parts.train.channels if plan.start.channels == "data" else int(plan.start.channels)
    held, groups = (parts.confirm, parts.confirm_groups) if confirming else (parts.choose, parts.choose_groups)
    return Referee(held, groups, plan.start, channels, find_extractor(plan.extractor, device))


def _best(store: Store) -> str:
    from optuna.trial import TrialState

    whole = [one.value for one in store.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
    return f"KID {min(value for value in whole if value is not None):.3g}" if whole else "none yet"
