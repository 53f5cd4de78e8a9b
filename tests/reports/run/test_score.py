"""The score on the page: the sentence first, every number beside its scale, nothing measured told as that."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from flawforge.reports.page import report


def html(drawn: Any) -> str:
    return report(drawn.run).read_text(encoding="utf-8")


def section(text: str) -> str:
    found = re.search(r'<section id="score">.*?</section>', text, flags=re.S)
    assert found
    return found.group(0)


def test_without_a_score_the_command_to_make_one_is_told(drawn: Callable[..., Any]) -> None:
    one = drawn()
    part = section(html(one))
    assert "Not measured: there is no score yet." in part
    assert f"flawforge score {one.run.path}" in part
    assert "<b>How real they look, as a number.</b> Not measured." in html(one)
    assert "<b>Whether every kind of the defect is there.</b> Not measured." in html(one)


def test_the_plain_sentence_comes_first_and_the_numbers_follow(drawn: Callable[..., Any]) -> None:
    one = drawn()
    one.score()
    part = section(html(one))
    assert part.index("The generated images are distinguishable from held-out") < part.index("Kernel distance (KID)")
    assert part.count('<svg class="strip"') == 3
    assert "0.510 (0.410 to 0.610)" in part
    assert "they are not Inception scores" in part
    assert "not measured" in part  # the classical precision of the drawn record
    assert "<b>How real one image is.</b>" in html(one)
    assert "<b>Which kinds of the defect are missing.</b> Coverage and recall above say" in html(one)
    assert "Whether every kind of the defect is there" not in html(one)
    top = html(one).split("<nav", 1)[0]
    assert "The generated images are distinguishable" in top
    assert "These reach 24 of 100 unseen images" in top


def test_what_is_beyond_is_marked_and_nothing_else(drawn: Callable[..., Any]) -> None:
    one = drawn()
    one.score()
    part = section(html(one))
    assert part.count('<span class="mark">beyond</span>') == 2  # of the set, and of the class that has the same numbers
    assert part.count("lower is better (n = 32)") == 2
    assert part.count("higher is better (n = 32)") == 1
    assert '<td class="quiet">not measured</td>' in part


def test_the_findings_that_the_sentence_does_not_name_are_listed(drawn: Callable[..., Any]) -> None:
    one = drawn()
    one.score()
    part = section(html(one))
    assert '<tr><th scope="row">their texture is too smooth</th><td>4.2 dB</td><td>1 dB</td></tr>' in part
    assert '<th scope="row">they are too dark</th>' not in part


def test_a_record_of_an_earlier_version_shows_its_quantities_by_name(drawn: Callable[..., Any]) -> None:
    """The drawn record has no labels, as those written before there were any."""
    one = drawn()
    one.score()
    part = section(html(one))
    for name in ("Kernel distance (KID)", "Precision", "Power spectrum"):
        assert f"<b>{name}</b>" in part


def test_charts_classes_confusion_and_images_are_there(drawn: Callable[..., Any]) -> None:
    one = drawn()
    one.score()
    part = section(html(one))
    assert part.count('<svg class="chart"') == 2
    assert "have 4.20 dB less fine structure than real ones" in part
    assert "By class" in part
    assert "not measured: 4 real specimens, 12 are needed" in part
    assert part.count('class="numbers confusion') == 2
    assert "Most realistic" in part
    assert part.count("<img ") == 4
    assert "Fréchet distance without its small-n bias" in part


def test_what_lies_beyond_changed_copies_is_shown_by_class_or_why_not(drawn: Callable[..., Any]) -> None:
    one = drawn()
    one.score()
    part = section(html(one))
    assert "<p>These reach 24 of 100 unseen images that changed copies of yours do not.</p>" in part
    assert "<td>24% (18% to 31%)</td><td>6.1% (0.1% to 13.1%)</td><td>46% (40% to 53%)</td><td>1.30</td>" in part
    assert "not measured: held-out images of 4 specimens, 12 are needed" in part
    one.score(empty=True)
    assert "changed copies" not in section(html(one))


def test_too_few_images_show_the_sentence_and_no_number(drawn: Callable[..., Any]) -> None:
    one = drawn()
    one.score(empty=True)
    part = section(html(one))
    assert "Inconclusive: there are 3 pieces." in part
    assert "<table" not in part
    assert "<svg" not in part


def test_a_score_of_another_set_says_so(drawn: Callable[..., Any]) -> None:
    one = drawn()
    one.synthetic()
    facts = one.run.synthetic / "set.json"
    facts.write_text(facts.read_text().replace('"n": 50', '"manifest_sha256": "new", "n": 50'))
    one.score()
    assert "This score is of an earlier synthetic set; the run holds another one now." in section(html(one))


def test_what_a_record_says_is_escaped(drawn: Callable[..., Any]) -> None:
    one = drawn()
    one.score(sentence="<script>alert(1)</script>", label='a"<b>')
    part = section(html(one))
    assert "<script>alert" not in part
    assert 'a"<b>' not in part


@pytest.mark.parametrize("empty", [True, False])
def test_the_same_record_gives_the_same_page(drawn: Callable[..., Any], empty: bool) -> None:
    one = drawn()
    one.score(empty=empty)
    assert html(one) == html(one)
