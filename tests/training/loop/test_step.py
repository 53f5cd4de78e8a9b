from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from flawforge.core.seeds import torch_stream
from flawforge.core.settings.recipes import recipe
from flawforge.models.native import NativeInputs
from flawforge.training.loop.step import gan_step
from flawforge.training.state.state import TrainingState
from plain_dcgan import PlainLoop, copy_weights, plain_discriminator, plain_generator

DEPTHS = {"generator_depth": 4, "discriminator_depth": 4, "channels": 1}


def both() -> tuple[TrainingState, PlainLoop]:
    state = TrainingState(recipe("dcgan-sn", **DEPTHS), 1, 0, torch.device("cpu"), "float32")
    plain = PlainLoop(plain_generator(4, 1), plain_discriminator(4, 1))
    copy_weights(state.generator, state.discriminator, plain)  # type: ignore[arg-type]
    return state, plain


def both_in_float64() -> tuple[TrainingState, PlainLoop]:
    """In float32 Adam's first step, the gradient's sign, falls either way where rounding decides it."""
    state, plain = both()
    for network in (state.generator, state.discriminator, plain.generator, plain.discriminator):
        network.double()
    for adam in (state.adam_g, state.adam_d):
        for memory in adam.state.values():
            memory |= {key: value.double() for key, value in memory.items() if key != "step"}
    return state, plain


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    noise = torch_stream(0, "samples", step)
    return torch.rand(6, 1, 128, 128, generator=noise) * 2 - 1, torch.randn(6, 100, generator=noise)


def test_one_step_has_the_weights_and_gradients_of_the_plain_loop() -> None:
    state, plain = both_in_float64()
    real, latents = (tensor.double() for tensor in batch(0))
    outcome = gan_step(state, real, latents)
    loss_d, loss_g = plain.step(real, latents)
    assert outcome.scores.shape == (2, 6)
    assert outcome.scores.mean(1).tolist() == pytest.approx([float(outcome.d_real), float(outcome.d_fake)], rel=1e-5)
    assert float(outcome.loss_d) == pytest.approx(loss_d, rel=1e-6)  # losses are float32
    assert float(outcome.loss_g) == pytest.approx(loss_g, rel=1e-5)
    for ours, theirs in ((state.generator, plain.generator), (state.discriminator, plain.discriminator)):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert float(((a - b).abs() > 1e-6).double().mean()) < 1e-3
    for a, b in zip(state.generator.parameters(), plain.generator.parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-4 * float(b.grad.abs().max()))


def test_the_loss_curves_stay_together() -> None:
    state, plain = both_in_float64()
    for step in range(8):
        real, latents = (tensor.double() for tensor in batch(step))
        outcome = gan_step(state, real, latents)
        loss_d, loss_g = plain.step(real, latents)
        assert float(outcome.loss_d) == pytest.approx(loss_d, rel=1e-3), step
        assert float(outcome.loss_g) == pytest.approx(loss_g, rel=1e-3), step


def test_the_order_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    state, _ = both()
    order: list[str] = []
    forward_d, forward_g = state.discriminator.forward, state.generator.forward

    def judge(images: torch.Tensor, labels: torch.Tensor, batches: int = 1) -> torch.Tensor:
        order.append(f"D on {batches}")
        return forward_d(images, labels, batches)

    monkeypatch.setattr(state.discriminator, "forward", judge)
    monkeypatch.setattr(state.generator, "forward", lambda z, y: (order.append("G"), forward_g(z))[1])
    for name, adam in (("step D", state.adam_d), ("step G", state.adam_g)):
        adam.register_step_post_hook(lambda *_, name=name: order.append(name))
    gan_step(state, *batch(0))
    assert order == ["G", "D on 2", "step D", "D on 1", "step G"]


def test_the_spread_is_near_nought_when_all_images_are_alike() -> None:
    state, _ = both()
    real, latents = batch(0)
    varied = gan_step(state, real, latents)
    alike = gan_step(state, real, latents[:1].repeat(6, 1))
    assert float(alike.spread) < 1e-3 < float(varied.spread)


def test_the_discriminators_weights_take_no_gradient_from_the_generators_turn() -> None:
    state, _ = both()
    gan_step(state, *batch(0))
    before = [weight.grad.clone() for weight in state.discriminator.parameters()]  # type: ignore[union-attr]
    assert all(not weight.requires_grad for weight in state.discriminator.parameters())
    real, latents = batch(0)
    fresh, _ = both()
    fresh.discriminator.requires_grad_(True)
    fresh.adam_d.zero_grad()
    from flawforge.training.losses import discriminator_loss_fake, discriminator_loss_real

    discriminator_loss_real(fresh.discriminator(real)).backward()
    discriminator_loss_fake(fresh.discriminator(fresh.generator(latents).detach())).backward()
    for a, weight in zip(before, fresh.discriminator.parameters(), strict=True):
        torch.testing.assert_close(a, weight.grad)


@pytest.mark.parametrize(
    "name", [pytest.param("dcgan-sn", marks=pytest.mark.nightly), "dcgan-lite", "fewshot", "native"]
)
@pytest.mark.parametrize("augment", ["none", "full"])
def test_a_step_stays_on_its_device_and_never_waits_for_it(
    name: str, augment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the device `meta` nothing has values: whatever mixes it with the processor, or asks for a value, fails. A GPU
    would fail too, or stand still while the value travels.
    """
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which knows no such device
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *_: False)
    meta = torch.device("meta")
    changes = {"augment_target": 0.6} if augment == "full" else {}
    made = recipe(name, augment=augment, **changes)
    state = TrainingState(made, 1, 0, meta, "float32", 3)
    real = torch.zeros(made.batch, 1, *made.resolution, device=meta)
    latents = torch.zeros(made.batch, made.latent, device=meta)
    labels = torch.zeros(made.batch, dtype=torch.int64, device=meta)
    inputs: torch.Tensor | NativeInputs = latents
    if made.composes:
        half = made.batch // 2
        noise = torch.zeros(half, 1, *made.resolution, device=meta)
        inputs = NativeInputs(real[:half], real[:half], torch.ones(half, 4, device=meta), latents[:half], noise)
    for in_pairs in (False, True):
        outcome = gan_step(state, real, inputs, labels, within=in_pairs)
        assert outcome.stacked().device == meta
    assert all(tensor.device == meta for tensor in state.tensors().values() if tensor.dim())
