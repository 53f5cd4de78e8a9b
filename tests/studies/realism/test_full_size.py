"""The score at full size: seams and repeats are found where they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as nd

from contrast import Contrast
from flawforge.core.progress import SILENT
from flawforge.data.levelling import through_jpeg
from flawforge.runs.judged.scores import FullSize
from flawforge.studies.realism import full_size
from flawforge.studies.realism.full_size import FullSizeImages, measure_full_size
from flawforge.studies.realism.native_patches import PatchKid

SIDE = 64


def steel(seed: int, blur: float = 0.0) -> np.ndarray:
    """Grooves, grain, and a bright rim at the left, as all images have it."""
    rng = np.random.default_rng(seed)
    grain = nd.gaussian_filter(rng.standard_normal((SIDE, SIDE)), 0.6) * 20
    grooves = nd.gaussian_filter1d(rng.standard_normal(SIDE), 1.0)[None] * 12
    image = 110 + grain + grooves + rng.uniform(-15, 15)
    image[:, :9] += 50
    return np.clip(nd.gaussian_filter(image, blur), 0, 255).astype(np.uint8)


def tiled(seed: int) -> np.ndarray:
    """One patch, four times."""
    return np.tile(steel(seed)[:32, 20:52], (2, 2))


def joined(seed: int) -> np.ndarray:
    """Two images, one below the other."""
    return np.vstack([steel(seed)[:40], steel(seed + 500)[40:]])


def measured(images: list[np.ndarray], grounds: int = 1_000) -> FullSize:
    real = FullSizeImages(lambda index: steel(index), np.arange(24), 255)
    generated = FullSizeImages(lambda index: images[index], np.arange(len(images)) % grounds, 255)
    found = measure_full_size(real, generated, Contrast(), 0, SILENT)
    assert found is not None
    return found


def test_images_of_one_patch_are_called_repeating() -> None:
    found = measured([tiled(100 + seed) for seed in range(16)])
    assert (found.repeats_found, found.repeating) == (True, 16)
    assert "16 of 16 generated images repeat a part of themselves" in found.sentence


def test_a_seam_is_called_so_and_the_rim_that_all_share_is_not() -> None:
    found = measured([joined(100 + seed) for seed in range(16)])
    assert found.seam == "40 pixels from the top"
    assert found.sentence.endswith(
        "A seam: generated images have a straight break 40 pixels from the top, which real ones do not have."
    )
    assert not found.repeats_found


def test_the_blocks_of_a_jpeg_encoding_are_no_seam() -> None:
    """Composed images of JPEG files once were called seamed at a multiple of 8."""
    found = measured([through_jpeg(steel(100 + seed), 60) for seed in range(16)])
    assert found.seam == ""


@pytest.mark.parametrize("first", [100, 200, 300])
def test_other_real_images_have_neither(first: int) -> None:
    found = measured([steel(first + seed) for seed in range(16)])
    assert (found.seam, found.repeats_found) == ("", False)
    assert "No repeated part and no seam was found" in found.sentence
    assert "were not distinguishable from real ones." in found.sentence


def test_blur_is_told_by_patches_and_by_the_spectrum() -> None:
    found = measured([steel(100 + seed, blur=0.7) for seed in range(16)])
    assert {one.name: one.outside for one in found.quantities} == {
        "patch_kid": True,
        "patch_spectrum": True,
        "patch_histogram": False,
        "classifier_auc": True,
    }
    assert "are distinguishable from real ones: their texture is too smooth." in found.sentence


def test_a_classifier_that_tells_them_apart_is_named_where_the_distance_sees_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(full_size, "patch_kid", lambda *_: PatchKid(1.0, 0.0, -2.0, 2.0))
    found = measured([steel(100 + seed, blur=0.36) for seed in range(16)])
    auc = {one.name: one for one in found.quantities}["classifier_auc"].generated.value
    assert f"from real ones by the distance of their patches, but a classifier tells them apart (AUC {auc:.3f})." in (
        found.sentence
    )


def test_too_few_and_too_small_images_are_not_measured() -> None:
    real, few = (FullSizeImages(lambda index: steel(index), np.arange(count), 255) for count in (24, 11))
    assert measure_full_size(real, few, Contrast(), 0, SILENT) is None
    assert measure_full_size(few, real, Contrast(), 0, SILENT) is None
    small = FullSizeImages(lambda index: steel(index)[:31], np.arange(24), 255)
    assert measure_full_size(real, small, Contrast(), 0, SILENT) is None


def test_few_grounds_that_come_again_are_no_seam_and_are_not_learnt_by_the_classifier() -> None:
    """Placed images on five grounds were said to have a seam where their grounds had a line, and an AUC of 0.9."""
    lined = [joined(100 + seed) for seed in range(3)] + [steel(200 + seed) for seed in range(3)]
    found = measured([lined[number % 6] for number in range(60)], grounds=6)
    assert found.seam == ""
    (auc,) = [one for one in found.quantities if one.name == "classifier_auc"]
    assert not auc.outside
    four = measured([steel(200 + number % 4) for number in range(40)], grounds=4)
    assert "classifier_auc" not in [one.name for one in four.quantities]
