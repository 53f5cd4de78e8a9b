from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from flawforge.core.seeds import torch_stream
from flawforge.models.efficientnet import EPSILON, STAGES, WIDTHS, Backbone, lite0_weights, load_backbone

NEU = Path(os.environ.get("FLAWFORGE_DATA", Path(__file__).parents[3] / "shared" / "data")) / "neu-det"


def logits(backbone: Backbone, images: torch.Tensor) -> torch.Tensor:
    """Return (N, 1000) ImageNet logits."""
    return backbone.classifier(backbone.head(backbone.forward_stages(images)[-1]).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone()


@pytest.fixture(scope="module")
def plain() -> Backbone:
    return load_backbone(fold=False, channels_last=False)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch_stream(seed, "samples")) * 2 - 1


def near(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> bool:
    """Whether two tensors agree to a share of the largest value."""
    return one.shape == other.shape and float((one - other).abs().max()) <= tolerance * float(other.abs().max())


def plain_stages(images: Tensor) -> list[Tensor]:
    """The network written down a second time, from the published tensors by name, in float64, one operation a line."""
    weights = {name: value.double() for name, value in lite0_weights().items()}

    def conv(x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        weight = weights[f"{name}.weight"]
        kernel = weight.shape[-1]
        padding = []
        for size in (x.shape[3], x.shape[2]):
            total = max((int(np.ceil(size / stride)) - 1) * stride + kernel - size, 0)
            padding += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, padding), weight, stride=stride, groups=groups)

    def norm(x: Tensor, name: str) -> Tensor:
        mean, var, gamma, beta = (
            weights[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-3) * gamma + beta

    x = (images.double() + 1) * 127.5
    x = (x.expand(-1, 3, -1, -1) - 127) / 128
    x = norm(conv(x, "_conv_stem", 2), "_bn0").clamp(0, 6)
    maps, number = [], 0
    for blocks, _, stride, expansion, _ in STAGES:
        for index in range(blocks):
            name, before = f"_blocks.{number}", x
            if expansion > 1:
                x = norm(conv(x, f"{name}._expand_conv"), f"{name}._bn0").clamp(0, 6)
            first = stride if index == 0 else 1
            x = norm(conv(x, f"{name}._depthwise_conv", first, x.shape[1]), f"{name}._bn1").clamp(0, 6)
            x = norm(conv(x, f"{name}._project_conv"), f"{name}._bn2")
            x = x + before if x.shape == before.shape and first == 1 else x
            number += 1
        maps.append(x)
    return maps


def test_every_published_tensor_is_taken(plain: Backbone) -> None:
    published = lite0_weights()
    ours = plain.state_dict()
    assert len(published) == len(ours) == 296
    for mine, theirs in zip(ours.values(), published.values(), strict=True):
        assert torch.equal(mine, theirs)
    assert sum(weight.numel() for weight in plain.parameters()) == 4_652_008
    assert EPSILON == 1e-3


@pytest.mark.parametrize("size", [(64, 64), (33, 50)])
def test_stages_are_those_of_a_second_transcription(backbone: Backbone, size: tuple[int, int]) -> None:
    images = noise(2, 3, *size)
    for number, (ours, theirs) in enumerate(zip(backbone(images), plain_stages(images), strict=True), 1):
        assert near(ours.double(), theirs), f"stage {number}"


def test_it_knows_a_palace_and_a_daisy(backbone: Backbone) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    answers = []
    for pixels in datasets.load_sample_images().images:  # a Chinese palace and a flower, in scikit-learn's package
        photo = Image.fromarray(pixels).crop((106, 0, 533, 427)).resize((224, 224), Image.Resampling.BICUBIC)
        images = torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        answers.append(int(logits(backbone, images).argmax()))
    assert answers == [698, 985]  # ImageNet's "palace" and "daisy"


def test_folding_and_channels_last_change_rounding_alone(plain: Backbone) -> None:
    images = noise(2, 3, 96, 64)
    for fold in (False, True):
        for channels_last in (False, True):
            other = load_backbone(fold, channels_last)
            for a, b in zip(other(images), plain(images), strict=True):
                assert near(a, b), f"fold={fold}, channels_last={channels_last}"
            assert near(logits(other, images), logits(plain, images))
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in load_backbone().modules())


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_holds_through_all_stages_of_gray_images_too(backbone: Backbone, channels: int) -> None:
    # a gray image is the same in both layouts, and once led every layer back into the slow one
    assert all(m.is_contiguous(memory_format=torch.channels_last) for m in backbone(noise(2, channels, 96, 96)))


