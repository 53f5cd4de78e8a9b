"""Patch agreement: the laws of it, on drawn textures."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as nd
import torch

from flawforge.core.arrays import Floats32
from flawforge.metrics.copying.normalised_texture import apply_symmetry
from flawforge.metrics.copying.patch_agreement import WhiteSpectra, fine_texture

SIDE = 64


def texture(seed: int, height: int = SIDE, width: int = SIDE) -> Floats32:
    rng = np.random.default_rng(seed)
    rough = sum(nd.gaussian_filter(rng.standard_normal((height, width)), s) * s for s in (0.6, 1, 3))
    return np.asarray(np.clip(np.rint(128 + 25 * rough / rough.std()), 0, 255), dtype=np.float32)


@pytest.fixture(scope="module")
def spectra() -> WhiteSpectra:
    return WhiteSpectra.of([fine_texture(texture(seed)) for seed in range(10)], (80, 80))


@pytest.mark.parametrize("symmetry", range(8))
def test_a_patch_is_found_where_it_lies_in_both(spectra: WhiteSpectra, symmetry: int) -> None:
    image = texture(50, SIDE, 80)
    patch = texture(4)[10:42, 25:57]
    image[20:52, 5:37] = 0.8 * apply_symmetry(torch.from_numpy(patch), symmetry).numpy() + 20
    found = spectra.match(fine_texture(image))
    assert found.score > 0.6
    assert (found.reference, found.symmetry) == (4, {5: 6, 6: 5}.get(symmetry, symmetry))
    for (left, top, width, height), (x, y) in ((found.box, (5, 20)), (found.source, (25, 10))):
        assert x - 3 <= left <= left + width <= x + 35
        assert y - 3 <= top <= top + height <= y + 35


def test_other_images_of_the_material_score_low_and_only_given_pairs_count(spectra: WhiteSpectra) -> None:
    assert max(spectra.match(fine_texture(texture(seed))).score for seed in range(20, 26)) < 0.4
    own = spectra.match(fine_texture(texture(7)))
    assert own.reference == 7
    assert own.score > 1
    other = spectra.match(fine_texture(texture(7)), [(symmetry, row) for symmetry in range(8) for row in range(7)])
    assert other.reference != 7
    assert other.score < 0.4
    nothing = spectra.match(fine_texture(texture(7)), [])
    assert (nothing.score, nothing.reference) == (-1, -1)


def test_what_all_images_share_is_no_agreement() -> None:
    """Busbars: strong lines at the same position of each image."""

    def cell(seed: int) -> Floats32:
        image = texture(seed)
        image[::8] -= 60
        image[:, 20:24] += 80
        return np.clip(image, 0, 255)

    spectra = WhiteSpectra.of([fine_texture(cell(seed)) for seed in range(10)])
    honest = [spectra.match(fine_texture(cell(seed))).score for seed in range(30, 36)]
    copied = cell(40)
    copied[30:62, 30:62] = cell(3)[6:38, 22:54]
    found = spectra.match(fine_texture(copied))
    assert found.reference == 3
    assert found.score > 1.5 * max(honest)


def test_a_flat_image_agrees_with_nothing(spectra: WhiteSpectra) -> None:
    assert abs(spectra.match(fine_texture(np.full((SIDE, SIDE), 90, np.float32))).score) < 0.1
