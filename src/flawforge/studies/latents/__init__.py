"""Looking into a generator through its latents: between its images, and nearest to a real one."""

from __future__ import annotations

from flawforge.studies.latents.between import interpolate, part_way
from flawforge.studies.latents.nearest import project

__all__ = ["interpolate", "part_way", "project"]
