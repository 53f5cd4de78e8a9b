from __future__ import annotations

import pytest

from flawforge.data.good_names import find_good


@pytest.mark.parametrize(
    ("classes", "good"),
    [
        (("def_front", "ok_front"), "ok_front"),
        (("Good", "ok_side"), "Good"),  # the whole name before its beginning
        (("OK", "NOK"), "OK"),
        (("no_defect_top", "scratch"), "no_defect_top"),
        (("Normal images", "scratch"), "Normal images"),
        (("not_good", "not_ok"), None),
        (("okra", "goodyear"), None),
        (("background_scratch", "none_of_these"), None),
        (("ok_front", "ok_side", "scratch"), None),  # which one?
        (("MT_Blowhole", "MT_Free"), "MT_Free"),
        (("crack free", "good_side"), "good_side"),
        (("MT_Blowhole", "MT_Good"), "MT_Good"),
        (("front ok", "front scratch"), "front ok"),
        (("MT_Blowhole", "part_not_ok"), None),
        (("top_good", "side_good"), None),
        (("rust-free", "dent-free"), None),
        (("freesia", "dots"), None),
        (("dots", "waves"), None),
    ],
)
def test_a_good_class_is_found_by_its_name_or_its_names_beginning(classes: tuple[str, ...], good: str | None) -> None:
    assert find_good(classes) == good
