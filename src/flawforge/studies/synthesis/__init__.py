"""Generating: a trained run in, a synthetic set out."""

from __future__ import annotations

from flawforge.studies.synthesis.run import MIXED, generate
from flawforge.studies.synthesis.sampler import Sampler

__all__ = ["MIXED", "Sampler", "generate"]
