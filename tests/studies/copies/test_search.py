"""The calibrated search on drawn textures: what is planted is found, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as nd
import torch

from flawforge.metrics.copying.normalised_texture import apply_symmetry
from flawforge.studies.copies.planted import ALTERATIONS, HEAVY, altered_copy
from flawforge.studies.copies.search import (
    ALARM,
    DEFECT_ALARM,
    PATCH_ALARM,
    WHOLE_ALARM,
    CandidateSearch,
    CopySearch,
    copied,
    detectable,
    spread,
)


def blobs(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(0, 255, (8, 8))
    return np.kron(coarse, np.ones((8, 8))).astype(np.float32)


def test_descriptions_of_training_images_are_joined_once() -> None:
    grays = torch.from_numpy(np.stack([blobs(seed) for seed in range(6)]))
    parts, whole = CandidateSearch(torch.device("cpu")), CandidateSearch(torch.device("cpu"))
    for part in grays.split(2):
        parts.add(part)
    whole.add(grays)
    found = parts.views(grays)
    joined = parts._rows[0].data_ptr()
    assert (parts.views(grays) == found).all()
    assert (whole.views(grays) == found).all()
    assert found[:, 0].tolist() == list(range(0, 48, 8))
    assert [rows.data_ptr() for rows in parts._rows] == [joined]


@pytest.mark.parametrize("symmetry", range(8))
def test_the_view_says_how_to_lay_an_image_onto_its_source(symmetry: int) -> None:
    grays = torch.from_numpy(np.stack([blobs(seed) for seed in range(4)]))
    search = CandidateSearch(torch.device("cpu"))
    search.add(grays)
    found = int(search.views(apply_symmetry(grays[2:3], symmetry).contiguous())[0, 0])
    assert found // 8 == 2
    assert (apply_symmetry(apply_symmetry(grays[2], symmetry), found % 8) == grays[2]).all()


SIDE = 64


def texture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sizes = rng.uniform(0.8, 4, 3)
    rough = sum(nd.gaussian_filter(rng.standard_normal((SIDE, SIDE)), s) * s for s in sizes)
    return np.clip(np.rint(128 + 25 * rough / rough.std()), 0, 255).astype(np.float32)


@pytest.mark.parametrize(("known", "new", "copies"), [(24, 10, 8), pytest.param(40, 60, 16, marks=pytest.mark.nightly)])
def test_planted_copies_are_found_and_honest_images_are_not(known: int, new: int, copies: int) -> None:
    """The short form of benchmarks/audit_calibration.py: some to train on, some honest, each alteration."""
    search = CopySearch(texture, np.arange(known))
    scale, draws = search.scale(), np.random.default_rng(0)
    assert scale is not None
    kinds = [kind for kind in ALTERATIONS if kind not in HEAVY]
    planted = [altered_copy(texture(i), kinds[i % 8], texture(900), draws) for i in range(copies)]
    honest = [texture(seed).astype(np.uint8) for seed in range(100, 100 + new)]
    scores = search.look(torch.from_numpy(np.stack(honest + planted)).float())
    _, called = copied(scale, scores.scores)
    assert called.tolist() == list(range(new, new + copies))
    assert scores.indices[new:].tolist() == list(range(copies))
    assert (scores.scores[:new] >= scale.threshold(0.01)).sum() <= 3  # P(more of 60 | rate 0.01) = 0.003


def test_images_of_the_same_group_do_not_count() -> None:
    """Two crops of one picture are one group: the scale must not see them, or every copy would look honest."""
    groups = np.arange(12) // 2
    twins = CopySearch(lambda index: texture(index // 2), groups)
    scale = twins.scale()
    assert scale is not None
    assert scale.groups == 6
    assert scale.scores.max() < 0.4
    assert CopySearch(texture, np.zeros(5, np.int64)).scale() is None


def test_an_overlap_that_the_groups_missed_does_not_spoil_the_scale() -> None:
    missed = CopySearch(lambda index: texture(0 if index == 19 else index), np.arange(20))
    scale = missed.scale()
    assert scale is not None
    assert (missed.set_aside, scale.groups) == (2, 18)
    assert scale.scores.max() < 0.4


def test_many_training_images_are_retrieved_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flawforge.studies.copies.search.KEPT", 6)
    many = CopySearch(texture, np.arange(14))
    planted = [texture(3)[:, ::-1].copy(), np.rot90(texture(7)).copy(), texture(12) * 0.8]
    found = many.look(torch.from_numpy(np.stack(planted)))
    assert found.indices.tolist() == [3, 7, 12]
    excluded = many.look(torch.from_numpy(texture(3)[None]), np.array([3]))
    assert excluded.indices[0] != 3


def test_the_share_that_would_have_been_noticed() -> None:
    assert detectable(299, 32, 32) == pytest.approx((1 - 0.05 ** (1 / 299)) / 0.05 ** (1 / 32))
    assert detectable(10, 32, 0) is None
    assert detectable(1, 32, 20) is None


def test_the_scale_takes_one_of_each_group_first() -> None:
    groups = np.array([0, 0, 0, 0, 1, 2, 3])
    assert sorted(groups[spread(groups, 4)].tolist()) == [0, 1, 2, 3]
    assert len(spread(groups, 99)) == 7


def test_the_three_searches_share_the_false_alarms_that_an_audit_promises() -> None:
    assert pytest.approx(ALARM) == WHOLE_ALARM + PATCH_ALARM + DEFECT_ALARM