@pytest.mark.parametrize("size", [(32, 32), (37, 200), (128, 128)])
def test_maps_have_the_announced_shapes(backbone: Backbone, size: tuple[int, int]) -> None:
    maps = backbone.forward_stages(noise(1, 1, *size))
    factors = (2, 4, 8, 16, 16, 32, 32)
    assert [tuple(m.shape) for m in maps] == [
        (1, width, -(-size[0] // factor), -(-size[1] // factor)) for width, factor in zip(WIDTHS, factors, strict=True)
    ]
    assert len(backbone.forward_stages(noise(1, 1, 32, 32), last=3)) == 3


def test_gray_is_equal_red_green_and_blue(backbone: Backbone) -> None:
    gray = noise(3, 1, 48, 40)
    for a, b in zip(backbone(gray), backbone(gray.expand(-1, 3, -1, -1)), strict=True):
        assert near(a, b)


def test_pooled_joins_the_asked_stages_in_order(backbone: Backbone) -> None:
    images = noise(2, 1, 64, 64)
    maps = backbone(images)
    assert backbone.pooled(images).shape == (2, 112)
    both = backbone.pooled(images, (5, 2))
    assert torch.equal(both, torch.cat([maps[4].mean((2, 3)), maps[1].mean((2, 3))], dim=1))


def test_an_image_has_the_same_features_in_any_batch(backbone: Backbone) -> None:
    images = noise(7, 1, 64, 64)
    alone = torch.cat([backbone.pooled(image[None]) for image in images])
    assert near(backbone.pooled(images), alone)


def test_it_stays_frozen_and_still_passes_gradients_to_the_images(backbone: Backbone) -> None:
    around = torch.nn.Sequential(backbone)
    around.train()
    assert not backbone.training
    assert not any(layer.training for layer in backbone.modules())
    assert not any(weight.requires_grad for weight in backbone.parameters())
    images = noise(2, 1, 32, 48).double().requires_grad_()
    exact = load_backbone().double()
    exact.pooled(images, (1, 5, 7)).square().sum().backward()
    assert images.grad is not None
    step = noise(2, 1, 32, 48, seed=1).double() * 1e-6
    with torch.no_grad():
        up, down = (exact.pooled(images + s * step, (1, 5, 7)).square().sum() for s in (1, -1))
    assert float((images.grad * step).sum()) == pytest.approx(float(up - down) / 2, rel=1e-4)


def test_a_wrong_shape_or_stage_is_told(backbone: Backbone) -> None:
    takes = "the network takes (N, 1 or 3, H, W), H and W from 32"
    for shape in ((2, 2, 64, 64), (1, 1, 31, 64), (1, 64, 64)):
        with pytest.raises(ValueError) as caught:
            backbone(torch.zeros(shape))
        assert str(caught.value) == f"images have shape {shape}; {takes}"


@pytest.mark.slow
def test_pooled_stage_5_tells_the_classes_of_neu_apart(backbone: Backbone) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    if not NEU.is_dir():
        pytest.skip(f"no real images: {NEU} is missing (set FLAWFORGE_DATA)")
    rng = np.random.default_rng(0)
    names = sorted({path.stem.rpartition("_")[0] for path in (NEU / "images").iterdir()})
    parts: dict[str, list[Tensor]] = {"train": [], "test": []}
    for name in names:
        files = sorted((NEU / "images").glob(f"{name}_*.jpg"))
        chosen = rng.permutation(len(files))[:50]
        pixels = [
            np.asarray(Image.open(files[i]).convert("L").resize((128, 128), Image.Resampling.LANCZOS)) for i in chosen
        ]
        images = torch.from_numpy(np.stack(pixels))[:, None].float() / 127.5 - 1
        with torch.inference_mode():
            found = backbone.pooled(images)
        parts["train"].append(found[:10])
        parts["test"].append(found[10:])
    train, test = (torch.cat(parts[part]).numpy() for part in ("train", "test"))
    mean, spread = train.mean(0), train.std(0)
    probe = linear.LogisticRegression(C=1.0, max_iter=2000).fit((train - mean) / spread, np.repeat(np.arange(6), 10))
    accuracy = probe.score((test - mean) / spread, np.repeat(np.arange(6), 40))
    assert accuracy >= 0.96, accuracy
