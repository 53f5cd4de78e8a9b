"""Changes of place go where they say, and keep right angles."""

from __future__ import annotations

import pytest
import torch

from flawforge.data.augmentation.geometry import quarter_turn, warp

from .waves import wave


def test_turns_and_moves_go_where_they_say() -> None:
    image, still, middle = wave(), torch.zeros(1), torch.zeros(1, 2)
    one = torch.ones(1)
    torch.testing.assert_close(warp(image, 90 * one, middle, one), image.rot90(1, (2, 3)), atol=1e-4, rtol=0)
    moved = warp(image, still, torch.tensor([[0.25, -0.125]]), one)
    torch.testing.assert_close(moved[:, :, 16:, :-8], image[:, :, :-16, 8:], atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[:, :, 15, :-8], image[:, :, 0, 8:], atol=1e-5, rtol=0)  # mirrored in
    grown = warp(image, still, middle, 2 * one)
    near = torch.nn.functional.interpolate(image[:, :, 16:48, 16:48], scale_factor=2, mode="bilinear")
    torch.testing.assert_close(grown[:, :, 2:-2, 2:-2], near[:, :, 2:-2, 2:-2], atol=1e-5, rtol=0)
    assert warp(image, still, middle, one).equal(image)


def test_a_turn_keeps_right_angles_where_sides_differ() -> None:
    """A disc stays a disc: its extent along both axes after a turn of 30 degrees is that before."""
    rows, columns = torch.meshgrid(torch.arange(40) - 19.5, torch.arange(80) - 39.5, indexing="ij")
    disc = ((rows**2 + columns**2).sqrt() < 12).float()[None, None]
    turned = warp(disc, torch.tensor([30.0]), torch.zeros(1, 2), torch.ones(1)) > 0.5
    assert int(turned.any(3).sum()) == pytest.approx(24, abs=1)
    assert int(turned.any(2).sum()) == pytest.approx(24, abs=1)


def test_quarter_turns_are_exact_and_half_turns_where_sides_differ() -> None:
    image = torch.arange(512.0).view(4, 2, 8, 8)
    turned = quarter_turn(image, torch.arange(4))
    for turns in range(4):
        assert turned[turns].equal(image[turns].rot90(turns, (1, 2)))
    wide = torch.arange(128.0).view(4, 1, 4, 8)
    turned = quarter_turn(wide, torch.arange(4))
    assert turned[0].equal(wide[0])
    for turns in (1, 2, 3):
        assert turned[turns].equal(wide[turns].rot90(2, (1, 2)))
