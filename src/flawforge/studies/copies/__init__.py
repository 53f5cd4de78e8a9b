"""Is it a copy? The memorization audit."""

from __future__ import annotations

from flawforge.studies.copies.run import audit
from flawforge.studies.copies.search import IMAGE_RATE, CopySearch
from flawforge.studies.copies.sentences import copies_sentence

__all__ = ["IMAGE_RATE", "CopySearch", "audit", "copies_sentence"]
