"""XML that anybody may have written: files of a limited size, without entities, in any encoding that Python knows."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from os import fstat
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError
from xml.etree.ElementTree import fromstring as parse_plain  # in C, twice as fast

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring as parse_defused

GLANCE = 1 << 12  # bytes in which an XML file names its root
MOST_TAGS = 4_000_000  # parsed, they take half a gigabyte
DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")
SLOW = frozenset({"punycode", "idna"})  # encodings of single words, which take for ever over a file


def parse_xml(path: Path, root: str, largest: int) -> Element | None:
    """Return the root of an XML file, None where that has another name: then the file is of another kind.

    Args:
        path: the file.
        root: the root's name, in any letters and any namespace.
        largest: bytes from which on it is refused; parsed, XML takes many times its size.

    Raises:
        ValueError: it cannot be read; the message says why, in words that follow the file's name.
    """
    try:
        with path.open("rb") as file:
            data = file.read(GLANCE)
            if _root_in(data) not in ("", root):
                return None
            if fstat(file.fileno()).st_size > largest:
                raise ValueError(f"is larger than {largest >> 20} megabytes: split it")
            data += file.read()
        if data.count(b"<") > MOST_TAGS:
            raise ValueError(f"has more than {MOST_TAGS:,} tags: split it")
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    try:
        text = _in_utf_8(data)
        plain = b"<!DOCTYPE" not in text and b"\0" not in text  # then nothing can declare an entity
        element: Element = (parse_plain if plain else parse_defused)(text)
    except DefusedXmlException:
        raise ValueError("declares XML entities, which no annotation needs") from None
    except (ParseError, UnicodeError, LookupError, ValueError) as error:
        if isinstance(error, ParseError) and not DECLARED.match(data) and not _is_utf_8(data):
            raise ValueError("is no XML in UTF-8, and it declares no other encoding") from None
        raise ValueError(f"is no XML: {error}") from None
    return element if tag(element) == root else None


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def root_name(path: Path) -> str:
    """Return the name of an XML file's first element as its beginning has it, damaged or not; empty: it has none."""
    try:
        with path.open("rb") as file:
            return _root_in(file.read(GLANCE))
    except OSError:  # whoever reads all of it will say why
        return ""


def _root_in(data: bytes) -> str:
    text = data.replace(b"\0", b"").decode("latin-1")  # without zeros, UTF-16 reads like ASCII
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    found = re.search(r"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)[\s/>]", text)
    return found[1].lower() if found else ""


def _in_utf_8(data: bytes) -> bytes:
    """Return XML without its declaration: the parser itself knows few encodings, and no GB2312."""
    declared = DECLARED.match(data)
    if declared is None:
        return data
    encoding = codecs.lookup(declared[1].decode()).name
    if encoding in SLOW:
        raise LookupError(f"unknown encoding: {encoding}")
    if encoding.startswith(("utf-16", "utf-32")):  # then the declaration could not have been read: it is not true
        encoding = "utf-8"
    text = data.decode(encoding).lstrip("\ufeff")
    return re.sub(r"^\s*<\?xml.*?\?>", "", text, flags=re.DOTALL).encode()


def tag(element: Element) -> str:
    """Return an element's name in small letters, without its namespace."""
    return _bare(element.tag)


@lru_cache(maxsize=1024)
def _bare(name: str) -> str:
    return name.rpartition("}")[2].lower()


def find_child(element: Element, *names: str) -> Element | None:
    """Return the first descendant along a path of names, whatever their namespace and letters."""
    for name in names:
        child = next((child for child in element if tag(child) == name), None)
        if child is None:
            return None
        element = child
    return element


def child_text(element: Element, *names: str) -> str:
    """Return the text of the first descendant along a path of names; empty where there is none."""
    found = find_child(element, *names)
    return "" if found is None else (found.text or "").strip()
