"""The trained generator as a file for other programs."""

from __future__ import annotations

from flawforge.studies.portable.run import export_model

__all__ = ["export_model"]
