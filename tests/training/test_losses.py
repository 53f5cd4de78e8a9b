from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from flawforge.training.losses import discriminator_loss_fake, discriminator_loss_real, generator_loss

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
