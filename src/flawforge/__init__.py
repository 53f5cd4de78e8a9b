"""Flawforge: new defect images from the few you have, with evidence of what they are worth.

The verbs of the command line are the functions of this module. They are loaded on first use, so that
``import flawforge`` costs milliseconds and no PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Dataset": "flawforge.data.dataset",
    "FlawforgeError": "flawforge.core.errors",
    "Recipe": "flawforge.core.recipes",
    "as_dataset": "flawforge.studies.synthetic",
    "audit": "flawforge.studies.audit",
    "generate": "flawforge.studies.generate",
    "inspect": "flawforge.data.inspection",
    "load": "flawforge.data.load",
    "report": "flawforge.reports.page",
    "recipe": "flawforge.core.recipes",
    "score": "flawforge.studies.score",
    "search": "flawforge.studies.search",
    "train": "flawforge.training.gan",
    "trial": "flawforge.studies.trial",
}

__all__ = [
    "Dataset",
    "FlawforgeError",
    "Recipe",
    "as_dataset",
    "audit",
    "generate",
    "inspect",
    "load",
    "recipe",
    "report",
    "score",
    "search",
    "train",
    "trial",
]

if TYPE_CHECKING:
    from flawforge.core.errors import FlawforgeError
    from flawforge.core.recipes import Recipe, recipe
    from flawforge.data.dataset import Dataset
    from flawforge.data.inspection import inspect
    from flawforge.data.load import load
    from flawforge.reports.page import report
    from flawforge.studies.audit import audit
    from flawforge.studies.generate import generate
    from flawforge.studies.score import score
    from flawforge.studies.search import search
    from flawforge.studies.synthetic import as_dataset
    from flawforge.studies.trial import trial
    from flawforge.training.gan import train


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'flawforge' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
