from __future__ import annotations

import pytest
import torch

from flawforge.training.losses import SHIFT, Augmentation, brightness, contrast, cut_out, shift

CPU = torch.device("cpu")


def image(count: int = 4) -> torch.Tensor:
    return torch.randn(count, 1, 16, 24, generator=torch.Generator().manual_seed(0)) / 4


def test_none_changes_nothing() -> None:
    assert Augmentation("none", 0, 0, CPU)(image(), "real").equal(image())


@pytest.mark.parametrize("kind", ["light", "full"])
def test_the_same_place_gives_the_same_change_and_others_give_others(kind: str) -> None:
    first, second = Augmentation(kind, 0, 0, CPU), Augmentation(kind, 0, 0, CPU)
    assert first(image(), "real").equal(second(image(), "real"))
    assert not first(image(), "real").equal(first(image(), "fake"))
    second.step = 1
    assert not first(image(), "real").equal(second(image(), "real"))


def test_gradients_go_through() -> None:
    images = image().requires_grad_()
    Augmentation("full", 0, 0, CPU)(images, "judged").sum().backward()
    assert float(images.grad.abs().sum()) > 0  # type: ignore[union-attr]


def test_the_parts_do_what_their_names_say() -> None:
    four = torch.ones(4)
    torch.testing.assert_close(brightness(image(), 0.5 * four), image() + 0.5)
    changed = contrast(image(), 2 * four)
    torch.testing.assert_close(changed.mean((1, 2, 3)), image().mean((1, 2, 3)))
    torch.testing.assert_close(changed.std((1, 2, 3)), 2 * image().std((1, 2, 3)))
    moved = shift(image(), torch.tensor([[SHIFT, 0.0]] * 4))
    torch.testing.assert_close(moved[:, :, :-2], image()[:, :, 2:])
    torch.testing.assert_close(moved[:, :, -2:], image().flip(2)[:, :, 1:3])  # what comes in is mirrored
    cut = cut_out(torch.ones(2, 1, 20, 20), torch.tensor([[0.5, 0.5]] * 2), torch.tensor([True, False]))
    assert float(cut[0].mean()) == pytest.approx(1 - 0.4**2, abs=0.05)
    assert float(cut[1].mean()) == 1


def test_the_probability_follows_the_discriminators_sureness() -> None:
    adaptive = Augmentation("light", 0.6, 0, CPU)
    torch.testing.assert_close(adaptive(image(), "real"), image())  # it begins at 0
    for _ in range(100):
        adaptive.adapt(torch.ones(8, 3), 100)
    assert float(adaptive.probability) == pytest.approx(0.5)
    for _ in range(300):
        adaptive.adapt(-torch.ones(8, 3), 100)
    assert float(adaptive.probability) == 0
    assert set(adaptive.tensors()) == {"augmentation.probability"}
    assert Augmentation("light", 0, 0, CPU).tensors() == {}
