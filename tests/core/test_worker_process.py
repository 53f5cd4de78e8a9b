"""A worker process answers whatever is printed in it, needs no main guard, and ends with the process that began it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

import worker_jobs
from flawforge.core.errors import ExtraMissingError, FlawforgeError, ImageBrokenError
from flawforge.core.worker_process import WorkerProcess

PATHS = os.pathsep.join([str(Path(worker_jobs.__file__).parent), *(path for path in sys.path if path)])
SCRIPT = """
import pathlib, sys, worker_jobs
from flawforge.core.worker_process import WorkerProcess

print("main module")
worker = WorkerProcess(pathlib.Path({log!r}))
print(worker.submit(worker_jobs.{job}).result())
worker.end()
"""


def script(folder: Path, job: str) -> str:
    return SCRIPT.format(log=str(folder / "log"), job=job)


def test_it_has_one_thread_and_a_log_for_all_that_is_printed(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path / "log")
    try:
        assert worker.submit(worker_jobs.threads).result() == ("1", True)
        assert worker.submit(worker_jobs.chatter).result() == "answer"
    finally:
        worker.end()
    assert (tmp_path / "log").read_text() == "from Python\nfrom a C library\nfrom a program \n"


@pytest.mark.parametrize(
    "error", [FlawforgeError("plain words"), ImageBrokenError("a.png", "is empty"), ExtraMissingError("Cats", "x")]
)
def test_an_error_arrives_as_its_own_class_and_the_worker_lives_on(tmp_path: Path, error: FlawforgeError) -> None:
    worker = WorkerProcess(tmp_path / "log")
    try:
        with pytest.raises(type(error)) as caught:
            worker.submit(worker_jobs.raised, error).result()
        assert str(caught.value) == str(error)
        assert worker.submit(os.getpid).result() != os.getpid()
    finally:
        worker.end()


def test_a_death_is_noticed(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path / "log")
    with pytest.raises(BrokenProcessPool):
        worker.submit(worker_jobs.die).result()
    with pytest.raises(BrokenProcessPool):
        worker.submit(os.getpid)
    worker.end()


def test_it_ends_at_once_whatever_it_is_at(tmp_path: Path) -> None:
    file = tmp_path / "written"
    worker = WorkerProcess(tmp_path / "log")
    worker.submit(worker_jobs.keep_writing, file)
    await_growth(file)
    worker.end()
    size = file.stat().st_size
    time.sleep(0.2)
    assert file.stat().st_size == size


@pytest.mark.parametrize("start", ["file", "-c", "stdin"])
def test_a_script_without_a_main_guard_is_not_run_again(tmp_path: Path, start: str) -> None:
    code = script(tmp_path, "threads")
    (tmp_path / "own.py").write_text(code)
    words = {"file": [str(tmp_path / "own.py")], "-c": ["-c", code], "stdin": ["-"]}[start]
    done = subprocess.run(
        [sys.executable, *words],
        input=code if start == "stdin" else "",
        env={**os.environ, "PYTHONPATH": PATHS},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "main module\n('1', True)\n"
    assert (tmp_path / "log").read_text() == ""


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal 9")
def test_it_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    file = tmp_path / "written"
    code = script(tmp_path, f"keep_writing, pathlib.Path({str(file)!r})")
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": PATHS})
    await_growth(file)
    parent.kill()
    parent.wait()
    await_silence(file)


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal 9")
def test_a_pool_that_ends_with_its_parent_does_not_outlive_it(tmp_path: Path) -> None:
    file = tmp_path / "written"
    code = (
        f"import multiprocessing, pathlib, worker_jobs; from concurrent.futures import ProcessPoolExecutor; "
        f"from flawforge.core.worker_process import end_with_parent; "
        f"pool = ProcessPoolExecutor(1, multiprocessing.get_context('spawn'), end_with_parent); "
        f"pool.submit(worker_jobs.keep_writing, pathlib.Path({str(file)!r})).result()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": PATHS})
    await_growth(file)
    parent.kill()
    parent.wait()
    await_silence(file)


def await_silence(file: Path) -> None:
    until, size = time.monotonic() + 30, -1
    while size != file.stat().st_size:
        assert time.monotonic() < until, "it still writes"
        size = file.stat().st_size
        time.sleep(0.3)


def await_growth(file: Path) -> None:
    until = time.monotonic() + 120
    while not file.exists() or file.stat().st_size < 3:
        assert time.monotonic() < until, "the worker does not begin"
        time.sleep(0.02)
