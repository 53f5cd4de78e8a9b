from __future__ import annotations

import torch

from flawforge.models.latents import draw_latents


def test_a_latent_is_a_function_of_its_address() -> None:
    many = draw_latents(0, "samples", [("a", i) for i in range(5)], 7)
    assert torch.equal(draw_latents(0, "samples", [("a", 3)], 7)[0], many[3])
    assert not torch.equal(draw_latents(0, "samples", [("b", 3)], 7)[0], many[3])
    assert not torch.equal(draw_latents(0, "latents", [("a", 3)], 7)[0], many[3])


def test_latents_are_standard_normal() -> None:
    values = draw_latents(0, "samples", [(i,) for i in range(200)], 100)
    assert abs(float(values.mean())) < 4 / 20_000**0.5
    assert abs(float(values.var()) - 1) < 4 * (2 / 20_000) ** 0.5


def test_truncation_keeps_what_lies_inside_and_draws_the_rest_again() -> None:
    free = draw_latents(0, "samples", [(i,) for i in range(20)], 100)
    cut = draw_latents(0, "samples", [(i,) for i in range(20)], 100, truncation=0.7)
    assert float(cut.abs().max()) <= 0.7
    inside = free.abs() <= 0.7
    assert torch.equal(cut[inside], free[inside])
