"""Where the trials of a search are kept: Optuna's storage, one journal file that several workers append to.

A worker that is killed leaves its trial running for ever. Whoever opens the search next on the same machine sees that
the worker is gone, closes the trial as broken off and queues its settings again with the same run folder, so that the
training goes on where it stopped. A worker is there as long as it holds the lock of a file of its own: process numbers
come again, in a container always the same one, and a notebook's process outlives its searches. A trial gets the name of
its worker just after it is begun: with a storage that several computers share, it is seen without one in between.
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

from filelock import FileLock, Timeout

from flawforge.core.errors import ExtraMissingError
from flawforge.core.files import explain_os_errors
from flawforge.core.seeds import derive
from flawforge.studies.search.plan import SearchPlan
from flawforge.studies.search.space import settings_of

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

JOURNAL = "trials.journal"
START = "start"  # mark of a trial that is the recipe as it is, where that lies outside the ranges
NAMED = 10.0  # seconds after which a trial that still has no worker is taken for broken off as it was begun
POLL = 0.1  # seconds between two looks for its worker
STARTUP = 8  # trials drawn at random before the model of good settings takes over


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


class Store:
    """The trials of one search, shared by all of its workers.

    Settings are drawn by a tree-structured Parzen estimator (Bergstra et al. 2011; multivariate form: Falkner et al.
    2018, 1807.01774), the first 8 at random. Trials are given up by asynchronous successive halving (Li et al. 2018,
    1810.05934): at each rung about the better half goes on.

    The first trial is the recipe as it is. Where that lies outside the ranges, the trial has no parameters but a mark:
    it is compared with the others, and the estimator, which could not place it, does not learn from it.
    """

    def __init__(self, folder: Path, plan: SearchPlan, storage: str | None = None, worker: int = 0) -> None:
        optuna = require_optuna()
        self.folder, self.plan, self._token = folder, plan, ""
        if storage is None:
            from optuna.storages import JournalStorage
            from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

            file = str(folder / JOURNAL)
            lock = JournalFileOpenLock(file) if os.name == "nt" else None  # its own takes links, a right on Windows
            kept: Any = JournalStorage(JournalFileBackend(file, lock))
        else:
            kept = storage
        with self.alone():
            self.study: Study = optuna.create_study(
                storage=kept, study_name=f"flawforge-{derive(plan.seed, 'search', *self._identity())}",
                load_if_exists=True, direction="minimize",
            )  # fmt: skip
            began = len(self.study.trials)
            inside = settings_of(plan.knobs, plan.start)
            if began == 0:
                self.study.enqueue_trial(dict(inside or {}), user_attrs={} if inside else {START: True})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study.sampler = optuna.samplers.TPESampler(
                seed=derive(plan.seed, "search", "worker", worker, began) % 2**32, multivariate=True,
                constant_liar=True, n_startup_trials=STARTUP,
                group=inside is None,  # else a trial without parameters would leave the others none in common
            )  # fmt: skip
        self.study.pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)

    def _identity(self) -> list[str]:
        return [f"{key}:{value}" for key, value in self.plan.dump().items()]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other workers on this folder out for a moment."""
        with FileLock(self.folder / ".lock"):
            yield

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Be a worker whom others can see at work. What it leaves unended is taken up by the next search."""
        token = secrets.token_hex(8)
        kept = self._sign(token)
        lock = FileLock(kept)
        with explain_os_errors(kept):
            lock.acquire()
        self._token, done = token, False
        try:
            yield
            done = True
        finally:
            self._token = ""
            lock.release()
            if done:  # else it stays: whoever can lock it knows that the worker is gone
                kept.unlink(missing_ok=True)

    def _sign(self, token: str) -> Path:
        return self.folder / f".{token}.worker"

    def _is_gone(self, worker: str) -> bool:
        """Say whether a worker (host:process:token) of this computer is gone. Of another one it is not known."""
        host, _, rest = worker.partition(":")
        process, _, token = rest.partition(":")
        if host != socket.gethostname():
            return False
        if not token or not self._sign(token).exists():  # begun from another folder, on the same storage
            return not _alive(int(process))
        try:
            with FileLock(self._sign(token), timeout=0):
                return True
        except Timeout:  # the worker holds it; the system lets go of the lock of a process that ended, however it did
            return False

    def take_up_broken(self) -> list[str]:
        """Close the trials of workers that are gone, queue their settings anew, and return their run folders."""
        from optuna.trial import TrialState

        taken, nameless = [], self._nameless()
        with self.alone():
            for trial in self._running():
                worker = str(trial.user_attrs.get("worker", ""))
                if not (self._is_gone(worker) if worker else trial.number in nameless):
                    continue
                self.study.tell(trial.number, state=TrialState.FAIL)
                folder = trial.user_attrs.get("folder", _folder(trial.number))
                kept = {"folder": folder, **({START: True} if START in trial.user_attrs else {})}
                self.study.enqueue_trial(trial.params, user_attrs=kept)
                taken.append(folder)
                if token := worker.partition(":")[2].partition(":")[2]:
                    self._sign(token).unlink(missing_ok=True)
        return taken

    def _running(self) -> list[FrozenTrial]:
        from optuna.trial import TrialState

        return self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _nameless(self) -> set[int]:
        """Return the numbers of running trials that no worker gives its name to, after waiting for it."""
        end, found = time.monotonic() + NAMED, {trial.number for trial in self._running()}
        while found := found & {trial.number for trial in self._running() if "worker" not in trial.user_attrs}:
            if time.monotonic() >= end:
                break
            time.sleep(POLL)
        return found

    def next(self, most: int) -> Trial | None:
        """Begin the next trial, or return None when `most` trials are begun; broken ones do not count."""
        with self.alone():
            if self.begun >= most:
                return None
            trial = self.study.ask()
            trial.set_user_attr("worker", f"{socket.gethostname()}:{os.getpid()}:{self._token}")
            if START not in trial.user_attrs:
                for knob in self.plan.knobs:
                    knob.draw(trial)
            if "folder" not in trial.user_attrs:
                trial.set_user_attr("folder", _folder(trial.number))
        return trial

    def settings(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """Return the settings of a trial: field to value."""
        own = {knob.field: getattr(self.plan.start, knob.field) for knob in self.plan.knobs}
        return own if START in trial.user_attrs else dict(trial.params)

    @property
    def begun(self) -> int:
        """Trials that run or have run, without broken ones."""
        from optuna.trial import TrialState

        counted = (TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED)
        return len(self.study.get_trials(deepcopy=False, states=counted))

    @property
    def ended(self) -> int:
        """Trials that have ended, without broken ones."""
        from optuna.trial import TrialState

        return len(self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def _folder(number: int) -> str:
    return f"{number:04d}"


def _alive(process: int) -> bool:
    """Say whether there is another process with this number; on Windows it cannot be asked without harm."""
    if os.name == "nt" or process == os.getpid():
        return process != os.getpid()
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
