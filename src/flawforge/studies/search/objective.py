"""One trial of a search: train from rung to rung, compare with held-out images after each, stop when others lead."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from flawforge.core.errors import TrainingDivergedError
from flawforge.core.progress import SILENT
from flawforge.core.settings.recipes import Recipe
from flawforge.data.dataset import Dataset
from flawforge.runs.folder import Run
from flawforge.studies.search.held_out_kid import HeldOutKid
from flawforge.studies.search.plan import SearchPlan
from flawforge.studies.search.storage import TrialStore
from flawforge.training.train import train

if TYPE_CHECKING:
    from optuna import Trial


def try_settings(
    store: TrialStore, trial: Trial, plan: SearchPlan, data: Dataset, held_out: HeldOutKid, device: torch.device
) -> None:
    """Train with the trial's settings to the last rung, or to the one where it is stopped early, and tell the store.

    All trials train with the same seed, on the same images, from the same first weights where the sizes allow, and are
    compared by the same latents: they differ by their settings.
    """
    from optuna.trial import TrialState

    path = store.folder / "trials" / trial.user_attrs["folder"]
    value: float | None = None
    for rung, kimg in enumerate(plan.rungs):
        began = time.monotonic()
        try:
            run = train_to(path, plan.recipe(store.settings(trial)), data, kimg, plan.seed, device)
            value = held_out.kid(run, device, plan.seed)
        except TrainingDivergedError:
            trial.set_user_attr("diverged", True)
            store.study.tell(trial, state=TrialState.PRUNED)
            return
        finally:
            trial.set_user_attr(f"seconds{rung}", time.monotonic() - began)
        trial.report(value, 2**rung)
        if rung + 1 < len(plan.rungs) and trial.should_prune():
            store.study.tell(trial, state=TrialState.PRUNED)
            for file in run.checkpoints.glob("step_*"):  # settings, history and previews stay
                file.unlink()
            return
    store.study.tell(trial, value)


def train_to(path: Path, recipe: Recipe, data: Dataset, kimg: float, seed: int, device: torch.device) -> Run:
    """Train a run up to a length, from where it stands."""
    return train(
        data,
        path,
        Recipe.parse({**recipe.dump(), "kimg": kimg}),
        seed=seed,
        device=str(device),
        resume=True,
        previews=2,
        command="flawforge search",
        progress=SILENT,
    )
