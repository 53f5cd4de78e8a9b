"""Text in several encodings, and text that is no number."""

from __future__ import annotations

import pytest

from flawforge.data.reading.texts.text_files import finite_number, read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_in_the_encodings_of_editors(tmp_path, encoding):
    (tmp_path / "a.txt").write_text("Löcher\n划痕", encoding=encoding)
    assert read_text(tmp_path / "a.txt", 100) == "Löcher\n划痕"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"L\xf6cher", "is no text in UTF-8"),
        (b"\xff\xfea", "is no text in UTF-8"),
        (b"a" * 5000, "is larger than 4 kilobytes"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_text_that_cannot_be_read(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_text(tmp_path / "a.txt", 4096)


def test_numbers():
    assert [finite_number(text) for text in ("3", "-1.5", "10,5", " 1e3 ")] == [3, -1.5, 10.5, 1000]
    for text in ("", "x", "1,000.5", "nan", "-inf", "1e400", "2e9"):
        with pytest.raises(ValueError, match="is no number"):
            finite_number(text)
