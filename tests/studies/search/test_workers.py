"""Workers of a search: their threads, what is kept of a confirmation, and how an error or a killed worker is told."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("optuna")

import flawforge
from flawforge.core.errors import FlawforgeError
from flawforge.core.files import write_json
from flawforge.core.progress import SILENT
from flawforge.studies.search import workers as search_workers
from flawforge.studies.search.objective import cut_parts
from flawforge.studies.search.plan import SearchPlan, open_search, search_space
from flawforge.studies.search.workers import SearchJob, confirm, run_workers, threads_for
from no_processes import NoProcesses

TINY: dict[str, Any] = {"resolution": 16, "generator_depth": 2, "discriminator_depth": 2}


@pytest.fixture
def job(draw_images: Callable[..., Path], tmp_path: Path) -> SearchJob:
    start = flawforge.recipe("dcgan-lite", **TINY)
    data = flawforge.load(draw_images(tmp_path / "data" / "scratches", 60).parent)
    plan = SearchPlan(start, search_space(start), 0.04, 0, None, None, "pixels", data.fingerprint)
    open_search(tmp_path / "search", plan, resume=False)
    return SearchJob(tmp_path / "search", plan, cut_parts(data, None, 0), 2, None, None, "tpu", 1)


def test_the_error_of_a_worker_is_told(job: SearchJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_workers, "ProcessPoolExecutor", NoProcesses)
    with pytest.raises(FlawforgeError, match="a worker of the search stopped: --device tpu is no device"):
        run_workers(job, 2, SILENT)


@pytest.mark.nightly
def test_a_script_needs_no_main_guard(job: SearchJob, tmp_path: Path) -> None:
    (tmp_path / "job").write_bytes(pickle.dumps(job))
    code = (
        "import pickle, sys; from flawforge.core.progress import SILENT; "
        "from flawforge.studies.search.workers import run_workers; "
        "run_workers(pickle.load(open(sys.argv[1], 'rb')), 2, SILENT)"
    )
    (tmp_path / "own.py").write_text(code.replace("; ", "\n"))
    done = subprocess.run(
        [sys.executable, str(tmp_path / "own.py"), str(tmp_path / "job")], capture_output=True, text=True, timeout=120
    )
    assert "a worker of the search stopped: --device tpu is no device" in done.stderr


class KilledPool(NoProcesses):
    """A pool whose process is killed at its first call."""

    def submit(self, *call: object) -> Any:  # type: ignore[override]
        future: Future[None] = Future()
        future.set_exception(BrokenProcessPool())
        return future


def test_killed_workers_are_told_with_what_to_do(job: SearchJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_workers, "ProcessPoolExecutor", KilledPool)
    with pytest.raises(FlawforgeError) as caught:
        run_workers(job, 2, SILENT)
    assert str(caught.value) == (
        "2 of 2 workers of the search were killed, often because of too little memory. Everything else is saved: run "
        "the same command with --resume, perhaps with fewer --workers."
    )


def test_a_confirmation_that_is_kept_is_not_trained_again(job: SearchJob) -> None:
    settings = {"generator_lr": 1e-3}
    (job.folder / "confirm").mkdir()
    write_json(job.folder / "confirm" / "best-1000.json", {"settings": settings, "kid": 0.25})
    assert confirm(job, settings, "best", 1000) == 0.25
    with pytest.raises(FlawforgeError, match="--device tpu"):  # other settings: it would train
        confirm(job, {"generator_lr": 2e-3}, "best", 1000)


def test_the_cores_are_shared_out_and_each_worker_has_one_at_least() -> None:
    cores = threads_for(1)
    assert 1 <= cores <= torch.get_num_threads()
    assert threads_for(2) == max(1, cores // 2)
    assert threads_for(1000) == 1
