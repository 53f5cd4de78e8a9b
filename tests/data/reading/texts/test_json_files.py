"""JSON of labels: of any encoding that JSON has, of a limited size, with numbers that are numbers."""

from __future__ import annotations

import gc
import json

import pytest

from flawforge.data.reading.texts import json_files
from flawforge.data.reading.texts.json_files import EMPTY, coordinates, frame_of, no_collection, parse_json


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_read_in_the_encodings_that_it_has(tmp_path, encoding):
    file = tmp_path / "labels.json"
    file.write_text(json.dumps({"images": ["划痕"]}, ensure_ascii=False), encoding=encoding)
    assert parse_json(file, "images") == {"images": ["划痕"]}
    assert parse_json(file, "images", "annotations") is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"images": [', "is no JSON: Expecting value"),
        (b'{"images": "' + "Kratzer, Öl".encode("latin-1") + b'"}', "is no JSON: it is not written in UTF-8"),
        (b'["images", ' + b"[" * 200_000, "is no JSON of labels: it is nested too deeply"),
        (b'["images", ' + b"9" * 5000 + b"]", "is no JSON: Exceeds the limit"),
    ],
)
def test_what_is_damaged_is_named_where_it_has_the_words(tmp_path, data, why):
    file = tmp_path / "labels.json"
    file.write_bytes(data)
    with pytest.raises(ValueError, match=why):
        parse_json(file, "images")
    assert parse_json(file, "annotations") is None


@pytest.mark.parametrize("data", [b"", b" \r\n", b"\0" * 9])
def test_an_empty_file_may_have_been_of_any_kind(tmp_path, data):
    file = tmp_path / "labels.json"
    file.write_bytes(data)
    with pytest.raises(ValueError, match=EMPTY):
        parse_json(file, "images")


def test_a_file_beyond_the_limit_is_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(json_files, "BIGGEST", 1000)
    monkeypatch.setattr(json_files, "GLANCE", 100)
    file = tmp_path / "labels.json"
    file.write_text(json.dumps({"images": [0] * 1000, "annotations": []}))
    with pytest.raises(ValueError, match="is larger than 0 megabytes: split it into several files"):
        parse_json(file, "images", "annotations")
    assert parse_json(file, "shapes") is None


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        parse_json(tmp_path / "gone.json", "images")


@pytest.mark.parametrize(
    "values", [None, "12", 3, [None], ["x"], [[1]], [float("nan")], [float("inf"), float("-inf")], [10**400], [1e9]]
)
def test_what_is_no_finite_number_is_refused(values):
    with pytest.raises(ValueError):
        coordinates(values)


def test_numbers_are_taken_as_such():
    assert coordinates([1, 2.5, "3"]) == (1.0, 2.5, 3.0)
    assert frame_of(3, 4) == (3.0, 4.0)
    assert frame_of(0, 4) is frame_of(None, 4) is frame_of("wide", 4) is None


@pytest.mark.parametrize("on", [True, False])
def test_the_collector_is_as_it_was(on):
    before = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        with no_collection():
            assert not gc.isenabled()
        assert gc.isenabled() == on
    finally:
        (gc.enable if before else gc.disable)()
