from __future__ import annotations

from flawforge.reports.charts.dots import LEFT, RIGHT, dots, scale_of


def test_dots_of_one_page_share_a_scale_that_holds_zero_and_all() -> None:
    assert scale_of([0.002, 0.031]) == (-0.01, 0.04)
    assert scale_of([-0.052]) == (-0.06, 0.01)
    shown = dots([-0.01, 0.04], 0.01, -0.5, 0.03, (-0.01, 0.04), "words")
    assert shown.span == (LEFT, LEFT + (RIGHT - LEFT) * 0.8)  # an end beyond the scale is cut
    assert [x for x, _ in shown.dots] == [LEFT, RIGHT]
    assert shown.zero == LEFT + (RIGHT - LEFT) * 0.2
