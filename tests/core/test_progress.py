from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flawforge.core.progress import SILENT, Progress, Task


def test_the_silent_progress_takes_everything_and_says_nothing(capsys) -> None:  # type: ignore[no-untyped-def]
    with SILENT.task("reading", 3, "images") as task:
        task.advance(2, kimg="1")
        task.reach(3)
        task.total(None)
    SILENT.say("a")
    SILENT.warn("b")
    assert capsys.readouterr() == ("", "")


class Counting(Progress):
    """Remembers what was begun, how far it came, and what was ended."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    @contextmanager
    def task(self, title: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        self.heard.append((title, total, unit))
        task = Task()
        task.advance = lambda *_, **__: self.heard.append(1)  # type: ignore[method-assign]
        try:
            yield task
        finally:
            self.heard.append("end")


def test_items_are_steps_and_an_error_ends_the_work_while_it_is_looked_at() -> None:
    counting = Counting()
    assert list(counting.each("reading", [5, 6], "images")) == [5, 6]
    assert counting.heard == [("reading", 2, "images"), 1, 1, "end"]
    assert list(counting.each("reading", iter([5]), "images", 7)) == [5]
    assert counting.heard[4:] == [("reading", 7, "images"), 1, "end"]

    def fail() -> None:
        for item in counting.each("reading", [1, 0], "images"):
            assert 1 / item

    with pytest.raises(ZeroDivisionError):
        fail()
    assert counting.heard[7:] == [("reading", 2, "images"), 1, "end"]
