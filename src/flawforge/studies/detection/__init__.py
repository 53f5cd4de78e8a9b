"""How small a defect an inspection finds: placed defects, hits and misses, and the curve."""

from __future__ import annotations

from flawforge.studies.detection.run import pod

__all__ = ["pod"]
