"""The files of a set are called after their class, and known again by their names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flawforge.core.safe_names import safe_name
from flawforge.studies.synthesis.resume import image_file, is_image_file


@given(st.text(max_size=200))
def test_a_file_is_called_after_its_class(label: str) -> None:
    assert image_file(label, 7, "classes").split("/") == [safe_name(label), image_file(label, 7, "flat")]
    assert is_image_file(image_file(label, 7, "flat"), label)
