from collections.abc import Callable

import pytest

from flawforge.reports.page import report
from flawforge.reports.run.course import course
from flawforge.runs.history import History


def test_curves_events_and_facts(drawn: Callable) -> None:
    run = drawn()
    run.history(60)
    found = course(History(run.run.history_file).lines())
    assert found is not None
    facts = {what: value.replace("\u00a0", " ") for what, value in found.facts}
    assert facts == {
        "Length": "7.2 kimg in 600 steps",
        "Time spent training": "2 min 30 s",
        "Speed": "50.0 images/s (median; 48.0 to 52.0)",
        "Logged": "60 steps",
        "Warnings": "1",
    }
    assert [chart.name for chart in found.charts] == ["losses", "outputs"]
    assert [curve.label for chart in found.charts for curve in chart.curves] == [
        "discriminator",
        "generator",
        "D(real)",
        "D(fake)",
    ]
    assert found.charts[0].marks == ((pytest.approx(3.6), "1"),)
    html = report(run.run).read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "<td>1</td><td>3.6 kimg</td><td>1 min 15 s</td>" in html
    assert '<td><b class="warns">Warning</b>: The discriminator has won.</td>' in html


def test_a_training_that_stopped_early_says_so() -> None:
    lines = [{"kimg": 0.12, "step": 10}]
    whole = "0.12 kimg in 10 steps"
    for planned, text in ((3200, f"{whole} of 3,200 planned"), (10, whole), (None, whole)):
        found = course(lines, planned)
        assert found is not None
        assert found.facts[0][1].replace("\u00a0", " ") == text


def test_a_stop_and_its_resume_share_a_mark() -> None:
    lines = [{"kimg": float(i), "loss_d": 1.0, "loss_g": 2.0} for i in range(101)]
    lines += [
        {"event": "stopped", "kimg": 50.0},
        {"event": "resumed", "kimg": 50.0},
        {"event": "stopped", "kimg": 100.0},
    ]
    found = course(lines)
    assert found is not None
    assert found.charts[0].marks == ((50.0, "1, 2"), (100.0, "3"))


def test_rare_spikes_are_cut_off_and_told() -> None:
    lines = [{"kimg": float(i), "loss_d": 90.0 if i == 300 else 1.0, "loss_g": 2.0} for i in range(500)]
    found = course(lines)
    assert found is not None
    assert found.charts[0].y_range == (0, 2.2)
    assert found.cut == "The loss chart ends at 2.20; single steps reach 90.0."


def test_what_is_not_logged_is_not_drawn() -> None:
    assert course([]) is None
    assert course([{"event": "resumed", "kimg": 1.0}]) is None
    one = course([{"kimg": 1.0, "loss_d": 1.0}])
    assert one is not None
    assert one.charts == []
    assert ("Speed", "not recorded") in one.facts
    bare = course([{"kimg": 1.0, "loss_d": None}, {"kimg": 2.0, "d_real": "x"}])
    assert bare is not None
    assert bare.charts == []


def test_the_first_sixty_events_are_listed_and_the_first_nine_numbered(drawn: Callable) -> None:
    run = drawn()
    run.history(2)
    with run.run.history_file.open("a") as file:
        file.writelines('{"event": "rescued", "text": "collapse", "kimg": 0.1, "seconds": 1}\n' for _ in range(70))
    html = report(run.run).read_text(encoding="utf-8")
    assert html.count('<b class="warns">Recovered from a collapse</b>') == 59  # and one warning
    assert "<td>9</td>" in html
    assert "<td>10</td>" not in html
    assert "11 more are in history.jsonl." in html


def test_judgements_are_drawn_and_an_answered_collapse_is_a_warning() -> None:
    lines = [{"kimg": float(i), "loss_d": 1.0, "loss_g": 2.0, "distance": abs(i - 3.0) + 1} for i in range(9)]
    lines += [{"event": "rescued", "kind": "collapse", "text": "collapse at 8 kimg", "kimg": 3.0}]
    found = course(lines)
    assert found is not None
    (chart,) = [chart for chart in found.charts if chart.name == "distance"]
    assert chart.alt.replace("\u00a0", " ") == "Distance of the generated images to real ones, lowest (1.00) at 3 kimg."
    assert chart.curves[0].y == tuple(abs(i - 3.0) + 1 for i in range(9))
    assert dict(found.facts)["Warnings"] == "1"


def test_the_game_is_drawn_where_the_history_has_its_scores() -> None:
    scores = {"scores_real": [0.5, 0.6, 0.7, 0.8, 0.9], "scores_fake": [0.1, 0.2, 0.3, 0.4, 0.5]}
    lines = [{"kimg": float(i), "d_real": 0.7, "d_fake": 0.3} | (scores if i > 3 else {}) for i in range(9)]
    lines[6]["scores_fake"] = None
    found = course(lines)
    assert found is not None
    assert [chart.name for chart in found.charts] == ["outputs", "scores"]
    real, made = found.charts[1].curves
    assert (real.x, set(real.y), made.dashed) == ((4.0, 5.0, 6.0, 7.0, 8.0), {0.7}, True)
    assert real.raw == (real.x, (0.5,) * 5, (0.9,) * 5)
    assert made.x == (4.0, 5.0, 7.0, 8.0)
    assert "real ends near 0.700; generated ends near 0.300." in found.charts[1].alt
