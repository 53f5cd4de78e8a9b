"""What pages are told while they are open: all at first, then what is new, from one watcher."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from flawforge.server.studio import history_tail, watcher
from flawforge.server.studio.history_tail import HistoryTail, last_line
from flawforge.server.studio.shown_run import ShownRun
from flawforge.server.studio.watcher import Watcher
from studio_folder import leave_run, line


def test_pages_are_told_what_is_new_and_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "TICK", 0.01)
    run = leave_run(tmp_path / "run")
    looks: list[int] = []

    class Counted(ShownRun):
        def news(self) -> dict[str, Any]:
            looks.append(1)
            return super().news()

    async def body() -> None:
        shared = Watcher()
        first = shared.stream({"run": lambda: Counted(run)})
        second = shared.stream({"run": lambda: pytest.fail("it is there already")})
        for page in (first, second):
            told = _told(await anext(page))
            assert (len(told["steps"]), told["state"]["word"], len(told["previews"])) == (30, "stopped", 3)
        assert shared.open_pages == 2
        with (run / "history.jsonl").open("a") as file:
            file.write(json.dumps(line(310)) + "\n" + '{"step": 320, "km')
        for page in (first, second):
            told = _told(await anext(page))
            assert [step["step"] for step in told["steps"]] == [310]
            assert told["events"] == []
        (run / "history.jsonl").write_text("".join(json.dumps(line(step)) + "\n" for step in (10, 20)))
        told = _told(await anext(first))
        assert (told["reset"], len(told["steps"])) == (True, 2)
        shared.end()
        assert [message async for message in first] == []
        await second.aclose()
        await asyncio.sleep(0.05)
        assert shared.open_pages == 0
        before = len(looks)
        await asyncio.sleep(0.05)
        assert len(looks) == before  # while no page is open, nothing is looked at

    asyncio.run(body())


def test_a_page_that_does_not_read_is_dropped_and_a_failing_look_ends_its_pages_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watcher, "TICK", 0.001)

    class Noisy:
        def now(self) -> dict[str, Any]:
            return {"n": 0}

        def news(self) -> dict[str, Any]:
            return {"n": 1}

    class Failing(Noisy):
        fails = False

        def news(self) -> dict[str, Any]:
            return {"n": 1 / 0} if self.fails else {}

    async def body() -> None:
        shared, failing = Watcher(), Failing()
        slow = shared.stream({"noisy": Noisy})
        other = shared.stream({"failing": lambda: failing})
        await anext(slow)
        await anext(other)
        failing.fails = True
        assert [message async for message in other] == []
        await asyncio.sleep(0.4)
        rest = [message async for message in slow]
        assert len(rest) <= watcher.WAITING

    asyncio.run(body())


def test_a_long_history_is_thinned_evenly_and_keeps_its_end(tmp_path: Path) -> None:
    run = leave_run(tmp_path / "run", steps=5000)
    with (run / "history.jsonl").open("a") as file:
        file.write('{"event": "warning", "text": "one"}\nnothing\n{"step": 1, "kimg": 1e999, "deep": {"a": 1}}\n')
    tail = HistoryTail(run / "history.jsonl")
    tail.fresh()
    steps, events = tail.whole()
    assert history_tail.MOST_LINES / 2 <= len(steps) <= history_tail.MOST_LINES + 1
    assert events == [{"event": "warning", "text": "one"}]
    assert steps[-1] == {"step": 1}  # what the browser's JSON does not know is left out
    gaps = {after["step"] - before["step"] for before, after in pairwise(steps[:-1])}
    assert len(gaps) == 1
    assert last_line(run / "history.jsonl") == {"step": 1}
    assert last_line(tmp_path / "none") is None


def _told(message: str) -> dict[str, Any]:
    assert message.startswith("data: ")
    assert message.endswith("\n\n")
    told: dict[str, Any] = json.loads(message[6:])
    return told
