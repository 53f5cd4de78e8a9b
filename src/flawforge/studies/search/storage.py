"""Where the trials of a search are kept: Optuna's storage, one journal file that several workers append to.

A worker that is killed leaves its trial running for ever: Optuna's heartbeats are for `Study.optimize` on a relational
database alone. Whoever opens the search next on the same machine sees that the worker is gone, closes the trial as
broken off and queues its settings again with the same run folder, so that the training resumes where it stopped. A
worker is there as long as it holds the lock of a file of its own: process numbers come again, in a container always the
same one, and a notebook's process outlives its searches. A trial gets the name of its worker just after it is begun:
with a storage that several computers share, it is seen without one in between.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flawforge.core.errors import ExtraMissingError
from flawforge.core.files import explain_os_errors, read_json
from flawforge.core.locks import take
from flawforge.core.seeds import derive
from flawforge.runs.searches import SETTINGS_FILE
from flawforge.studies.search.plan import SearchPlan, settings_of

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

JOURNAL = "trials.journal"
START = "start"  # mark of a trial that is the recipe as it is, where that lies outside the ranges
NAMING_SECONDS = 10.0  # a trial that has no worker for so long was broken off as it was begun
RANDOM_TRIALS = 8  # drawn at random before the model of good settings takes over


def require_optuna() -> Any:
    """Return the module `optuna`, quiet.

    Raises:
        ExtraMissingError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ExtraMissingError("flawforge search", "search") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


class TrialStore:
    """The trials of one search, shared by all of its workers.

    Settings are drawn by a tree-structured Parzen estimator (Bergstra et al. 2011; multivariate form: Falkner et al.
    2018, 1807.01774), the first 8 at random. Trials are stopped early by asynchronous successive halving (Li et al.
    2018, 1810.05934): at each rung about the better half goes on.

    The first trial is the recipe as it is. Where that lies outside the ranges, the trial has no parameters but a mark:
    it is compared with the others, and the estimator, which could not place it, does not learn from it.
    """

    def __init__(self, folder: Path, plan: SearchPlan, storage: str | None = None, worker: int = 0) -> None:
        optuna = require_optuna()
        self.folder, self.plan, self._token = folder, plan, ""
        self._only_folder = storage is None
        self._states = optuna.trial.TrialState
        kept: Any = storage
        if storage is None:
            from optuna.storages import JournalStorage
            from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

            file = str(folder / JOURNAL)
            lock = JournalFileOpenLock(file) if os.name == "nt" else None  # its own takes links, a right on Windows
            kept = JournalStorage(JournalFileBackend(file, lock))
        begun = folder / SETTINGS_FILE  # as it was begun: a later version may know more settings
        known = read_json(begun) if begun.is_file() else plan.dump()
        identity = [f"{key}:{value}" for key, value in known.items()]
        with self.alone():
            self.study: Study = optuna.create_study(
                storage=kept,
                study_name=f"flawforge-{derive(plan.seed, 'search', *identity)}",
                load_if_exists=True,
                direction="minimize",
            )
            began = len(self.study.trials)
            inside = settings_of(plan.ranges, plan.start)
            if began == 0:
                self.study.enqueue_trial(dict(inside or {}), user_attrs={} if inside else {START: True})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study.sampler = optuna.samplers.TPESampler(
                seed=derive(plan.seed, "search", "worker", worker, began) % 2**32,
                multivariate=True,
                constant_liar=True,
                n_startup_trials=RANDOM_TRIALS,
                group=inside is None,  # else a trial without parameters would leave the others none in common
            )
        self.study.pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other workers on this folder out for a moment."""
        file = self.folder / ".lock"
        with explain_os_errors(file):
            lock = take(file)
        try:
            yield
        finally:
            if lock is not None:
                lock.release()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Be a worker whom others can see at work. What it leaves unended is queued again by the next search."""
        self._token = secrets.token_hex(8)
        file = self._worker_file(self._token)
        with explain_os_errors(file):
            lock = take(file)
        assert lock is not None  # the name is new
        try:
            yield
        except BaseException:
            lock.release()
            file.touch()  # some versions of filelock delete it: whoever can lock it knows that the worker is gone
            raise
        else:
            lock.release()
            file.unlink(missing_ok=True)
        finally:
            self._token = ""

    def _worker_file(self, token: str) -> Path:
        return self.folder / f".{token}.worker"

    def _is_gone(self, worker: str) -> bool:
        """Say whether a worker (host:process:token) of this computer and folder is gone. Of others it is not known.

        Where all trials are in this folder, a worker whose file is not here is gone: the folder was copied without it.
        """
        host, _, token = worker.split(":")
        file = self._worker_file(token)
        if host != socket.gethostname() or not file.exists():
            return host == socket.gethostname() and self._only_folder
        lock = take(file, 0.0)
        if lock is None:  # the worker holds it; the system lets go of the lock of a process that ended, however it did
            return False
        lock.release()
        return True

    def requeue_abandoned(self) -> list[str]:
        """Close the trials of workers that are gone, queue their settings again, and return their run folders."""
        if nameless := self._nameless():
            time.sleep(NAMING_SECONDS)
        requeued, nameless = [], nameless & self._nameless()
        with self.alone():
            for trial in self._trials(self._states.RUNNING):
                worker = str(trial.user_attrs.get("worker", ""))
                if not (self._is_gone(worker) if worker else trial.number in nameless):
                    continue
                self.study.tell(trial.number, state=self._states.FAIL)
                folder = trial.user_attrs.get("folder", f"{trial.number:04d}")
                mark = {START: True} if START in trial.user_attrs else {}
                self.study.enqueue_trial(trial.params, user_attrs={"folder": folder, **mark})
                requeued.append(folder)
                if worker:
                    self._worker_file(worker.split(":")[-1]).unlink(missing_ok=True)
        return requeued

    def _nameless(self) -> set[int]:
        """Return the numbers of running trials that have no worker."""
        return {trial.number for trial in self._trials(self._states.RUNNING) if "worker" not in trial.user_attrs}

    def next(self, limit: int) -> Trial | None:
        """Begin the next trial, or return None when `limit` trials are begun; broken ones do not count."""
        with self.alone():
            if self.begun >= limit:
                return None
            trial = self.study.ask()
            trial.set_user_attr("worker", f"{socket.gethostname()}:{os.getpid()}:{self._token}")
            if START not in trial.user_attrs:
                for span in self.plan.ranges:
                    span.draw(trial)
            if "folder" not in trial.user_attrs:
                trial.set_user_attr("folder", f"{trial.number:04d}")
        return trial

    def settings(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """Return the settings of a trial: field to value."""
        own = {span.field: getattr(self.plan.start, span.field) for span in self.plan.ranges}
        return own if START in trial.user_attrs else dict(trial.params)

    def _trials(self, *states: Any) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states)

    @property
    def begun(self) -> int:
        """Trials that run or have run, without broken ones."""
        return len(self._trials(self._states.RUNNING, self._states.COMPLETE, self._states.PRUNED))

    @property
    def ended(self) -> int:
        """Trials that have ended, without broken ones."""
        return len(self._trials(self._states.COMPLETE, self._states.PRUNED))

    @property
    def best(self) -> str:
        """The smallest kernel distance of a trial of full length, in words."""
        values = [trial.value for trial in self._trials(self._states.COMPLETE) if trial.value is not None]
        return f"KID {min(values):.3g}" if values else "none yet"
