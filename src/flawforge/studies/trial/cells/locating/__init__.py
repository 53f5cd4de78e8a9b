"""The arms of a trial of the task locate: what each trains a locator on, and what is kept of its maps."""

from __future__ import annotations

from flawforge.studies.trial.cells.locating.arms import EXTRAS, LocatorArms
from flawforge.studies.trial.cells.locating.cell import located
from flawforge.studies.trial.cells.locating.placed_images import placed_arrays

__all__ = ["EXTRAS", "LocatorArms", "located", "placed_arrays"]
