from __future__ import annotations

import pytest

from flawforge.studies.copies.sentences import audit_sentence, percent, verdict


@pytest.mark.parametrize(("found", "groups", "share", "told"), [
    (3, 50, 0.02, "copies found (3 of 64)"),
    (3, 2, None, "copies found (3 of 64)"),
    (0, 50, 0.059, "no evidence of copying (could have found 5.9 % or more)"),
    (0, 50, 0.5, "too few images to tell"),
    (0, 3, 0.02, "too few images to tell"),
    (0, 3, None, "too few images to tell"),
    (0, 50, None, "cannot tell on images like these"),
])  # fmt: skip
def test_never_a_bare_yes(found: int, groups: int, share: float | None, told: str) -> None:
    assert verdict(64, found, groups, share) == told


def test_many_images_are_not_called_too_few() -> None:
    told = verdict(64, 0, 652, None)
    assert audit_sentence(64, 0, 0, 652, None, told) == (
        "Cannot tell on images like these. 0 of 64 generated images are called copies, but the audit missed "
        "too many of the copies that it planted to test itself. Judge the nearest pairs by eye."
    )


@pytest.mark.parametrize(("share", "text"), [(0.0123, "1.3"), (0.059, "5.9"), (0.34, "34"), (1.0, "100")])
def test_a_share_is_rounded_up(share: float, text: str) -> None:
    assert percent(share) == text
