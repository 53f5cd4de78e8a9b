"""Each sentence of a score, whole."""

from __future__ import annotations

import math
from typing import Any

import pytest

from flawforge.studies.realism.sentences import (
    beyond_sentence,
    brightness_fault,
    in_unit,
    score_sentence,
    texture_fault,
)

COVERAGE = "they cover 61% of the real variation, where an equal number of real images covers 85%"
COUNTS: dict[str, Any] = {"n_generated": 64, "n_used": 64, "n_reference": 1180}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"distinguishable": True, "main_finding": COVERAGE},
            "The generated images are distinguishable from held-out real ones: they cover 61% of "
            "the real variation, where an "
            "equal number of real images covers 85%. Compared: 64 generated and 1,180 real images.",
        ),
        (
            {"distinguishable": True},
            "The generated images are distinguishable from held-out real ones, but no single cause "
            "was found. Compared: 64 "
            "generated and 1,180 real images.",
        ),
        (
            {"distinguishable": False, "main_finding": COVERAGE, "n_used": 40},
            "As a whole, the generated images were not distinguishable from held-out real ones, but "
            "they cover 61% of the "
            "real variation, where an equal number of real images covers 85%. Compared: 40 of 64 "
            "generated and 1,180 real "
            "images.",
        ),
        (
            {"distinguishable": False, "against": "given"},
            "The generated images were not distinguishable from held-out real ones by any measure. "
            "Compared: 64 generated and "
            "1,180 real images.",
        ),
        (
            {"distinguishable": False, "against": "training"},
            "The generated images were not distinguishable from the training images by any measure. "
            "Compared: 64 generated "
            "and 1,180 real images. Copies of training images would look good in this comparison.",
        ),
        (
            {"distinguishable": False, "against": "training", "exact_copies": 2},
            "2 of 64 generated images are identical to training images, so this score says little "
            "about what the generator "
            "can make (see the audit). The generated images were not distinguishable from the "
            "training images by any measure. "
            "Compared: 64 generated and 1,180 real images.",
        ),
        (
            {
                "distinguishable": False,
                "main_finding": "",
                "at_full_size": True,
                "defects": "a dog tells their defects",
            },
            "As a whole, the generated images were not distinguishable from held-out real ones, but at full size they "
            "are, and a dog tells their defects. Compared: 64 generated and 1,180 real images.",
        ),
        (
            {"distinguishable": True, "main_finding": "they are too dark", "defects": "a dog tells their defects"},
            "The generated images are distinguishable from held-out real ones: they are too dark. And a dog tells "
            "their defects. Compared: 64 generated and 1,180 real images.",
        ),
        (
            {
                "exact_copies": 1,
                "against": "unknown",
                "why": "there are only 5 generated images, and at least 12 are needed",
            },
            "1 of 64 generated images is identical to a real image, so this score says little about what the generator "
            "can make (see the audit). Inconclusive: there are only 5 generated images, and at least 12 are needed.",
        ),
        (
            {"exact_copies": 1, "why": "there are only 5 generated images, and at least 12 are needed"},
            "1 of 64 generated images is identical to a training image, so this score says little "
            "about what the generator "
            "can make (see the audit). Inconclusive: there are only 5 generated images, and at least 12 are needed.",
        ),
    ],
)
def test_the_outcome(changes: dict[str, Any], sentence: str) -> None:
    assert score_sentence(**{**COUNTS, **changes}) == sentence


@pytest.mark.parametrize(
    ("fine", "words"),
    [
        (-4.2, "their texture is too smooth"),
        (4.2, "their texture is too rough"),
        (0.3, "their texture has structures of other sizes"),
    ],
)
def test_a_texture_s_fault(fine: float, words: str) -> None:
    assert texture_fault(fine) == words


@pytest.mark.parametrize(
    ("brighter", "words"), [(-30, "they are too dark"), (30, "they are too bright"), (1.5, "their contrast differs")]
)
def test_a_fault_of_brightness(brighter: float, words: str) -> None:
    assert brightness_fault(brighter) == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.612, "share", "61%"),
        (0.0, "share", "0%"),
        (1.0, "share", "100%"),
        (1e-9, "share", "1%"),
        (math.nextafter(1, 0), "share", "99%"),
        (14.36, "dB", "14.4 dB"),
        (0.5, "", "0.5"),
        (2, "levels", "2 levels"),
    ],
)
def test_a_share_is_0_or_100_percent_only_when_it_is_exactly_that(value: float, unit: str, words: str) -> None:
    assert in_unit(value, unit) == words


NEW = "These reach 24 of 100 unseen images that changed copies of yours do not; a second set of copies reaches 6."


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((0.244, 0.061, True, 0.9), NEW),
        ((0.244, 0.061, True, None), NEW),
        ((0.244, 0.061, True, 1.2), f"{NEW} As a whole, the copies are closer to unseen images."),
        (
            (0.07, 0.061, False, 1.2),
            "Changed copies of your images are closer to unseen ones than these, and reach as many of them.",
        ),
        ((0.07, 0.061, False, 0.9), "These reach no more unseen images than changed copies of yours do."),
        ((0.999, 0.001, True, 0.1), NEW.replace("24", "99").replace("6.", "1.")),
    ],
)
def test_what_lies_beyond_copies_is_said_in_words(numbers: Any, sentence: str) -> None:
    assert beyond_sentence(*numbers) == sentence
