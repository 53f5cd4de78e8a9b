"""Trials of workers that are gone are taken up again, those of living ones are left alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

import flawforge
from flawforge.studies.search.plan import SearchPlan, open_search, search_space

pytest.importorskip("optuna")

from flawforge.studies.search import storage as search_store
from flawforge.studies.search.storage import TrialStore


@pytest.fixture
def plan(tmp_path: Path) -> SearchPlan:
    start = flawforge.recipe("dcgan-lite", ema_kimg=0)  # outside the range
    plan = SearchPlan(start, search_space(start), 0.04, 0, None, None, "pixels", "none")
    open_search(tmp_path, plan, resume=False)
    return plan


def test_a_search_that_broke_off_in_this_very_process_is_taken_up(plan: SearchPlan, tmp_path: Path) -> None:
    store = TrialStore(tmp_path, plan)
    with contextlib.suppress(KeyboardInterrupt), store.at_work():  # Ctrl-C in a notebook: the process lives on
        assert store.next(3) is not None
        raise KeyboardInterrupt
    again = TrialStore(tmp_path, plan)
    assert again.requeue_abandoned() == ["0000"]
    assert again.requeue_abandoned() == []
    with again.at_work():
        trial = again.next(3)
        assert trial is not None
        assert trial.user_attrs["folder"] == "0000"
        assert again.settings(trial)["ema_kimg"] == 0  # it is still the recipe as it is


def test_it_is_taken_up_where_filelock_deletes_the_file(
    plan: SearchPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = FileLock.release

    def delete(lock: FileLock, force: bool = False) -> None:
        held = lock.is_locked
        release(lock, force)
        if held:
            Path(lock.lock_file).unlink(missing_ok=True)

    monkeypatch.setattr(FileLock, "release", delete)  # as on Windows, and from 3.21 to 3.24 everywhere
    store = TrialStore(tmp_path, plan)
    with contextlib.suppress(KeyboardInterrupt), store.at_work():
        assert store.next(3) is not None
        raise KeyboardInterrupt
    assert TrialStore(tmp_path, plan).requeue_abandoned() == ["0000"]


def test_a_killed_worker_is_gone_and_a_living_one_is_not(plan: SearchPlan, tmp_path: Path) -> None:
    worker = "12ab"
    code = (
        f"import time; from filelock import FileLock; lock = FileLock({str(tmp_path / f'.{worker}.worker')!r}); "
        f"lock.acquire(); print('held', flush=True); time.sleep(60)"
    )
    store = TrialStore(tmp_path, plan)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        name = f"{socket.gethostname()}:{process.pid}:{worker}"
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert not store._is_gone(name)
        process.kill()
        process.wait()
    assert store._is_gone(name)


def test_who_wants_to_be_alone_waits_for_whoever_is(plan: SearchPlan, tmp_path: Path) -> None:
    order: list[str] = []
    here, there = TrialStore(tmp_path, plan), TrialStore(tmp_path, plan)

    def late() -> None:
        with there.alone():
            order.append("second")

    with here.alone():
        thread = threading.Thread(target=late)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]


def test_a_trial_at_work_is_left_alone(plan: SearchPlan, tmp_path: Path) -> None:
    store = TrialStore(tmp_path, plan)
    with store.at_work():
        assert store.next(3) is not None
        assert TrialStore(tmp_path, plan).requeue_abandoned() == []


def test_a_worker_is_not_taken_for_another_process_that_has_its_number_now(plan: SearchPlan, tmp_path: Path) -> None:
    store = TrialStore(tmp_path, plan)
    with contextlib.suppress(KeyboardInterrupt), store.at_work():
        trial = store.next(3)
        assert trial is not None
        host, _, token = str(trial.user_attrs["worker"]).split(":")
        assert host == socket.gethostname()
        trial.set_user_attr("worker", f"{host}:{os.getppid()}:{token}")  # a process that lives
        raise KeyboardInterrupt
    assert TrialStore(tmp_path, plan).requeue_abandoned() == ["0000"]


@pytest.fixture
def shared(plan: SearchPlan, tmp_path: Path) -> tuple[TrialStore, TrialStore]:
    """The same search in two folders, as on two computers that share a storage."""
    (tmp_path / "other").mkdir()
    storage = f"sqlite:///{tmp_path / 'trials.db'}"
    return TrialStore(tmp_path, plan, storage), TrialStore(tmp_path / "other", plan, storage)


def test_a_worker_of_another_folder_or_computer_is_left_alone(shared: tuple[TrialStore, TrialStore]) -> None:
    store, _ = shared
    with subprocess.Popen([sys.executable, "-c", ""]) as process:  # dead after this: there is no such number here
        pass
    for name in (f"{socket.gethostname()}:{os.getppid()}:elsewhere", f"another-computer:{process.pid}:0123"):
        with store.at_work():
            trial = store.next(3)
            assert trial is not None
            trial.set_user_attr("worker", name)
    assert store.requeue_abandoned() == []


def test_a_folder_that_was_copied_without_hidden_files_is_taken_up(plan: SearchPlan, tmp_path: Path) -> None:
    store = TrialStore(tmp_path, plan)
    with contextlib.suppress(KeyboardInterrupt), store.at_work():
        assert store.next(3) is not None
        raise KeyboardInterrupt
    copy = shutil.copytree(tmp_path, tmp_path / "copy", ignore=shutil.ignore_patterns(".*"))
    assert TrialStore(copy, plan).requeue_abandoned() == ["0000"]


def test_a_trial_that_is_just_being_begun_elsewhere_is_left_alone(
    shared: tuple[TrialStore, TrialStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = shared
    begun, seen = threading.Event(), threading.Event()
    ask = here.study.ask

    def slowly() -> object:
        trial = ask()
        begun.set()
        assert seen.wait(20)  # the other computer has seen the trial before it has a worker
        return trial

    def wait(seconds: float) -> None:
        seen.set()
        thread.join(20)

    monkeypatch.setattr(here.study, "ask", slowly)
    monkeypatch.setattr(search_store.time, "sleep", wait)
    monkeypatch.setattr(socket, "gethostname", lambda: threading.current_thread().name)  # two computers
    with here.at_work():
        thread = threading.Thread(target=here.next, args=(3,), name="another-computer")
        thread.start()
        assert begun.wait(20)
        assert there.requeue_abandoned() == []
        assert seen.is_set()
        assert there.requeue_abandoned() == []


def test_a_trial_that_broke_off_as_it_was_begun_is_taken_up(
    shared: tuple[TrialStore, TrialStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = shared
    monkeypatch.setattr(search_store, "NAMING_SECONDS", 0.2)
    here.study.ask()  # and no more: the worker is killed
    assert there.requeue_abandoned() == ["0000"]


def test_a_worker_that_is_done_leaves_no_file(plan: SearchPlan, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with TrialStore(tmp_path, plan).at_work():
        pass
    assert not list(tmp_path.rglob("*.worker"))
    assert set(before) <= set(tmp_path.iterdir())
