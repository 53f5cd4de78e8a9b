"""Which settings make the generator better on images that it has not seen?"""

from __future__ import annotations

from flawforge.studies.search.run import search

__all__ = ["search"]
