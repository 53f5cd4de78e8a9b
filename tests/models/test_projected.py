from __future__ import annotations

import copy

import pytest
import torch

from flawforge.core.seeds import torch_stream
from flawforge.core.settings.recipes import recipe
from flawforge.models.build import build_discriminator, initialise
from flawforge.models.projected import ProjectedDiscriminator, enlarged, variation


@pytest.fixture
def judge() -> ProjectedDiscriminator:
    built = build_discriminator(recipe("fewshot", discriminator_depth=8), 1, 3)
    initialise(built, torch_stream(0, "weights"))
    assert isinstance(built, ProjectedDiscriminator)
    return built


def test_the_frozen_network_is_neither_trained_nor_kept(judge: ProjectedDiscriminator) -> None:
    judge(torch.zeros(2, 1, 64, 64), torch.tensor([0, 1]))
    assert not any("stages" in key for key in judge.state_dict())
    assert sum(weight.numel() for weight in judge.parameters()) < 100_000


def test_gradients_reach_the_images_through_the_frozen_network(judge: ProjectedDiscriminator) -> None:
    images = torch.randn(2, 1, 64, 64).requires_grad_()
    judge(images, torch.tensor([0, 1])).sum().backward()
    assert float(images.grad.abs().sum()) > 0  # type: ignore[union-attr]


def test_the_class_changes_the_verdict(judge: ProjectedDiscriminator) -> None:
    judge.eval()
    images = torch.randn(2, 1, 64, 64)
    one, other = judge(images, torch.tensor([0, 0])), judge(images, torch.tensor([1, 2]))
    assert not torch.allclose(one, other)
    assert torch.allclose(judge(images), one)


def test_the_mixing_is_fixed_and_drawn_from_the_seed(judge: ProjectedDiscriminator) -> None:
    assert all("mixing" not in name for name, _ in judge.named_parameters())
    assert sum("mixing" in key for key in judge.state_dict()) == len(judge.heads)
    head = judge.heads["5"]
    assert float(head.mixing.std()) == pytest.approx((2 / 112) ** 0.5, rel=0.2)  # type: ignore[operator, union-attr]


def test_variation_is_nought_for_a_batch_of_one_kind() -> None:
    alike, varied = torch.ones(4, 2, 3, 3), torch.randn(4, 2, 3, 3)
    assert float(variation(alike).max()) < 1e-3 < float(variation(varied).min())
    assert variation(varied).shape == (4, 1, 3, 3)


@pytest.mark.parametrize(("side", "seen"), [((32, 48), (64, 96)), ((64, 200), (64, 200)), ((16, 16), (64, 64))])
def test_small_images_are_enlarged_by_a_whole_factor(side: tuple[int, int], seen: tuple[int, int]) -> None:
    assert enlarged(torch.zeros(1, 1, *side)).shape[2:] == seen


def test_two_batches_in_one_pass_are_judged_as_in_two_calls(judge: ProjectedDiscriminator) -> None:
    joint, apart, mixed = judge, copy.deepcopy(judge), copy.deepcopy(judge)
    images = torch.rand(6, 1, 64, 64, generator=torch_stream(0, "samples")) * 2 - 1
    images[3:] *= 0.1
    labels = torch.tensor([0, 1, 2, 0, 0, 1])
    logits = joint(images, labels, batches=2)
    expected = torch.cat([apart(images[:3], labels[:3]), apart(images[3:], labels[3:])])
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(logits, mixed(images, labels), rtol=1e-3, atol=1e-4)
    for (name, a), b in zip(joint.state_dict().items(), apart.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
