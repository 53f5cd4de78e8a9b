"""The sentences of the audit, compared whole."""

from __future__ import annotations

import pytest

from flawforge.runs.judged.audits import Alignment, CopiedDefect, Copying, Diversity, Pair
from flawforge.studies.copies.run import _outcome
from flawforge.studies.copies.sentences import (
    audit_sentence,
    audit_verdict,
    copies_sentence,
    defect_sentence,
    diversity_sentence,
    patch_sentence,
    percent_rounded_up,
    set_sentence,
)

CASES = [  # generated, flagged, exact, groups, detectable share, recall
    (
        (64, 3, 1, 50, 0.02, 1.0),
        "copies found (3 of 64)",
        "Copies found: 3 of 64 generated images are copies of training images (1 exact, 2 altered: mirrored, shifted, "
        "cropped, brightened or noisy). Compare the pairs by eye.",
    ),
    (
        (64, 1, 0, 2, None, 0.0),
        "copies found (1 of 64)",
        "Copies found: 1 of 64 generated images is a copy of a training image (0 exact, 1 altered: mirrored, shifted, "
        "cropped, brightened or noisy). Compare the pairs by eye.",
    ),
    (
        (64, 0, 0, 50, 0.0501, 1.0),
        "no copying detected",
        "No copying detected (it would have been detected if 5.1% or more of the images were copies). 0 of 64 images "
        "were flagged; false-alarm rate: at most 1 audit in 100.",
    ),
    (
        (64, 0, 0, 652, None, 0.03),
        "inconclusive",
        "Inconclusive: 0 of 64 images were flagged, but on this material the audit missed most of the copies it "
        "planted to test itself. Compare the nearest pairs by eye.",
    ),
    (
        (10, 0, 0, 1, None, 0.0),
        "too few images to tell",
        "Too few images to tell: 0 of 10 images were flagged, but the training images show 1 specimen (8 are needed to "
        "know how alike images of different specimens are). Compare the nearest pairs by eye.",
    ),
    (
        (64, 0, 0, 7, 0.02, 1.0),
        "too few images to tell",
        "Too few images to tell: 0 of 64 images were flagged, but the training images show 7 specimens (8 are needed "
        "to know how alike images of different specimens are). Compare the nearest pairs by eye.",
    ),
    (
        (5, 0, 0, 50, 0.47, 0.97),
        "too few images to tell",
        "Too few images to tell: 0 of 5 images were flagged, but copying would have gone undetected if fewer than 47% "
        "of them were copies. Generate more images, and compare the nearest pairs by eye.",
    ),
    (
        (1, 0, 0, 50, None, 0.97),
        "too few images to tell",
        "Too few images to tell: 0 of 1 images were flagged, but even if all of them were copies, that could have gone "
        "undetected. Generate more images, and compare the nearest pairs by eye.",
    ),
]


@pytest.mark.parametrize(("numbers", "words", "sentence"), CASES)
def test_each_outcome_in_words(
    numbers: tuple[int, int, int, int, float | None, float], words: str, sentence: str
) -> None:
    n, found, _, groups, share, recall = numbers
    assert audit_verdict(n, found, groups, share, recall) == words
    assert audit_sentence(*numbers) == sentence


def test_images_of_which_nobody_said_that_training_saw_them_are_called_real() -> None:
    for known, source in ((True, "training"), (False, "real")):
        assert f"{source} image" in audit_sentence(9, 1, 1, 50, None, 1.0, known)
        assert f"the {source} images show 2 specimens" in audit_sentence(9, 0, 0, 2, None, 1.0, known)
        assert f"a patch of a {source} image" in patch_sentence(90, 90, 0, 50, 0.1, 1.0, known)
        assert f"of {source} images in another place" in patch_sentence(90, 90, 2, 50, 0.1, 1.0, known)


def test_the_tests_of_the_set_speak_only_where_one_rejects() -> None:
    assert set_sentence({"C_T": 0.011, "authenticity": 1.0}, 0.01) == ""
    assert set_sentence({}, 0.01) == ""
    assert set_sentence({"C_T": 0.01, "authenticity": 0.5, "DCR share": 0.00123}, 0.01) == (
        " As a whole, the generated images lie closer to the training images than held-out real images do (2 of 3 "
        "tests: C_T p = 0.01, DCR share p = 0.0012; corrected for 3 tests)."
    )


