"""What is refused before an image is read: settings first, then a folder that cannot be trained in."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from flawforge.core.errors import RunExistsError, SettingError
from flawforge.core.seeds import check_seed
from flawforge.core.settings.recipes import DEFAULT, Recipe
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.data.dataset import Dataset
from flawforge.runs.folder import Run
from flawforge.runs.folder_errors import refuse_other


def refuse_at_once(
    out: Path,
    recipe: Recipe | str | Path | None,
    changes: dict[str, Any],
    *,
    minutes: float | None,
    seed: int,
    resume: bool,
) -> None:
    """Refuse what can be seen to be wrong without the images, so that nobody waits for them to hear it.

    Args:
        out: the folder to train in.
        recipe: a recipe, its name, or a TOML file; None is the run's own, or the default.
        changes: fields of the recipe to set.
        minutes: above 0, or None.
        seed: from 0.
        resume: whether a run in `out` is to be gone on with.

    Raises:
        SettingError: a setting. RunExistsError: `out` holds something else, or a run and `resume` is False.
    """
    if minutes is not None and not minutes > 0:
        raise SettingError(f"--minutes is {minutes:g}; it is a time above 0.")
    check_seed(seed)
    run = Run(out)
    going_on = resume and run.settings_file.is_file()
    asked_recipe(recipe, changes, Recipe.parse(Run.open(out).settings["recipe"]) if going_on else None)
    refuse_other(out, "run")
    if not going_on:
        run.refuse_another()


def asked_recipe(recipe: Recipe | str | Path | None, changes: dict[str, Any], own: Recipe | None) -> Recipe:
    """Return the recipe that was asked for: the one named, or `own`, or the default, with its changes.

    Raises:
        SettingError: there is no such recipe or field, or a value is outside its range.
    """
    given = {key: value for key, value in changes.items() if value is not None}
    if isinstance(recipe, Recipe) or (recipe is None and own is not None):
        start = recipe if isinstance(recipe, Recipe) else own
        assert start is not None
        return Recipe.parse({**start.dump(), **given}) if given else start
    return find_recipe(recipe if recipe is not None else DEFAULT, **given)


def refuse_inside(data: Dataset, out: Path) -> None:
    """Refuse a run folder among the images: the next reading would take its pictures for data.

    Raises:
        RunExistsError: `out` lies there.
    """
    root = data.root.resolve()
    if data.layout != "elpv" and (out.resolve() == root or root in out.resolve().parents):
        raise RunExistsError(
            f"the run folder {out} would lie among the images in {data.source}, and its pictures would be taken "
            f"for data. "
            f"Give --out a folder outside, e.g. --out {shlex.quote(str(root.parent / (root.name + '-run')))}"
        )
