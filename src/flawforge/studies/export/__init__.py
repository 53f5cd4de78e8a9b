"""Exporting: what a run generated, with or without what it was trained on, in a format that trainers read."""

from __future__ import annotations

from flawforge.studies.export.run import export

__all__ = ["export"]
