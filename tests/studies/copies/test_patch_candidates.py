"""Which parts of training images may lie in an image, by keypoints: on drawn textures."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as nd
import torch

from flawforge.core.arrays import Floats32, Ints
from flawforge.data.grouping.keypoints import find_keypoints, flatten
from flawforge.metrics.copying.normalised_texture import INVERSE, apply_symmetry
from flawforge.studies.copies.patch_candidates import KEPT, PatchCandidates

NONE = np.zeros(0, np.int64)


def texture(seed: int, height: int = 96, width: int = 96) -> Floats32:
    rough = nd.gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), 1.2)
    return np.asarray(128 + 25 * rough / rough.std(), dtype=np.float32)


@pytest.fixture(scope="module")
def candidates() -> PatchCandidates:
    return PatchCandidates([find_keypoints(flatten(texture(seed))) for seed in range(20)])


def likeliest(candidates: PatchCandidates, image: Floats32, excluded: Ints = NONE) -> list[tuple[int, int]]:
    height, width = image.shape
    return candidates.likeliest(find_keypoints(flatten(image)), (height, width), excluded)


@pytest.mark.parametrize("symmetry", range(8))
def test_the_source_of_a_patch_and_how_it_was_turned_come_first(candidates: PatchCandidates, symmetry: int) -> None:
    image = texture(50, 80, 112)
    patch = texture(4)[10:58, 30:78]
    image[20:68, 5:53] = 0.8 * apply_symmetry(torch.from_numpy(patch), symmetry).numpy() + 20
    assert likeliest(candidates, image)[0] == (INVERSE.get(symmetry, symmetry), 4)
    without = likeliest(candidates, image, np.array([4]))
    assert len(without) == KEPT
    assert 4 not in {row for _, row in without}


def test_what_matches_nothing_is_compared_as_often(candidates: PatchCandidates) -> None:
    flat = np.full((96, 96), 90, np.float32)
    assert len(set(likeliest(candidates, flat))) == KEPT
    assert likeliest(candidates, flat, np.arange(19)) == [(symmetry, 19) for symmetry in range(8)]
    assert likeliest(candidates, flat, np.arange(20)) == []
