"""What a search is to do: which settings it may change, each within a range, and what is fixed when it begins.

The plan is written into the search's folder, the same for every worker.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flawforge.core.errors import RunExistsError, SettingError, did_you_mean
from flawforge.core.files import explain_os_errors, read_json, write_json
from flawforge.core.settings.recipe import Recipe
from flawforge.runs.folder_errors import refuse_other
from flawforge.runs.searches import SETTINGS_FILE

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution


SEARCHED = ("generator_lr", "discriminator_lr", "augment", "diversity", "ema_kimg")
"""Fields of `Recipe` that are searched by default; those that the design does not use are left out."""

_SPREAD = 5.0  # a step size is searched from a fifth of the recipe's own to five times it
_RANGES: dict[str, tuple[float, float]] = {
    "diversity": (0.0, 8.0),
    "ema_kimg": (0.1, 4.0),
    "augment_target": (0.0, 0.8),
    "beta1": (0.0, 0.6),
    "beta2": (0.9, 0.999),
    "batch": (8, 32),
    "generator_depth": (8, 32),
    "discriminator_depth": (32, 128),
    "latent": (32, 256),
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "augment": ("none", "light", "full"),
    "flip": ("none", "horizontal", "vertical", "both"),
    "loss": ("bce", "hinge"),
}
_WHOLE = ("batch", "generator_depth", "discriminator_depth", "latent")
_BY_RATIO = ("generator_lr", "discriminator_lr", "ema_kimg", *_WHOLE)
SEARCHABLE = (*_BY_RATIO[:2], *_RANGES, *_CHOICES)


@dataclass(frozen=True)
class SettingRange:
    """One setting and where to look.

    Attributes:
        field: of `Recipe`.
        low: smallest value; 0 with `choices`.
        high: largest value; 0 with `choices`.
        choices: the values of a setting that is a word.
        by_ratio: values are drawn evenly in their logarithm: twice counts as much as half.
        whole: whole numbers only.
    """

    field: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()
    by_ratio: bool = False
    whole: bool = False

    def distribution(self) -> BaseDistribution:
        """Return it as Optuna has it."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.choices:
            return CategoricalDistribution(self.choices)
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.by_ratio)
        return FloatDistribution(self.low, self.high, log=self.by_ratio)

    def draw(self, trial: Trial) -> None:
        """Have a trial take a value."""
        if self.choices:
            trial.suggest_categorical(self.field, self.choices)
        elif self.whole:
            trial.suggest_int(self.field, int(self.low), int(self.high), log=self.by_ratio)
        else:
            trial.suggest_float(self.field, self.low, self.high, log=self.by_ratio)

    def holds(self, value: Any) -> bool:
        """Say whether the search could try this value."""
        return value in self.choices if self.choices else self.low <= value <= self.high

    @property
    def text(self) -> str:
        """The range as a person types it: ``ema_kimg=0.1..4``, ``augment=light,full``."""
        inside = ",".join(self.choices) if self.choices else f"{self.low:g}..{self.high:g}"
        return f"{self.field}={inside}"


def search_space(start: Recipe, wanted: Sequence[str] | None = None) -> tuple[SettingRange, ...]:
    """Return the setting ranges of a search that starts from a recipe.

    Args:
        start: the recipe; step sizes are searched from a fifth to five times its own.
        wanted: each a field's name, or with a range of one's own: ``generator_lr=5e-5..1e-3``, ``augment=light,full``.
            None takes `SEARCHED`.

    Raises:
        SettingError: no such setting, one that cannot be searched, or a range outside what the recipe allows.
    """
    if wanted is None:
        wanted = [name for name in SEARCHED if name != "diversity" or start.knows_classes]
    texts: list[str] = []
    for part in wanted:  # "augment=light" and "full" come apart where a command line has commas between settings
        if texts and "=" in texts[-1] and _field(part) not in SEARCHABLE and "=" not in part:
            texts[-1] += f",{part}"
        else:
            texts.append(part)
    ranges = [_setting_range(start, text) for text in texts]
    names = [span.field for span in ranges]
    if len(set(names)) < len(names) or not names:
        raise SettingError(f"--settings names {', '.join(names) or 'nothing'}; it takes one or more, each once.")
    for span in ranges:
        for value in span.choices or (span.low, span.high):
            Recipe.parse({**start.dump(), span.field: int(value) if span.whole else value}, where="--settings")
    return tuple(ranges)


def settings_of(ranges: Sequence[SettingRange], start: Recipe) -> Mapping[str, Any] | None:
    """Return the recipe's own values of the ranges, or None when one of them lies outside its range."""
    own = {span.field: getattr(start, span.field) for span in ranges}
    return own if all(span.holds(own[span.field]) for span in ranges) else None


def _setting_range(start: Recipe, text: str) -> SettingRange:
    name, _, inside = text.partition("=")
    field = _field(name)
    if field not in SEARCHABLE:
        dashed = [name.replace("_", "-") for name in SEARCHABLE]
        raise SettingError(
            f"--settings: '{name.strip()}' cannot be searched.{did_you_mean(field.replace('_', '-'), dashed)} "
            f"There are: {', '.join(dashed)}."
        )
    if field in _CHOICES:
        return SettingRange(
            field, choices=tuple(part.strip() for part in inside.split(",")) if inside else _CHOICES[field]
        )
    if inside:
        low, high = _range(field, inside)
    elif field in _RANGES:
        low, high = _RANGES[field]
    else:
        low, high = getattr(start, field) / _SPREAD, min(1.0, getattr(start, field) * _SPREAD)
    if field in _BY_RATIO and low <= 0:
        raise SettingError(f"--settings {field}={low:g}..{high:g}: it is searched by ratios, from above 0.")
    return SettingRange(field, low, high, by_ratio=field in _BY_RATIO, whole=field in _WHOLE)


def _field(name: str) -> str:
    return name.strip().replace("-", "_")


def _range(field: str, inside: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in inside.split(".."))
    except ValueError:
        low, high = math.nan, math.nan
    if not low < high:
        raise SettingError(f"--settings {field}={inside}: a range is written LOW..HIGH, e.g. {field}=0.5..2.")
    return low, high


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
        if isinstance(begun.get("start"), dict):  # fields that are newer than the search have their default
            begun["start"] = Recipe.parse(begun["start"], where=str(file)).dump()
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
