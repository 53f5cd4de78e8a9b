from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from flawforge.data.cache import (
    FEATURES,
    cache_folder,
    recall_features,
    recall_groups,
    remember_features,
    remember_groups,
    trim_features,
)

KEY = "ab" * 32


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAWFORGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def remember():
    remember_groups("f" * 64, ["a", "b", "c", "a"], np.array([0, 1, 0, 0]), 1)


def test_groups_come_back_in_the_order_asked_for():
    remember()
    assert recall_groups("f" * 64, ["a", "b", "c", "a"], 1).tolist() == [0, 1, 0, 0]
    assert recall_groups("f" * 64, ["b", "a", "a", "c"], 1).tolist() == [0, 1, 1, 1]


def test_another_dataset_or_detector_knows_nothing():
    remember()
    assert recall_groups("e" * 64, ["a"], 1) is None
    assert recall_groups("f" * 64, ["a", "b", "c", "a"], 2) is None
    assert recall_groups("f" * 64, ["a", "z"], 1) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": 1}',
        '{"format": 9, "detector": 1, "groups": {"a": 0}}',
        '{"format": 1, "detector": 1, "groups": {"a": "x"}}',
        '{"format": 1, "detector": 1, "groups": 3}',
    ],
)
def test_a_damaged_file_counts_as_missing_and_is_replaced(cache, text):
    remember()
    [path] = cache.rglob("*.json")
    path.write_text(text)
    assert recall_groups("f" * 64, ["a"], 1) is None
    remember()
    assert recall_groups("f" * 64, ["a"], 1).tolist() == [0]


def test_a_cache_that_cannot_be_written_is_no_error(cache):
    cache.write_text("a file where the folder should be")
    remember()
    assert recall_groups("f" * 64, ["a"], 1) is None


def test_the_folder_follows_the_environment(monkeypatch):
    assert cache_folder().name == "cache"
    monkeypatch.delenv("FLAWFORGE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/flawforge")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache_folder() == Path("/home/somebody/.cache/flawforge")


def test_what_is_kept_is_plain_json_without_leftovers(cache):
    remember()
    [path] = [p for p in cache.rglob("*") if p.is_file()]
    assert json.loads(path.read_text()) == {"format": 1, "detector": 1, "groups": {"a": 0, "b": 1, "c": 0}}


def values(n: int = 5) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, 3)).astype(np.float32)


def test_what_is_kept_is_found_again_bit_for_bit() -> None:
    assert recall_features(KEY, 5) is None
    remember_features(KEY, values())
    found = recall_features(KEY, 5)
    assert found is not None
    assert np.array_equal(found, values())
    assert recall_features("cd" * 32, 5) is None


@pytest.mark.parametrize("damage", [b"", b"12", b"\x00" * 16, np.full(15, np.nan, dtype="<f4").tobytes()])
def test_damaged_features_count_as_missing(cache: Path, damage: bytes) -> None:
    remember_features(KEY, values())
    (cache / FEATURES / "ab" / f"{KEY}.f32").write_bytes(damage)
    assert recall_features(KEY, 5) is None


def test_features_that_cannot_be_written_are_no_error(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    remember_features(KEY, values())
    assert recall_features(KEY, 5) is None
    assert trim_features() == 0


def test_what_was_used_longest_ago_goes_first(cache: Path) -> None:
    keys = [f"{i:02d}" * 32 for i in range(4)]
    for age, key in enumerate(keys):
        remember_features(key, values())
        os.utime(cache / FEATURES / key[:2] / f"{key}.f32", (1000 + age, 1000 + age))
    assert recall_features(keys[0], 5) is not None  # used again: now the newest
    assert trim_features(2 * 60) == 2
    assert [recall_features(key, 5) is not None for key in keys] == [True, False, False, True]
    assert trim_features(2 * 60) == 0
