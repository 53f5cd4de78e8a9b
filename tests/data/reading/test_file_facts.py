"""A folder that is read again is not decoded again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flawforge.data import cache
from flawforge.data.reading import examine
from flawforge.data.reading.load import load
from saved import lined, saved


@pytest.fixture
def decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were decoded."""
    monkeypatch.setenv("FLAWFORGE_CACHE", str(tmp_path / "cache"))
    names: list[str] = []
    real = examine.examine

    def heard(path: Path, *given):
        names.append(path.name)
        return real(path, *given)

    monkeypatch.setattr(examine, "examine", heard)
    return names


def test_the_second_reading_decodes_nothing_and_finds_the_same(tmp_path: Path, decoded: list[str]) -> None:
    folder = saved(tmp_path / "lines", lined(5, 20, 30))
    first = load(folder)
    assert len(decoded) == 5
    assert load(folder) == first
    assert len(decoded) == 5


def test_a_changed_file_is_decoded_whatever_its_name_and_date(tmp_path: Path, decoded: list[str]) -> None:
    folder = saved(tmp_path / "lines", lined(3, 20, 30))
    before = load(folder)
    saved(folder, [np.full((20, 30), 7, np.uint8)])
    after = load(folder)
    assert len(decoded) == 6
    assert [sample.sha256 for sample in after.samples] != [sample.sha256 for sample in before.samples]


def test_beside_a_damaged_file_all_are_looked_at_again(tmp_path: Path, decoded: list[str]) -> None:
    folder = saved(tmp_path / "lines", lined(3, 20, 30))
    (folder / "01.png").write_bytes(b"no image")
    assert load(folder) == load(folder)
    assert len(decoded) == 6


@pytest.mark.parametrize("limit", ["0", "-3"])
def test_the_cache_can_be_switched_off(
    tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setenv("FLAWFORGE_CACHE_MB", limit)
    folder = saved(tmp_path / "lines", lined(3, 20, 30))
    load(folder), load(folder)
    assert len(decoded) == 6
    assert not (tmp_path / "cache").exists()


def test_its_limit_is_a_number_of_megabytes(
    tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for word, limit in (("2", 2 * 2**20), ("0.5", 2**19), ("much", 2**30), ("inf", 2**30), ("nan", 2**30)):
        monkeypatch.setenv("FLAWFORGE_CACHE_MB", word)
        assert cache.limit_bytes() == limit
    cache.remember_content("ab" * 32, b"1" * 100)
    assert cache.recall_content("ab" * 32) == b"1" * 100
    assert cache.trim_features(50) == 1
    assert cache.recall_content("ab" * 32) == b""
