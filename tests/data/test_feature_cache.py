"""Features kept by content: found again, never wrong, bounded, and no error where nothing can be written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from flawforge.data.cache import FOLDER, recall_features, remember_features, trim_features

KEY = "ab" * 32


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLAWFORGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


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
def test_a_damaged_file_counts_as_missing(cache: Path, damage: bytes) -> None:
    remember_features(KEY, values())
    (cache / FOLDER / "ab" / f"{KEY}.f32").write_bytes(damage)
    assert recall_features(KEY, 5) is None


def test_a_cache_that_cannot_be_written_is_no_error(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    remember_features(KEY, values())
    assert recall_features(KEY, 5) is None
    assert trim_features() == 0


def test_what_was_used_longest_ago_goes_first(cache: Path) -> None:
    keys = [f"{i:02d}" * 32 for i in range(4)]
    for age, key in enumerate(keys):
        remember_features(key, values())
        os.utime(cache / FOLDER / key[:2] / f"{key}.f32", (1000 + age, 1000 + age))
    assert recall_features(keys[0], 5) is not None  # used again: now the newest
    assert trim_features(2 * 60) == 2
    assert [recall_features(key, 5) is not None for key in keys] == [True, False, False, True]
    assert trim_features(2 * 60) == 0
