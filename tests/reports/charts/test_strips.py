"""A strip: where things stand on their own scale."""

from __future__ import annotations

import pytest

from flawforge.reports.charts.strips import LEFT, RIGHT, draw_strip, in_words, strip
from flawforge.runs.scores import Better, MeasuredQuantity, Number

NONE = Number(value=None, low=None, high=None, n=0, groups=0)


def number(value: float, low: float, high: float) -> Number:
    return Number(value=value, low=low, high=high, n=50, groups=20)


def quantity(
    generated: Number, real: Number, classical: Number = NONE, unit: str = "", better: Better = "lower"
) -> MeasuredQuantity:
    return MeasuredQuantity(
        name="kid", unit=unit, better=better, generated=generated, real=real, classical=classical, outside=None
    )


def test_a_share_stands_between_0_and_1() -> None:
    found = strip(quantity(number(0.5, 0.25, 0.75), number(1, 0, 1), unit="share"), "Precision")
    middle = (LEFT + RIGHT) / 2
    assert found.generated == ((LEFT + middle) / 2, (middle + RIGHT) / 2, middle)
    assert found.band == (LEFT, RIGHT, RIGHT)
    assert (found.classical, found.zero, found.ends) == (None, None, ("0", "1.0"))


def test_a_distance_reaches_from_0_or_below_to_the_largest_end() -> None:
    found = strip(quantity(number(30, 20, 40), number(-2, -10, 10)), "KID")
    assert found.ends == ("-10", "40")
    assert found.zero == pytest.approx(LEFT + (RIGHT - LEFT) * 0.2, abs=0.1)
    assert strip(quantity(number(30, 20, 40), number(2, 1, 10)), "FID").ends[0] == "0"


def test_nothing_measured_is_no_mark_and_no_zero() -> None:
    found = strip(quantity(NONE, NONE), "KID")
    assert (found.band, found.generated, found.classical) == (None, None, None)
    assert found.alt == "KID: generated not measured; real not measured; classical transforms not measured."
    drawn = draw_strip(found)
    assert "<circle" not in drawn
    assert "<rect" not in drawn
    assert in_words(NONE) == "not measured"


def test_all_is_drawn_within_the_box_and_said_in_words() -> None:
    drawn = draw_strip(strip(quantity(number(5, 4, 6), number(1, 0, 2), number(3, 2, 4)), 'a "b" <c>'))
    assert 'aria-label="a &quot;b&quot; &lt;c>: generated 5.00 (4.00 to 6.00); real 1.00 (0 to 2.00)' in drawn
    assert drawn.count("<circle") == drawn.count("<rect") == drawn.count("<path") == 1
