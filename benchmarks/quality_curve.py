"""A training that is stopped at given lengths, its generators kept, and judged afterwards: a curve of quality.

Training goes through `flawforge.train` and its ``resume``, so what is timed is what a user gets, reading of the images
included; judging happens later and costs the training nothing. Everything lies in one folder, and a program that is
killed goes on there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from flawforge.data.dataset import Dataset
from flawforge.models.build import build_generator
from flawforge.models.latents import draw_latents
from flawforge.runs.checkpoint import Checkpoint, find_checkpoint, newest_checkpoint
from flawforge.runs.folder import Run
from flawforge.training.train import train
from quality_yardstick import MADE, Yardstick, at_size

BATCH = 50
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Course:
    """One training.

    Attributes:
        folder: of the run; a folder ``<folder>.curve`` beside it holds the kept generators and the judgements.
        data: what it learns from.
        recipe: by name.
        changes: fields of the recipe that are set.
    """

    folder: Path
    data: Dataset
    recipe: str
    changes: dict[str, Any]

    @property
    def kept(self) -> Path:
        """The folder of the generators that were kept."""
        return self.folder.with_name(self.folder.name + ".curve")

    def newest(self) -> Checkpoint | None:
        """Return where the training stands."""
        return newest_checkpoint(Run(self.folder)) if self.folder.exists() else None

    def train_to(self, *, minutes: float | None = None, kimg: float | None = None) -> None:
        """Go on to a length, unless it is reached already, and keep the generator as it is then."""
        before = self.newest()
        if before is not None and (
            (minutes is not None and before.facts["seconds"] >= minutes * 60 - 0.5)
            or (kimg is not None and before.facts["kimg"] >= kimg - 1e-6)
        ):
            return
        if before is None and self.folder.exists():
            shutil.rmtree(self.folder)  # killed before its first checkpoint
        train(
            self.data,
            self.folder,
            self.recipe,
            minutes=minutes,
            kimg=kimg,
            resume=before is not None,
            checkpoint_seconds=1e9,
            previews=1,
            **self.changes,
        )
        self.keep()

    def keep(self) -> None:
        """Keep the generator that images would be made from now: the best so far where training judges itself."""
        now, best = self.newest(), find_checkpoint(Run(self.folder))
        assert now is not None
        self.kept.mkdir(exist_ok=True)
        weights = best.tensors("ema.") or best.tensors("generator.")
        facts = {name: str(now.facts[name]) for name in ("step", "kimg", "seconds")}
        save_file(weights, self.kept / f"step_{now.step:08d}.safetensors", metadata=facts)

    def curve(self, yardstick: Yardstick, tell: Tell) -> list[dict[str, Any]]:
        """Judge what is kept and not judged yet; return all points, ``{step, kimg, seconds, classes: {...}}`` each."""
        points = []
        for file in sorted(self.kept.glob("step_*.safetensors")):
            note = file.with_suffix(".json")
            if not note.exists():
                with safe_open(file, framework="pt") as opened:
                    facts = {name: float(value) for name, value in (opened.metadata() or {}).items()}
                found = yardstick.judge(self.images(file))
                note.write_text(json.dumps({**facts, "classes": found}))
                tell(f"{self.folder.name} at step {facts['step']:.0f}: " + told(found["mean"]))
            points.append(json.loads(note.read_text()))
        return points

    def images(self, file: Path) -> dict[str, Tensor]:
        """Return class -> (200, 1, 64, 64), made by a kept generator from the same latents at every length."""
        run = Run.open(self.folder)
        recipe, settings = run.recipe, run.settings
        labels = sorted(settings.data.classes)
        generator = build_generator(recipe, settings.channels, len(labels))
        with safe_open(file, framework="pt") as opened:
            generator.load_state_dict({key: opened.get_tensor(key) for key in opened.keys()})  # noqa: SIM118
        generator.eval()
        made = {}
        for code, label in enumerate(labels):
            latents = draw_latents(0, "samples", [(label, i) for i in range(MADE)], recipe.latent)
            with torch.inference_mode():
                parts = [at_size(generator(z, torch.full((len(z),), code))) for z in torch.split(latents, BATCH)]
            made[label] = torch.cat(parts)
        return made


def told(numbers: dict[str, float]) -> str:
    """Return the numbers as text."""
    return ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
