"""The score of images from other tools: files decide nothing, and FID and KID are the usual ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import flawforge
from flawforge.models.extractors import find_extractor
from foreign_sets import WAYS, as_jpeg, folder, surface

pytestmark = pytest.mark.usefixtures("own_cache", "own_groups")


@pytest.mark.parametrize(
    "way", ["flat JPEG", *(pytest.param(way, marks=pytest.mark.nightly) for way in list(WAYS)[1:])]
)
def test_other_real_images_stored_in_another_way_come_out_as_real(tmp_path: Path, way: str) -> None:
    real, made = folder(tmp_path / "real", range(40)), folder(tmp_path / "made", range(1000, 1040), WAYS[way])
    record = flawforge.score(real, synthetic=made)
    assert "were not distinguishable from the real ones" in record.sentence
    assert record.sentence.startswith("At a larger size than 32x32 pixels") is (way == "upscaled")
    assert ("by that alone: their finer structure is weak or missing" in record.sentence) is (way == "upscaled")
    assert record.against == "unknown"
    assert (record.beyond, record.beyond_sentence) == ([], "")  # nothing is held out
    assert record.levelling is not None
    assert record.best == []  # nothing is kept


def test_fid_and_kid_are_those_of_torchmetrics_on_the_same_features() -> None:
    fid, kid = pytest.importorskip("torchmetrics.image.fid"), pytest.importorskip("torchmetrics.image.kid")
    real = np.stack([surface(seed, 32) for seed in range(40)])
    made = np.stack([surface(seed, 32) for seed in range(100, 140)])
    record = flawforge.score(real, synthetic=made)

    class Features(torch.nn.Module):
        num_features = 112

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(find_extractor("effnet-lite0")(images))

    frechet = fid.FrechetInceptionDistance(Features(), normalize=False, input_img_size=(1, 32, 32)).set_dtype(
        torch.float64
    )
    kernel = kid.KernelInceptionDistance(Features(), subsets=1, subset_size=40)
    for metric in (frechet, kernel):
        for images, is_real in ((real, True), (made, False)):
            metric.update(torch.from_numpy(images)[:, None].float() / 127.5 - 1, real=is_real)
    assert record.usual is not None
    assert record.usual.fid == pytest.approx(float(frechet.compute()), rel=1e-3)
    assert record.usual.kid == pytest.approx(float(kernel.compute()[0]), rel=1e-3, abs=1e-3)
    assert (record.usual.n, record.usual.n_reference) == (40, 40)


def test_a_true_fault_is_still_found(tmp_path: Path) -> None:
    real = folder(tmp_path / "real", range(40))
    made = folder(tmp_path / "made", range(1000, 1040), lambda path, pixels: as_jpeg(path, np.maximum(pixels, 60) - 60))
    record = flawforge.score(real, synthetic=made, extractor="pixels")
    assert record.sentence.startswith("The generated images are distinguishable from the real ones")


def test_honest_images_that_are_there_twice_are_not_told_apart_by_that(tmp_path: Path) -> None:
    """A classifier knew the one by the other."""
    real, made = folder(tmp_path / "real", range(24)), folder(tmp_path / "made", range(100, 124))
    once = flawforge.score(real, synthetic=made, extractor="pixels")
    for path in sorted(made.glob("*.png")):
        path.with_stem(f"{path.stem} again").write_bytes(path.read_bytes())
    twice = flawforge.score(real, synthetic=made, extractor="pixels")
    auc = [
        next(one for one in found.full_size.quantities if one.name == "classifier_auc").generated.value
        for found in (once, twice)
        if found.full_size is not None
    ]
    assert auc[1] == pytest.approx(auc[0], abs=0.1)
