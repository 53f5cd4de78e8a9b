"""What is said of sizes: those that were placed, those a little beyond, and those that nobody should believe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flawforge.metrics.detection.hit_miss import HitMiss, HitMissCurve
from flawforge.runs.detection.record import ClassDetection, DetectionCurve, SharedRate
from flawforge.studies.detection.sentences import class_notes, detection_sentence, with_false_calls

CURVE = HitMissCurve("curve", HitMiss(np.zeros(60), None, np.ones(60, bool), 0.0))


def fitted(**changes: Any) -> DetectionCurve:
    usual: dict[str, Any] = {"intercept": 0, "slope": 3, "contrast_slope": None, "contrast_p": None, "asymptote": 1.0}
    usual |= {"asymptote_p": 1.0, "a50": 10.0, "a90": 23.2, "a90_95": 30.6, "a90_95_raw": 30.0}
    return DetectionCurve(**{**usual, "sizes": [], "chances": [], "low": [], "high": [], **changes})


def said(curve: DetectionCurve) -> str:
    return detection_sentence("scar", CURVE, curve, None, 30, (60, 4.0, 40.0), 34.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "finds 9 of 10 defects of scar from 23 pixels on (with 95% confidence from 31)."),
        ({"contrast_slope": 2.0}, "(with 95% confidence from 31), at the contrast of your real ones (34 gray levels)."),
        ({"a90_95": None}, "from 23 pixels on (no size up to 40 is certain with 95% confidence)."),
        ({"a90_95": 900.0}, "from 23 pixels on (no size up to 40 is certain with 95% confidence)."),
        ({"a90": 900.0}, "does not find 9 of 10 defects of scar at any size that was placed, up to 40 pixels."),
        (
            {"a90": None, "asymptote": 0.72},
            "does not find 9 of 10 defects of scar at any size: of the largest it finds ",
        ),
        ({"a90": 4.72}, "from 4.7 pixels on"),
        ({"a90": 0.04, "a90_95": 2.0}, "from under 4.0 pixels on (with 95% confidence from under 4.0)."),
    ],
)
def test_the_sentence_states_no_size_that_was_not_seen(changes: dict[str, Any], words: str) -> None:
    assert words in said(fitted(**changes))


def test_a_step_is_said_with_both_sizes_where_they_differ_as_they_are_shown() -> None:
    def step(missed: float, seen: float) -> str:
        curve = replace(CURVE, outcome="separated", jump=(missed, seen))
        return detection_sentence("scar", curve, None, None, 30, (60, 2.0, 40.0), 34.0)

    assert "misses every placed defect of scar up to 3.2 pixels and finds every one from 4.1 on." in step(3.2, 4.1)
    assert "misses every placed defect of scar below about 3.2 pixels and finds every one above." in step(3.16, 3.24)


def test_a_size_far_beyond_is_shown_as_over_the_largest_placed() -> None:
    def shown(largest: float, size: float = 900.0) -> str:
        return ClassDetection.model_construct(smallest=3.0, largest=largest).in_pixels(size)

    assert shown(40.2) == "over 40"
    assert shown(5.5) == "over 5.5"
    assert [shown(40.2, size) for size in (2.0, 1.9, 0.01)] == ["2.0", "under 3.0", "under 3.0"]


def test_a_size_a_little_beyond_is_said_to_be_extrapolated_and_one_far_beyond_is_not_named() -> None:
    def notes(**changes: Any) -> str:
        return " ".join(class_notes(fitted(**changes), 4.0, 40.0, 5, None, "scar"))

    assert "extrapolated" not in notes()
    assert "50 pixels are beyond the largest that was placed (40): extrapolated." in notes(a90_95=50.0)
    assert "900" not in notes(a90_95=900.0)
    assert "Some stay unseen at any size: of the largest about 95 of 100" in notes(asymptote=0.95)
    assert "Placed from 5 real defects" in notes()
    assert "Not checked against real defects" in notes()


@pytest.mark.parametrize(
    ("found", "called", "words"),
    [
        (60, 0, "finds 9 of 10."),
        (
            60,
            100,
            "calls 100 of 100 good images defective, and 60 of 60 with a placed defect of scar: it was not shown",
        ),
        (38, 50, "calls 50 of 100 good images defective, and 38 of 60 with a placed defect of scar: it was not shown"),
        (39, 50, "finds 9 of 10. It also calls 50 of 100 good images defective: hits are partly luck."),
    ],
)
def test_an_inspection_that_calls_everything_finds_no_size(found: int, called: int, words: str) -> None:
    """It was said to find 9 of 10 from 202 pixels on."""
    calls = SharedRate(count=called, total=100, groups=100, share=called / 100, low=0.0, high=1.0)
    assert words in with_false_calls("This inspection finds 9 of 10.", calls, "scar", found, 60)
