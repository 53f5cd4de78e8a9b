"""What a search is to do: fixed when it begins, written into its folder, the same for every worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flawforge.core.errors import RunExistsError, SettingError
from flawforge.core.files import explain_os_errors, read_json, write_json
from flawforge.core.settings.recipes import Recipe
from flawforge.runs.folder_errors import refuse_other
from flawforge.runs.searches import SETTINGS_FILE
from flawforge.studies.search.space import SettingRange

RUNGS = (0.25, 0.5, 1.0)  # parts of the length after which a trial is compared with the others


@dataclass(frozen=True)
class SearchPlan:
    """The settings of a search.

    Attributes:
        start: the recipe that it starts from.
        ranges: what it may change.
        kimg: full length of a trial.
        seed: of the cut of the data, of every trial's training, and of the draws of settings.
        shots: training images per class, or None.
        classes: the classes to learn, or None for all.
        extractor: what images are compared by.
        fingerprint: of the data.
    """

    start: Recipe
    ranges: tuple[SettingRange, ...]
    kimg: float
    seed: int
    shots: int | None
    classes: tuple[str, ...] | None
    extractor: str
    fingerprint: str

    @property
    def rungs(self) -> list[float]:
        """Return kimg after which trials are compared."""
        return [round(part * self.kimg, 6) for part in RUNGS]

    def recipe(self, settings: dict[str, Any]) -> Recipe:
        """Return the recipe with the settings of a trial, at full length."""
        return Recipe.parse({**self.start.dump(), **settings, "kimg": self.kimg})

    def dump(self) -> dict[str, Any]:
        """Return it as JSON values."""
        values = dict(vars(self))
        settings = [span.text for span in values.pop("ranges")]
        classes = None if self.classes is None else list(self.classes)
        return {"start": values.pop("start").dump(), "settings": settings, **values, "classes": classes}


def refuse_folder(folder: Path, resume: bool) -> None:
    """Refuse a folder that cannot hold the search, before any image is read.

    Raises:
        RunExistsError: the folder holds a search and `resume` is False, or something else.
    """
    refuse_other(folder, "search")
    if (folder / SETTINGS_FILE).exists() and not resume:
        raise RunExistsError(
            f"{folder} already holds a search. Add --resume to resume it (or to add workers from another terminal or "
            f"machine), or give another --out."
        )


def open_search(folder: Path, plan: SearchPlan, resume: bool) -> None:
    """Make the search's folder, or check that the one there is the same search.

    Raises:
        RunExistsError: the folder holds a search and `resume` is False, or something else. SettingError: `resume`,
        but it was begun with other settings.
    """
    file = folder / SETTINGS_FILE
    refuse_folder(folder, resume)
    if file.exists():
        begun, asked = read_json(file), plan.dump()
        changed = [f"{key} {begun.get(key)} -> {asked[key]}" for key in asked if begun.get(key) != asked[key]]
        if changed:
            raise SettingError(
                f"cannot resume {folder}: it was begun with other settings: {'; '.join(changed)}. Give the same ones "
                f"(only --trials, --minutes and --workers may change), or another --out."
            )
        return
    with explain_os_errors(folder):
        (folder / "trials").mkdir(parents=True, exist_ok=True)
    write_json(file, plan.dump())
