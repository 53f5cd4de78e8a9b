"""What the caller of a training asked for, and what can be refused without the images."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flawforge.core.errors import RunExistsError
from flawforge.core.settings.bounds import check_numbers
from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.recipes import DEFAULT
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.data.dataset import Dataset
from flawforge.runs.folder import Run
from flawforge.runs.folder_errors import refuse_other


@dataclass(frozen=True)
class TrainingRequest:
    """What the caller of a training asked for.

    Attributes:
        out: the folder to train in.
        recipe: a recipe, its name, or a TOML file; None is the run's own, or the default.
        changes: fields of the recipe to set.
        minutes: the training time, above 0; None: the recipe's length decides.
        seed: from 0.
        resume: whether a run in `out` is continued.
        budget: minutes that the user gave the whole job, or None.
        command: what the user typed, or the call.
    """

    out: Path
    recipe: Recipe | str | Path | None
    changes: dict[str, Any]
    minutes: float | None
    seed: int
    resume: bool
    budget: float | None = None
    command: str = ""

    @property
    def continues(self) -> bool:
        """Whether there is a run in `out` to continue."""
        return self.resume and Run(self.out).settings_file.is_file()

    @property
    def resolved(self) -> Recipe:
        """The recipe that is trained."""
        return self.resolve(Run.open(self.out).recipe if self.continues else None)

    def check(self) -> None:
        """Refuse what can be seen to be wrong without the images, so that nobody waits for them to hear it.

        Raises:
            SettingError: a setting. RunExistsError: `out` holds something else, or a run and `resume` is False.
        """
        check_numbers(minutes=self.minutes, seed=self.seed)
        _ = self.resolved
        refuse_other(self.out, "run")
        if not self.continues:
            Run(self.out).refuse_another()

    def resolve(self, own: Recipe | None) -> Recipe:
        """Return the recipe to train: the one asked for, or `own` (of the run), or the default, with the changes.

        Raises:
            SettingError: there is no such recipe or field, or a value is outside its range.
        """
        given = {key: value for key, value in self.changes.items() if value is not None}
        start = own if self.recipe is None else self.recipe
        if isinstance(start, Recipe):
            return Recipe.parse({**start.dump(), **given}) if given else start
        return find_recipe(DEFAULT if start is None else start, **given)


def refuse_inside(data: Dataset, out: Path, what: Literal["run", "trial"]) -> None:
    """Refuse a folder of a run or trial among the images: the next reading would take its pictures for data.

    Raises:
        RunExistsError: `out` lies there.
    """
    root = data.root.resolve()
    if data.layout != "elpv" and (out.resolve() == root or root in out.resolve().parents):
        raise RunExistsError(
            f"the {what} folder {out} would lie among the images in {data.source}, and its pictures would be taken "
            f"for data. Give --out a folder outside, e.g. --out "
            f"{shlex.quote(str(root.parent / f'{root.name}-{what}'))}"
        )
