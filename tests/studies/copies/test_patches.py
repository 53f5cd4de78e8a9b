"""The search for copied patches, on drawn textures: what is planted is found, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as nd

from flawforge.core.arrays import Floats32
from flawforge.metrics.copying.patch_agreement import PatchMatch, WhiteSpectra
from flawforge.studies.copies import patches
from flawforge.studies.copies.patches import PatchSearch
from flawforge.studies.copies.planted import patch_copy
from flawforge.studies.copies.search import PATCH_ALARM, copied, lowest_copy

SIDE = 96


def texture(seed: int) -> Floats32:
    rng = np.random.default_rng(seed)
    rough = sum(nd.gaussian_filter(rng.standard_normal((SIDE, SIDE)), s) * s for s in rng.uniform(0.8, 3, 3))
    return np.asarray(np.clip(np.rint(128 + 25 * rough / rough.std()), 0, 255), dtype=np.float32)


def test_planted_patches_are_found_and_honest_images_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "PLANTED", 8)
    search, draws = PatchSearch(texture, np.arange(16), (SIDE, SIDE)), np.random.default_rng(0)
    scale = search.scale()
    assert scale is not None
    planted = [patch_copy(texture(row), texture(80 + row), row % 4, draws).astype(np.float32) for row in range(6)]
    found = [search.look(image) for image in (*(texture(seed) for seed in range(100, 112)), *planted)]
    _, called = copied(scale, np.array([match.score for match in found]), PATCH_ALARM)
    assert called.tolist() == list(range(12, 18))
    assert [match.reference for match in found[12:]] == list(range(6))
    assert search.recovered(lowest_copy(scale, 18, PATCH_ALARM)) == (8, 8)


def test_declared_sources_are_no_copies_and_what_is_not_searched_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "KNOWN", 6)
    search = PatchSearch(texture, np.arange(12), (SIDE, SIDE))
    row = int(search.rows[2])
    assert search.look(texture(row)).reference == row
    assert search.look(texture(row), np.array([row, 0])).score < 0.4
    unknown = next(row for row in range(12) if row not in search.rows)
    assert search.look(texture(unknown)).score < 0.4


def test_what_was_looked_at_is_remembered_with_what_did_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked() -> list[PatchMatch]:
        search = PatchSearch(texture, np.arange(4), (SIDE, SIDE))
        return [search.look(texture(2), excluded) for excluded in (None, np.array([2]))]

    first = looked()
    monkeypatch.setattr(WhiteSpectra, "match", lambda *_: pytest.fail("searched again"))
    assert looked() == first
    assert first[0].reference == 2 != first[1].reference
