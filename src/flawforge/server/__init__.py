"""What answers over HTTP: a run's generator as a service, and the guards before it (extra ``serve``)."""

from __future__ import annotations

from flawforge.server.run import serve

__all__ = ["serve"]
