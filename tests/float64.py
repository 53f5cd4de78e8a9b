"""Training in float64, where rounding decides nothing: in float32 Adam makes a whole step of a sign that it decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from flawforge.models import projected
from flawforge.models.efficientnet import load_backbone


def go_float64(replace: Callable[[Any, str, Any], None]) -> None:
    """Let nothing go back to float32; `replace` is `setattr`, or a test's own."""
    replace(Tensor, "float", Tensor.double)
    replace(projected, "load_backbone", lambda: load_backbone().double())
