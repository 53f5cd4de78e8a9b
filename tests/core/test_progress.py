from __future__ import annotations

from flawforge.core.progress import SILENT


def test_the_silent_progress_takes_everything_and_says_nothing(capsys) -> None:  # type: ignore[no-untyped-def]
    with SILENT.task("reading", 3, "images") as task:
        task.advance(2, kimg="1")
        task.reach(3)
        task.total(None)
    SILENT.say("a")
    SILENT.warn("b")
    assert capsys.readouterr() == ("", "")
