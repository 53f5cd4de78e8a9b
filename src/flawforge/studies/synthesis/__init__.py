"""Generating: a trained run in, a synthetic set out."""

from __future__ import annotations

from flawforge.studies.synthesis.on_demand import ImagesOnDemand
from flawforge.studies.synthesis.placing.place import opened_placer, place
from flawforge.studies.synthesis.run import MIXED, generate, makeable_classes
from flawforge.studies.synthesis.sampler import Sampler, refuse_without_latent

__all__ = [
    "MIXED",
    "ImagesOnDemand",
    "Sampler",
    "generate",
    "makeable_classes",
    "opened_placer",
    "place",
    "refuse_without_latent",
]
