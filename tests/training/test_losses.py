from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from flawforge.training.losses import (
    LOSSES,
    discriminator_loss_fake,
    discriminator_loss_real,
    diversity_gap,
    generator_loss,
)

LOGITS = torch.linspace(-8, 8, 33)


def test_they_are_binary_cross_entropy_on_the_sigmoid() -> None:
    ones, zeros = torch.ones(33), torch.zeros(33)
    torch.testing.assert_close(discriminator_loss_real(LOGITS), F.binary_cross_entropy(LOGITS.sigmoid(), ones))
    torch.testing.assert_close(discriminator_loss_fake(LOGITS), F.binary_cross_entropy(LOGITS.sigmoid(), zeros))
    torch.testing.assert_close(generator_loss(LOGITS), F.binary_cross_entropy(LOGITS.sigmoid(), ones))


@pytest.mark.parametrize("logit", [-1000.0, 1000.0])
def test_a_sigmoid_that_rounds_to_0_or_1_gives_a_finite_loss_and_gradient(logit: float) -> None:
    for loss in (discriminator_loss_real, discriminator_loss_fake, generator_loss):
        value = torch.tensor([logit], requires_grad=True)
        out = loss(value)
        out.backward()
        assert torch.isfinite(out)
        assert torch.isfinite(value.grad).all()  # type: ignore[arg-type]


def test_they_are_worked_out_in_float32() -> None:
    assert generator_loss(LOGITS.bfloat16()).dtype == torch.float32


def test_hinge_stops_where_the_discriminator_is_right_by_a_margin() -> None:
    hinge = LOSSES["hinge"]
    assert float(hinge.real(torch.tensor([1.0, 5.0]))) == 0
    assert float(hinge.real(torch.tensor([0.0, -1.0]))) == 1.5
    assert float(hinge.fake(torch.tensor([-1.0, -5.0]))) == 0
    assert float(hinge.fake(torch.tensor([0.0, 1.0]))) == 1.5
    assert float(hinge.generator(torch.tensor([2.0, -1.0]))) == -0.5


def test_the_diversity_gap_is_nought_for_as_much_and_one_for_none() -> None:
    noise = torch.Generator().manual_seed(0)
    real = torch.randn(8, 1, 32, 32, generator=noise)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    assert float(diversity_gap(real.flip(0), real, labels)) == pytest.approx(0, abs=1e-5)
    assert float(diversity_gap(real * 3, real, labels)) == 0
    assert float(diversity_gap(real * 0, real, labels)) == pytest.approx(1, abs=1e-3)
    assert float(diversity_gap(real / 2, real, labels)) == pytest.approx(0.5, abs=0.02)


def test_classes_that_differ_do_not_hide_images_of_a_class_that_are_alike() -> None:
    noise = torch.Generator().manual_seed(0)
    real = torch.randn(8, 1, 32, 32, generator=noise)
    labels = torch.tensor([0, 1] * 4)
    alike = real[:2].repeat(4, 1, 1, 1)  # one image a class
    assert float(diversity_gap(alike, real, labels)) > 0.99
    assert float(diversity_gap(alike, real, torch.zeros(8))) < 0.6


def test_a_batch_without_two_of_a_class_has_no_gap() -> None:
    assert float(diversity_gap(torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8), torch.tensor([0, 1]))) == 0
