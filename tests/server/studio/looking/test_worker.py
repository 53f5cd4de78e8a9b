"""The process beside the studio: begun when it is needed, ended when it is not, replaced when it died."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flawforge.core.settings.bounds import check_numbers
from flawforge.server.guards import Refused
from flawforge.server.studio.looking import worker as module
from flawforge.server.studio.looking.worker import Worker


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    made = Worker(tmp_path / ".studio" / "log", idle=0.3)
    yield made
    made.end()


def test_it_is_one_process_elsewhere_that_ends_when_nothing_is_asked(worker: Worker) -> None:
    first = worker.call(30, os.getpid)
    assert first != os.getpid()
    assert worker.call(30, os.getpid) == first
    assert gone(first)
    assert worker.call(30, os.getpid) != first


def test_a_long_call_does_not_keep_it_for_good(worker: Worker) -> None:
    process = worker.call(30, os.getpid)
    worker.call(30, time.sleep, 0.6)  # over the idle time
    assert gone(process)


def gone(process: int) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_what_goes_wrong_there_is_said(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="--seed is -1") as wrong:
        worker.call(30, _refuse)
    assert wrong.value.status == 422
    assert worker.poll("key", 0.05, time.sleep, 0.4) is None
    with pytest.raises(Refused, match="longer") as slow:
        worker.call(0.05, time.sleep, 0.1)
    assert slow.value.status == 503
    monkeypatch.setattr(module, "MOST_WAITING", 1)
    with pytest.raises(Refused) as many:
        worker.call(1, os.getpid)
    assert many.value.status == 429
    monkeypatch.undo()
    with pytest.raises(Refused, match="has ended"):
        worker.call(30, os._exit, 1)
    assert worker.call(30, os.getpid) > 0


def _refuse() -> None:
    check_numbers(seed=-1)
