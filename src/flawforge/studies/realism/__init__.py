"""Does it look real? The score."""

from __future__ import annotations

from flawforge.studies.realism.run import score

__all__ = ["score"]
