"""Scales: where numbers stand on a strip of the score and on a line of a trial's differences."""

from __future__ import annotations

import pytest
from jinja2 import Environment

from flawforge.reports.charts.scales import LEFT, RIGHT, NumberLine, common_scale, own_scale
from flawforge.reports.markup import environment
from flawforge.runs.estimates import Estimate
from flawforge.runs.judged.scores import Better, MeasuredQuantity, Number

NONE = Number(value=None, low=None, high=None, n=0, groups=0)


def number(value: float, low: float, high: float) -> Number:
    return Number(value=value, low=low, high=high, n=50, groups=20)


def quantity(
    generated: Number, real: Number, classical: Number = NONE, unit: str = "", better: Better = "lower", label: str = ""
) -> MeasuredQuantity:
    parts = {"generated": generated, "real": real, "classical": classical}
    return MeasuredQuantity(name="kid", label=label, unit=unit, better=better, outside=None, **parts)


@pytest.fixture(scope="module")
def parts() -> Environment:
    return environment().get_template("parts.html.j2").module  # type: ignore[return-value]


def test_a_share_stands_between_0_and_1() -> None:
    assert own_scale(quantity(number(0.5, 0.25, 0.75), number(1, 0, 1), unit="share")) == NumberLine(0, 1)


def test_a_distance_reaches_from_0_or_below_to_the_largest_end() -> None:
    assert own_scale(quantity(number(30, 20, 40), number(-2, -10, 10))) == NumberLine(-10, 40)
    assert own_scale(quantity(number(30, 20, 40), number(2, 1, 10))) == NumberLine(0, 40)
    assert own_scale(quantity(NONE, NONE)) == NumberLine(0, 1)


def test_a_number_beyond_the_scale_stands_at_its_end() -> None:
    scale = NumberLine(-10, 40)
    assert [scale.at(value) for value in (-10, 15, 40)] == [LEFT, (LEFT + RIGHT) / 2, RIGHT]
    assert (scale.at(-99), scale.at(99)) == (LEFT, RIGHT)


def test_the_differences_of_one_page_share_a_scale_that_holds_zero_and_all() -> None:
    assert common_scale([0.002, None, 0.031]) == NumberLine(-0.01, 0.04)
    assert common_scale([-0.052]) == NumberLine(-0.06, 0.01)
    assert common_scale([]) == NumberLine(-0.01, 0.01)


def test_a_strip_shows_nothing_that_was_not_measured(parts) -> None:
    drawn = parts.strip(quantity(NONE, NONE, label="KID"))
    assert 'aria-label="KID: generated not measured; real not measured; classical transforms not measured."' in drawn
    for mark in ("<circle", "<rect", "<path", "--ink"):
        assert mark not in drawn


def test_a_strip_shows_all_at_its_place_and_says_it_in_words(parts) -> None:
    drawn = parts.strip(quantity(number(5, 4, 8), number(1, -2, 2), number(3, 2, 4), label='a "b" <c>'))
    assert "a &#34;b&#34; &lt;c&gt;: generated 5.00 (4.00 to 8.00); real 1.00 (-2.00 to 2.00)" in drawn
    assert drawn.count("<circle") == drawn.count("<rect") == drawn.count("<path") == 1
    scale = NumberLine(-2, 8)
    assert f'cx="{scale.at(5)}"' in drawn
    assert f'<rect x="{LEFT}.0" y="3" width="{scale.at(2) - LEFT}"' in drawn
    assert f'<line x1="{scale.at(0)}" x2="{scale.at(0)}" y1="25"' in drawn
    assert ">-2.0</text>" in drawn
    assert ">8.0</text>" in drawn


def test_dots_lie_at_three_heights_and_the_interval_ends_with_the_frame(parts) -> None:
    scale = NumberLine(-0.01, 0.04)
    drawn = parts.dots(scale, [-0.01, 0.04, 0.04, 0.04], Estimate(value=0.01, low=-0.5, high=0.03), "words")
    assert [drawn.count(f'cy="{y}" r="2.4"') for y in ("16.0", "20.5", "25.0")] == [2, 1, 1]
    assert f'<line x1="{LEFT}" x2="{scale.at(0.03)}" y1="9"'.replace(f'"{LEFT}"', f'"{LEFT}.0"') in drawn
    assert f'cx="{scale.at(0.01)}" cy="9"' in drawn
    assert ">-1</text>" in drawn
    assert ">+4 points</text>" in drawn
