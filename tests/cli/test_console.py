from __future__ import annotations

import io
import json
import time

import pytest
from rich.console import Console

import flawforge
from flawforge.cli import console
from flawforge.core.progress import SILENT


def test_where_no_terminal_is_progress_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "QUIET_SECONDS", 0.0)
    with console.drawn_progress() as progress, progress.task("training", 4, "kimg") as task:
        task.reach(0)
        task.reach(2, **{"loss D": "0.5"})
        progress.warn("it [may] fail")
        task.reach(4.01)  # a plan of time is passed by the last step
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[0] == "training: 0/4 kimg"
    assert told.err.splitlines()[1].startswith("training: 2/4 kimg, loss D 0.5, about ")
    assert told.err.splitlines()[2] == "warning: it [may] fail"
    assert told.err.splitlines()[3] == "training: 4.01/4 kimg, about 0 s left"


def test_columns_of_a_table_never_run_into_each_other() -> None:
    rows = [
        ("", "generated", "real"),
        ("a name that is longer than any column was", "0.123 [0.1, 0.2]", "9"),
        ("b", "1", "2"),
    ]
    lines = console.columns(rows)
    assert len({len(line) for line in lines}) == 1
    assert lines[1] == "a name that is longer than any column was  0.123 [0.1, 0.2]     9"


def test_one_switch_shows_how_far_calls_from_python_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(console, "err", Console(stderr=True, highlight=False))
    flawforge.show_progress()
    with SILENT.task("training", 4, "kimg") as task:
        task.reach(2)
    SILENT.warn("Add --resume.")
    flawforge.show_progress(False)
    SILENT.warn("Nobody hears it.")
    assert capsys.readouterr().err == "training: 2/4 kimg\nwarning: Add resume=True.\n"


def test_bars_come_with_the_first_task_and_go_with_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "err", Console(file=io.StringIO(), force_terminal=True, width=100))
    shared = console._Shared()
    for _ in range(2):  # a second call draws again
        with shared.task("outer", 2), shared.task("inner", 2) as task:
            task.advance()
            assert shared._bars.live.is_started
        assert not shared._bars.live.is_started


@pytest.mark.parametrize("there", [True, False])
def test_a_notebook_without_widgets_gets_lines(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    """rich draws bars with ipywidgets alone; without, each call once left a warning and no progress."""
    shown: list[object] = []
    monkeypatch.setattr(console, "err", Console(file=io.StringIO(), force_jupyter=True))
    monkeypatch.setattr(console, "find_spec", lambda name: object() if there else None)
    monkeypatch.setattr(console, "show", shown.append)
    console.show_progress()
    assert isinstance(shown[0], console._Shared if there else console._Lines)


def test_a_closed_terminal_ends_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training whose terminal or parent was gone once ended at its next line, up to a minute after its last save."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(console, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr("sys.stderr", Gone())
    with console.drawn_progress() as progress, progress.task("training", 4, "kimg") as task:
        task.reach(2)
        progress.warn("nobody hears it")


def test_what_was_done_before_does_not_count_as_done_in_no_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training whose clock counts the reading once told 87 s left of 196; a resumed one was as wrong."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with console.drawn_progress() as progress, progress.task("training", 255, "seconds") as task:
        task.reach(30)
        now[0] += 30
        task.reach(60)
    assert capsys.readouterr().err == "training: 60/255 seconds, about 195 s left\n"
    with console.drawn_progress() as progress, progress.task("reading", 100, "images") as task:
        now[0] += 20
        task.advance(10)
    assert capsys.readouterr().err == "reading: 10/100 images, about 180 s left\n"


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
