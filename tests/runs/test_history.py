from __future__ import annotations

from pathlib import Path

from flawforge.runs.history import History


def test_steps_and_events_are_kept_apart(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.append({"step": 10})
    history.append({"event": "warning", "step": 10})
    assert [line["step"] for line in history.steps()] == [10]
    assert [line["event"] for line in history.events()] == ["warning"]


def test_a_torn_last_line_is_passed_over_and_the_next_starts_anew(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.append({"step": 10})
    with history.path.open("a") as file:
        file.write('{"step": 20, "lo')
    assert [line["step"] for line in history.lines()] == [10]
    history.append({"step": 20})
    assert [line["step"] for line in history.lines()] == [10, 20]


def test_rewinding_drops_what_comes_again(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    for step in (10, 20, 30):
        history.append({"step": step})
    history.rewind(20)
    assert [line["step"] for line in history.lines()] == [10, 20]
