"""What recipe `native` trains on, and what its network does to an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from flawforge.core.errors import SettingError
from flawforge.core.images import to_unit
from flawforge.core.progress import SILENT
from flawforge.core.settings.recipe import Composition, Recipe
from flawforge.core.settings.recipes import recipe
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.sampling.material import Material
from flawforge.models.build import build_generator, initialise
from flawforge.models.native import NativeGenerator, draw_noise, local_mean, sampled
from flawforge.training.composition import Chosen
from flawforge.training.native import batches as native_batches
from flawforge.training.native.batches import DEEP, NativeBatches, patch
from flawforge.training.processes.processes import ALONE
from saved import lined, saved

CPU = torch.device("cpu")
ASKED = recipe("native", resolution=16, generator_depth=4, discriminator_depth=4, latent=8, batch=8, flip="none")


@pytest.fixture
def material(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Material:
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self)))
    monkeypatch.setattr(native_batches, "POOL", 2)
    for label, shape in (("a", (20, 33)), ("b", (12, 40))):  # the latter are smaller than a patch
        saved(tmp_path / "data" / label, lined(2, *shape))
    return Material(load(tmp_path / "data"))


def batches_of(material: Material, asked: Recipe = ASKED) -> NativeBatches:
    chosen = Chosen(Composition(), {label: [0] for label in material.training.classes}, "")
    return NativeBatches(material, chosen, asked, 0, ALONE, SILENT)


@pytest.fixture
def network() -> NativeGenerator:
    made = build_generator(ASKED, 1, 2)
    assert isinstance(made, NativeGenerator)
    initialise(made, torch.Generator().manual_seed(0))
    return made.eval()


def test_a_batch_is_a_function_of_its_step_and_shows_patches_and_wholes_in_turn(material: Material) -> None:
    one, other = batches_of(material), batches_of(material)
    for step in (5, 0):
        assert torch.equal(one.at(step, CPU), other.at(step, CPU))
        for a, b in zip(one.inputs_at(step, 8, CPU), other.inputs_at(step, 8, CPU), strict=True):
            assert torch.equal(a, b)
    labels = one.labels_at(0, CPU)
    assert torch.equal(labels[::2], labels[1::2] + 2)
    real = [material[row].pixels * 2 - 1 for row in range(len(material))]
    for image, label in zip(one.at(0, CPU)[::2, 0].numpy(), labels[1::2].tolist(), strict=True):
        cut = image[:12]
        windows = [
            np.lib.stride_tricks.sliding_window_view(shot, cut.shape).reshape(-1, *cut.shape)
            for shot, own in zip(real, material.training.labels.tolist(), strict=True)
            if own == label
        ]
        assert any((np.abs(each - cut) < 1e-6).all((1, 2)).any() for each in windows)


def test_a_patch_says_where_it_lies(material: Material) -> None:
    batches = batches_of(material)
    inputs = batches.inputs_at(0, 8, CPU)
    for patched, place in zip(inputs.patches.numpy(), inputs.places.int().tolist(), strict=True):
        top, left, height, width = place
        fitting = [
            one
            for made in batches.pool
            for one in made
            if one.shape[1:] == (height, width)
            and np.array_equal(to_unit(one, DEEP)[:, top : top + 16, left : left + 16], patched[:, : height - top])
        ]
        assert fitting


def test_an_image_smaller_than_a_patch_goes_on_as_its_mirror_image() -> None:
    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    cut, place = patch(image, (5, 4), (0.9, 0.9))
    assert cut[0, :, 0].tolist() == [0, 4, 8, 8, 4]
    assert place == (0, 0, 3, 4)


def test_what_is_added_to_a_patch_is_what_is_added_to_the_whole_image_there() -> None:
    maps = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    whole = torch.nn.functional.interpolate(maps, (30, 44), mode="bilinear", align_corners=False)
    places = torch.tensor([[3.0, 20.0, 30.0, 44.0], [14.0, 0.0, 30.0, 44.0]])
    cut = sampled(maps, places, torch.Size((16, 16)))
    assert torch.allclose(cut[0], whole[0, :, 3:19, 20:36], atol=1e-5)
    assert torch.allclose(cut[1], whole[1, :, 14:30, :16], atol=1e-5)


def test_untrained_it_hardly_changes_an_image_of_any_size(network: NativeGenerator) -> None:
    image = torch.rand(1, 1, 31, 45, generator=torch.Generator().manual_seed(0)) * 2 - 1
    whole = torch.nn.functional.interpolate(image, (16, 16), mode="bilinear", antialias=True)
    noise = draw_noise(1, (31, 45), torch.Generator().manual_seed(1))
    with torch.inference_mode():
        refined = network.refine(image, whole, torch.tensor([1]), torch.zeros(1, 8), noise)
    assert refined.shape == image.shape
    assert float((refined - image).abs().mean()) < 0.05


def test_a_batch_without_a_patch_for_each_whole_image_is_refused(material: Material) -> None:
    with pytest.raises(SettingError, match="a batch of 7 images .* give a multiple of 2"):
        batches_of(material, recipe("native", **{**ASKED.dump(), "batch": 7, "name": None}))


@torch.no_grad()
def test_what_is_added_does_not_know_even_columns_from_odd_ones(network: NativeGenerator) -> None:
    """Else it would weave a grid of two pixels into each image, which gives it away; nor a border from what is inside,
    nor does it change the light.
    """
    flat, said = torch.zeros(1, 1, 60, 60), network.embedding(torch.tensor([0]))
    assert float(network.fine(flat, said, torch.zeros(1, 1, 60, 60)).abs().max()) < 1e-6
    noise = torch.randn(1, 1, 60, 60, generator=torch.Generator().manual_seed(0))
    one, moved = (network.fine(flat, said, each)[0, 0] for each in (noise, noise.roll(1, 3)))
    assert torch.allclose(one[20:-20, 20:-20], moved[20:-20, 21:-19], atol=1e-6)
    assert float(local_mean(network.fine(flat, said, noise)).abs().max()) < 0.2 * float(one.abs().max())


@pytest.mark.parametrize("shape", [(2, 1, 5, 33), (1, 3, 200, 300)])
def test_the_local_mean_is_that_of_17_pixels_with_the_border_continued(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    told = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (8, 8, 8, 8), mode="replicate"), 17, 1)
    assert torch.allclose(local_mean(x), told, atol=2e-6)
