"""Trials of workers that are gone are taken up again, those of living ones are left alone."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

import flawforge
from flawforge.studies.search_plan import SearchPlan, open_search
from flawforge.studies.search_space import search_space

pytest.importorskip("optuna")

from flawforge.studies.search_store import Store


@pytest.fixture
def plan(tmp_path: Path) -> SearchPlan:
    start = flawforge.recipe("dcgan-lite", ema_kimg=0)  # outside the range
    plan = SearchPlan(start, search_space(start), 0.04, 0, None, None, "pixels", "none")
    open_search(tmp_path, plan, resume=False)
    return plan


def test_a_search_that_broke_off_in_this_very_process_is_taken_up(plan: SearchPlan, tmp_path: Path) -> None:
    store = Store(tmp_path, plan)
    with contextlib.suppress(KeyboardInterrupt), store.at_work():  # Ctrl-C in a notebook: the process lives on
        assert store.next(3) is not None
        raise KeyboardInterrupt
    again = Store(tmp_path, plan)
    assert again.take_up_broken() == ["0000"]
    assert again.take_up_broken() == []
    with again.at_work():
        trial = again.next(3)
        assert trial is not None
        assert trial.user_attrs["folder"] == "0000"
        assert again.settings(trial)["ema_kimg"] == 0  # it is still the recipe as it is


def test_a_trial_at_work_is_left_alone(plan: SearchPlan, tmp_path: Path) -> None:
    store = Store(tmp_path, plan)
    with store.at_work():
        assert store.next(3) is not None
        assert Store(tmp_path, plan).take_up_broken() == []


def test_a_worker_is_not_taken_for_another_process_that_has_its_number_now(plan: SearchPlan, tmp_path: Path) -> None:
    store = Store(tmp_path, plan)
    with contextlib.suppress(KeyboardInterrupt), store.at_work():
        trial = store.next(3)
        assert trial is not None
        host, _, token = str(trial.user_attrs["worker"]).split(":")
        assert host == socket.gethostname()
        trial.set_user_attr("worker", f"{host}:{os.getppid()}:{token}")  # a process that lives
        raise KeyboardInterrupt
    assert Store(tmp_path, plan).take_up_broken() == ["0000"]


def test_a_worker_of_another_folder_or_computer_is_left_alone(plan: SearchPlan, tmp_path: Path) -> None:
    store = Store(tmp_path, plan)
    for name in (f"{socket.gethostname()}:{os.getppid()}:elsewhere", "another-computer:1:0123"):
        with store.at_work():
            trial = store.next(3)
            assert trial is not None
            trial.set_user_attr("worker", name)
    assert store.take_up_broken() == []


def test_a_worker_that_is_done_leaves_no_file(plan: SearchPlan, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with Store(tmp_path, plan).at_work():
        pass
    assert not list(tmp_path.rglob("*.worker"))
    assert set(before) <= set(tmp_path.iterdir())
