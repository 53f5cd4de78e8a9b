"""Good or defective from good images alone, and joined with a classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from flawforge.models.classifier import build_classifier
from flawforge.models.one_class import FALSE_ALARMS, STEEP, Joined, OneClass


def texture(count: int, seed: int, scratched: bool = False) -> Tensor:
    """Noise of one grain; with a scratch across the middle where asked."""
    draws = torch.Generator().manual_seed(seed)
    images = 120 + 25 * torch.randn(count, 1, 64, 64, generator=draws)
    if scratched:
        images[:, :, 30:33, 16:48] += 90
    return images.clamp(0, 255).byte()


def unit(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


@pytest.fixture(scope="module")
def network() -> OneClass:
    one = OneClass().eval()
    one.remember(texture(20, 0), 0)
    return one


@torch.inference_mode()
def test_it_tells_defects_that_it_has_never_seen(network: OneClass) -> None:
    good, bad = network(unit(texture(40, 1))), network(unit(texture(40, 2, scratched=True)))
    assert float((good.argmax(1) == 0).float().mean()) > 0.7
    assert float((bad.argmax(1) == 1).float().mean()) > 0.9
    assert float((bad[:, 1] - bad[:, 0]).min()) > float((good[:, 1] - good[:, 0]).median())


@torch.inference_mode()
def test_the_score_is_the_largest_distance_by_scikit_learn_too(network: OneClass) -> None:
    images = unit(texture(6, 1))
    patches = network.bank.patches(network.maps(images))
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(network.bank.rows.double().numpy())
    wanted = neighbours.kneighbors(patches.flatten(0, 1).double().numpy())[0].reshape(6, -1).max(1)
    np.testing.assert_allclose(network.distances(images).numpy(), wanted, rtol=1e-6)


@torch.inference_mode()
def test_the_logits_rise_with_the_distance_alone_and_good_images_fix_where_they_are_0(network: OneClass) -> None:
    images = unit(torch.cat([texture(20, 0), texture(10, 2, scratched=True)]))
    own = torch.cat([torch.arange(20), torch.full((10,), -1)])
    distances = network.distances(images, own)
    good = distances[:20]
    assert float((good > network.limit).float().mean()) == pytest.approx(FALSE_ALARMS, abs=0.03)
    logits = network(images[20:])
    expected = STEEP * (distances[20:] - network.limit) / good.std(correction=0)
    torch.testing.assert_close(logits[:, 1] - logits[:, 0], expected, atol=1e-3, rtol=1e-3)


@torch.inference_mode()
def test_one_good_image_is_enough_to_give_numbers() -> None:
    one = OneClass().eval()
    one.remember(texture(1, 0), 0)
    assert bool(one(unit(texture(3, 1))).isfinite().all())


class Bright(nn.Module):
    """A classifier by the mean alone."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: Tensor) -> Tensor:
        level = images.mean((1, 2, 3)) * self.factor
        return torch.stack([-level, level], 1)


@torch.inference_mode()
def test_joined_scores_count_alike_whatever_their_units(network: OneClass) -> None:
    good, asked = texture(20, 0), unit(texture(5, 1))
    found = []
    for factor in (1.0, 1000.0):
        joined = Joined(Bright(factor), network)
        joined.balance(good)
        found.append(joined(asked))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-4)
    level = asked.mean((1, 2, 3))
    alone = level / unit(good).mean((1, 2, 3)).std(correction=0)
    expected = STEEP * (alone + network.anomaly(asked)) / 2
    torch.testing.assert_close(found[0][:, 1] - found[0][:, 0], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_both_are_the_same_in_onnx(network: OneClass, tmp_path: Path) -> None:
    joined = Joined(build_classifier("effnet-probe", 2, 1, (64, 64), 0), network).eval()
    torch.nn.init.normal_(joined.classifier.classifier.weight, generator=torch.Generator().manual_seed(0))  # type: ignore[union-attr, arg-type]
    joined.balance(texture(20, 0))
    images = unit(torch.cat([texture(3, 1), texture(2, 2, scratched=True)]))
    for number, one in enumerate((network, joined)):
        file = tmp_path / f"{number}.onnx"
        free = {"images": {0: "n"}, "logits": {0: "n"}}
        names = {"input_names": ["images"], "output_names": ["logits"]}
        torch.onnx.export(one, (images[:2],), file, dynamic_axes=free, dynamo=False, **names)  # type: ignore[arg-type]
        assert file.stat().st_size < 30e6
        found = onnxruntime.InferenceSession(file).run(None, {"images": images.numpy()})[0]
        with torch.inference_mode():
            torch.testing.assert_close(torch.from_numpy(found), one(images), atol=1e-4, rtol=1e-4)
