"""Generating: a trained run in, a synthetic set out."""

from __future__ import annotations

from flawforge.studies.synthesis.run import MIXED, generate
from flawforge.studies.synthesis.sampler import Sampler, refuse_without_latent

__all__ = ["MIXED", "Sampler", "generate", "refuse_without_latent"]
