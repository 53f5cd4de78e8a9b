"""Class names of any kind make safe, different folder names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flawforge.studies.synthesis.resume import image_file, is_image_file, safe_name


@pytest.mark.parametrize("label", ["scratches", "rolled-in_scale", "Kratzer grün", "裂纹", "v1.2"])
def test_plain_names_stay(label: str) -> None:
    assert safe_name(label) == label


@pytest.mark.parametrize(
    ("label", "name"), [("a/b", "a_b"), ("..", "class"), ("", "class"), ("CON", "class_CON"), ("a ", "a")]
)
def test_odd_names_are_made_safe(label: str, name: str) -> None:
    assert re.sub(r"-[0-9a-f]{6}$", "", safe_name(label)) == name != safe_name(label)


@given(st.text(max_size=200))
def test_a_name_is_safe_on_any_file_system(label: str) -> None:
    name = safe_name(label)
    assert 0 < len(name.encode("utf-8", "surrogatepass")) <= 255
    assert not re.search(r'[\x00-\x1f<>:"/\\|?*]', name)
    assert name.strip(". ") == name
    assert image_file(label, 7, "classes").split("/") == [name, image_file(label, 7, "flat")]
    assert is_image_file(image_file(label, 7, "flat"), label)


@given(st.lists(st.text(max_size=20), min_size=2, max_size=2, unique=True))
def test_different_classes_have_different_folders(labels: list[str]) -> None:
    assert safe_name(labels[0]) != safe_name(labels[1])
