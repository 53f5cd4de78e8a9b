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
    "ReadingChoices": "flawforge.data.reading_choices",
    "Recipe": "flawforge.core.settings.recipe",
    "as_dataset": "flawforge.studies.sets",
    "audit": "flawforge.studies.copies",
    "convert": "flawforge.data.writing.convert",
    "curate": "flawforge.runs.generator.curation",
    "demo_data": "flawforge.data.demo",
    "estimate_masks": "flawforge.training.estimated_masks",
    "export": "flawforge.studies.export",
    "export_model": "flawforge.studies.portable",
    "generate": "flawforge.studies.synthesis",
    "inspect": "flawforge.data.inspection.inspect",
    "interpolate": "flawforge.studies.latents",
    "load": "flawforge.data.reading.load",
    "place": "flawforge.studies.synthesis",
    "pod": "flawforge.studies.detection",
    "predict": "flawforge.studies.prediction",
    "project": "flawforge.studies.latents",
    "report": "flawforge.reports.page",
    "recipe": "flawforge.core.settings.recipes",
    "run": "flawforge.whole_job",
    "score": "flawforge.studies.realism",
    "search": "flawforge.studies.search",
    "serve": "flawforge.server",
    "show_progress": "flawforge.cli.console",
    "studio": "flawforge.server.studio",
    "train": "flawforge.training.train",
    "trial": "flawforge.studies.trial",
}

__all__ = [
    "Dataset",
    "FlawforgeError",
    "ReadingChoices",
    "Recipe",
    "as_dataset",
    "audit",
    "convert",
    "curate",
    "demo_data",
    "estimate_masks",
    "export",
    "export_model",
    "generate",
    "inspect",
    "interpolate",
    "load",
    "place",
    "pod",
    "predict",
    "project",
    "recipe",
    "report",
    "run",
    "score",
    "search",
    "serve",
    "show_progress",
    "studio",
    "train",
    "trial",
]

if TYPE_CHECKING:
    from flawforge.cli.console import show_progress
    from flawforge.core.errors import FlawforgeError
    from flawforge.core.settings.recipe import Recipe
    from flawforge.core.settings.recipes import recipe
    from flawforge.data.dataset import Dataset
    from flawforge.data.demo import demo_data
    from flawforge.data.inspection.inspect import inspect
    from flawforge.data.reading.load import load
    from flawforge.data.reading_choices import ReadingChoices
    from flawforge.data.writing.convert import convert
    from flawforge.reports.page import report
    from flawforge.runs.generator.curation import curate
    from flawforge.server import serve
    from flawforge.server.studio import studio
    from flawforge.studies.copies import audit
    from flawforge.studies.detection import pod
    from flawforge.studies.export import export
    from flawforge.studies.latents import interpolate, project
    from flawforge.studies.portable import export_model
    from flawforge.studies.prediction import predict
    from flawforge.studies.realism import score
    from flawforge.studies.search import search
    from flawforge.studies.sets import as_dataset
    from flawforge.studies.synthesis import generate, place
    from flawforge.studies.trial import trial
    from flawforge.training.estimated_masks import estimate_masks
    from flawforge.training.train import train
    from flawforge.whole_job import run


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'flawforge' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
