"""XML in many encodings, and XML that is refused."""

from __future__ import annotations

import pytest

from flawforge.data.reading.texts.xml_files import child_text, find_child, parse_xml


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("GB2312", "gb2312"),
        ("gbk", "gbk"),
        ("utf-16", "utf-16"),
        ("utf-16", "utf-8"),  # as .NET writes it
        ("shift_jis", "shift_jis"),
        ("", "utf-16"),
    ],
)
def test_encodings(tmp_path, declared, encoding):
    opening = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    name = "表面" if "jis" in encoding else "划痕"
    text = f"{opening}<!-- <other> -->\n<A xmlns='urn:x'><Object>\n<name> {name} </name></Object></A>"
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    element = parse_xml(tmp_path / "a.xml", "a", 1000)
    assert element is not None
    assert (child_text(element, "object", "name"), child_text(element, "name"), find_child(element, "x")) == (
        name,
        "",
        None,
    )


@pytest.mark.parametrize("content", ["<b/>", "<x:b>", "<?xml version='1.0'?><b>", "<!-- <a> --><b><a/></b>"])
def test_xml_of_another_kind_is_not_parsed(tmp_path, content):
    (tmp_path / "a.xml").write_text(content)
    assert parse_xml(tmp_path / "a.xml", "a", 1000) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no XML: no element found"),
        (b"<a>", "is no XML: no element found"),
        (b"<a>&</a>", "is no XML: not well-formed"),
        ("<a>划痕</a>".encode("gbk"), "is no XML in UTF-8, and it declares no other encoding"),
        (b"<?xml version='1.0' encoding='klingon'?><a/>", "is no XML: unknown encoding: klingon"),
        (b"<?xml version='1.0' encoding='rot13'?><a/>", "is no XML: 'rot-13' is not a text encoding"),
        (b"<?xml version='1.0' encoding='punycode'?><a/>", "is no XML: unknown encoding: punycode"),
        (b"<?xml version='1.0' encoding='gb2312'?><a>\xff\xff</a>", "is no XML: 'gb2312' codec can't decode"),
        (b"<!DOCTYPE a [<!ENTITY b 'b'>]><a>&b;</a>", "declares XML entities, which no annotation needs"),
        (
            "<!DOCTYPE a [<!ENTITY b 'b'>]><a>&b;</a>".encode("utf-16"),
            "declares XML entities, which no annotation needs",
        ),
        (b"<a>" + b" " * (1 << 21) + b"</a>", "is larger than 1 megabytes: split it"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_xml_that_cannot_be_read(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "a.xml").write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        parse_xml(tmp_path / "a.xml", "a", 1 << 20)


def test_a_file_of_too_many_tags_is_refused_before_it_is_parsed(tmp_path, monkeypatch):
    (tmp_path / "a.xml").write_text("<a><b/><b/></a>")
    assert parse_xml(tmp_path / "a.xml", "a", 1000) is not None
    monkeypatch.setattr("flawforge.data.reading.texts.xml_files.MOST_TAGS", 3)
    with pytest.raises(ValueError, match="has more than 3 tags: split it"):
        parse_xml(tmp_path / "a.xml", "a", 1000)
