from __future__ import annotations

import io
import json
import time

import pytest
from rich.console import Console

from flawforge.cli import console


def test_where_no_terminal_is_progress_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "QUIET_SECONDS", 0.0)
    with console.drawn_progress() as progress, progress.task("training", 4, "kimg") as task:
        task.reach(2, **{"loss D": "0.5"})
        progress.warn("it [may] fail")
        task.reach(4.01)  # a plan of time is passed by the last step
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[0].startswith("training: 2/4 kimg, loss D 0.5, about ")
    assert told.err.splitlines()[1] == "warning: it [may] fail"
    assert told.err.splitlines()[2] == "training: 4.01/4 kimg, about 0 s left"


def test_on_a_terminal_bars_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=screen, force_terminal=True, width=140))
    with console.drawn_progress() as progress, progress.task("training", 4, "kimg") as task:
        task.reach(2, **{"D(real)": "0.71"})
        progress.say("a word")
        time.sleep(0.3)  # the screen is drawn ten times a second
    shown = screen.getvalue()
    assert "training" in shown
    assert "2.0/4.0 kimg" in shown
    assert "D(real) 0.71" in shown
    assert "a word" in shown


def test_json_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_json({"ü": [1, None]})
    assert json.loads(capsys.readouterr().out) == {"ü": [1, None]}