def test_copies_are_named_and_the_clearest_first() -> None:
    def pair(number: int, copied: bool = True) -> Pair:
        placed = {"rank_p": 0.1, "p": 0.1, "symmetry": "identity", "tilt": 0, "scale": 1, "shift": (0, 0), "matrix": []}
        near = Alignment.model_validate({"file": f"{number}.jpg", "score": 1, "copied": copied, **placed})
        return Pair(file=f"made/{number}.png", neighbours=[], likeness=near)

    assert copies_sentence([pair(1, copied=False)]) == ""
    assert (
        copies_sentence([pair(2), pair(1), pair(3, copied=False)]) == "copies: made/2.png of 2.jpg, made/1.png of 1.jpg"
    )
    assert copies_sentence([pair(number) for number in range(8)]).endswith("made/4.png of 4.jpg and 3 more")
    moved = CopiedDefect(file="made/1.png", source="1.jpg", score=2.0, p=1e-9, symmetry="identity")
    assert copies_sentence([pair(2)], [moved]) == "copies: made/2.png of 2.jpg\ncopied defects: made/1.png of 1.jpg"


@pytest.mark.parametrize(
    ("groups", "recovered", "why"),
    [
        (16, 0, "the audit missed most of the defects it moved to test itself"),
        (6, 32, "too few defects are known to tell"),
        (16, 32, "there are too few images to tell"),
    ],
)
def test_it_says_why_copied_defects_could_not_be_told(groups: int, recovered: int, why: str) -> None:
    share = 0.4 if recovered else None
    defects = Copying(
        verdict=audit_verdict(3, 0, groups, share, recovered / 32),
        found=0,
        alarm_rate=0.001,
        threshold=1.0,
        image_threshold=0.9,
        real=[0.1] * groups,
        generated=[0.2] * 3,
        groups=groups,
        planted=32,
        recovered=recovered,
        detectable=share,
    )
    assert defect_sentence(defects, []) == f"Copied defects: 0 of 3 images were flagged, but {why}."


def test_where_no_copied_defect_is_found_it_says_of_what_size() -> None:
    defects = Copying(
        verdict="no copying detected",
        found=0,
        alarm_rate=0.001,
        threshold=1.0,
        image_threshold=0.9,
        real=[0.1] * 16,
        generated=[0.2] * 12,
        groups=16,
        planted=32,
        recovered=32,
        detectable=0.25,
    )
    assert defect_sentence(defects, []) == (
        "No copied defects detected: the defect of 0 of 12 images was flagged as an undeclared one of a training image "
        "(they would have been if 25% or more were, at its own size)."
    )


def test_diversity_in_words() -> None:
    assert diversity_sentence(400, 12, 390, 5, 60, 41.26, 55.0) == (
        "12 of 400 generated images are near-duplicates of another one (390 clusters, the largest of 5). Effective "
        "number of different images (Vendi score) among 60: 41.3 generated, 55.0 real."
    )


@pytest.mark.parametrize(("share", "text"), [(0.0123, "1.3%"), (0.059, "5.9%"), (0.34, "34%"), (1.0, "100%")])
def test_a_share_is_rounded_up(share: float, text: str) -> None:
    assert percent_rounded_up(share) == text


CASES_OF_COLLAPSE = [(60, 0, "The set has collapsed"), (60, 2, "Copies found"), (20, 0, "No copying")]


@pytest.mark.parametrize(("repeats", "found", "first"), CASES_OF_COLLAPSE)
def test_a_collapsed_set_is_called_so_before_no_copying(repeats: int, found: int, first: str) -> None:
    copying = Copying(
        verdict="",
        found=found,
        alarm_rate=0.01,
        threshold=0.4,
        image_threshold=0.3,
        real=[0.1],
        generated=[0.1] * 64,
        groups=50,
        planted=32,
        recovered=32,
        detectable=0.05,
    )
    diverse = Diversity(looked_at=64, repeats=repeats, clusters=5, largest=50, sentence="")
    outcome = _outcome(copying, None, (None, []), 0, [], "held-out", 0, diverse)
    assert outcome.startswith(first)
    told = "The set has collapsed: 60 of 64 generated images repeat another one, which leaves 5 different images."
    assert (told in outcome) == (repeats == 60)
