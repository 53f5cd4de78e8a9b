"""The bookkeeping of the commands' times: alternation, going on, and ratios; no real times are taken here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import BEFORE, COMMANDS, NOW, Command, Side, measure, ratio, table

ONE, OTHER = Command("one", "-c pass"), Command("other", "-c pass")


class Recorded:
    """A side that takes made-up seconds and remembers what was asked of it."""

    def __init__(self, name: str, seconds: dict[str, list[float]], asked: list[str]) -> None:
        self.name, self.left, self.asked = name, {key: list(values) for key, values in seconds.items()}, asked

    def seconds(self, command: Command, kimg: float, steps: int) -> list[float]:
        self.asked.append(f"{self.name} {command.name}")
        wall = self.left[command.name].pop(0)
        return [wall, 10 * wall]


def sides(asked: list[str]) -> dict[str, Side]:
    return {
        NOW: Recorded(NOW, {"one": [2.0, 3.0, 9.0], "other": [1.0, 1.0, 1.0]}, asked),
        BEFORE: Recorded(BEFORE, {"one": [1.0, 2.0, 3.0], "other": [2.0, 1.0, 4.0]}, asked),
    }  # type: ignore[dict-item]


def test_sides_alternate_and_the_ratio_is_the_median_of_the_rounds(tmp_path: Path) -> None:
    asked: list[str] = []
    times = measure(sides(asked), (ONE, OTHER), 3, 0.1, 5, tmp_path / "times.json")
    assert asked[:4] == ["before one", "now one", "before other", "now other"]
    assert asked[4:8] == ["now one", "before one", "now other", "before other"]
    assert ratio(times, "one", 0) == pytest.approx(2.0)  # of 2, 1.5 and 3
    assert ratio(times, "other", 1) == pytest.approx(0.5)  # of 0.5, 1 and 0.25
    assert "| one | 2.00 | 3.00 | 2.000 | 1.50 to 3.00 |" in table(times, 0)


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    file, asked = tmp_path / "times.json", []
    measure(sides(asked), (ONE,), 1, 0.1, 5, file)
    kept = json.loads(file.read_text())
    asked.clear()
    times = measure(sides(asked), (ONE, OTHER), 2, 0.1, 5, file)
    assert asked == ["before other", "now other", "now one", "before one", "now other", "before other"]
    assert times["one"][NOW][0] == kept["one"][NOW][0] == [2.0, 20.0]


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no checkout"):
        Side(tmp_path, tmp_path / "work")


def test_a_command_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    side = Side(root, tmp_path)
    with pytest.raises(RuntimeError, match=r"ended with 3:\nno such thing"):
        side.seconds(Command("x", "-c 'import sys; print(\"no such thing\", file=sys.stderr); sys.exit(3)'"), 0.1, 5)
    wall, processor = side.seconds(Command("x", "-c 'print(1)'", ("photos",), times=3), 0.1, 5)
    assert processor > 0
    assert 0 < wall < 60
    assert not (tmp_path / "photos").exists()


def test_every_verb_that_works_on_images_is_timed() -> None:
    from flawforge.cli.main import app

    verbs = {name for name in app if not name.startswith("-")}
    newer = {"demo-data", "convert", "export", "predict"}  # than the commit that is compared with
    newer |= {"pod", "export-model", "project", "interpolate", "serve", "studio", "curate"}
    assert verbs - {"recipes"} - newer <= {command.name for command in COMMANDS}
