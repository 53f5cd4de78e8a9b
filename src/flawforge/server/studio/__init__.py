"""The studio: local pages that list runs, trials and searches, start and stop them, and show them live."""

from __future__ import annotations

from flawforge.server.studio.run import studio

__all__ = ["studio"]
