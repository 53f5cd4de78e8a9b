"""The search's record: every trial of settings, how much each setting mattered, and whether the winner is better."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from flawforge.runs.records import Record, RecordPart, read_record, write_record

SETTINGS_FILE = "search.json"
RECIPE_FILE = "best.toml"


class SettingsTried(RecordPart):
    """One trial.

    Attributes:
        number: from 0, in the order of asking; 0 is the recipe that the search started from, as it is.
        settings: field to value.
        kids: kernel distance to the held-out images after each rung that was reached, the shortest first.
        outcome: ``whole`` (trained to the last rung), ``pruned`` (stopped early, among the worse half), ``diverged``
            (its weights were no numbers), or ``broken off`` (interrupted; its settings were tried again).
        seconds: time spent training.
        folder: the run folder below ``trials/``.
    """

    number: int
    settings: dict[str, Any]
    kids: list[float]
    outcome: Literal["whole", "pruned", "diverged", "broken off"]
    seconds: float
    folder: str


IMPORTANCE_TRIALS = 8  # an importance needs so many


class Sensitivity(RecordPart):
    """How much one setting mattered, over all trials' kernel distance at the first rung, which each of them has.

    Attributes:
        field: of the recipe.
        tried: the range, as a person types it.
        by_ratio: whether it was searched by ratios (a chart's axis is logarithmic then).
        importance: its share of what the settings explain, 0 to 1 (PED-ANOVA: Watanabe, Bansal & Hutter 2023,
            2304.10255); None with fewer than 8 trials.
        correlation: Spearman's, of value and kernel distance: above 0, smaller values were better. None for words.
        p_value: of that correlation; of Kruskal and Wallis's test for words. None where it cannot be had. Settings
            are not drawn independently of the results, so it is a hint.
    """

    field: str
    tried: str
    by_ratio: bool
    importance: float | None
    correlation: float | None
    p_value: float | None

    @property
    def why(self) -> str:
        """Why there is no importance; empty where there is one."""
        return "" if self.importance is not None else f"not measured: fewer than {IMPORTANCE_TRIALS} comparable trials"


class Confirmation(RecordPart):
    """One training on a fresh seed, compared by the images that nothing was chosen by.

    Attributes:
        settings: ``start`` or ``best``.
        seed: of the training.
        kid: kernel distance to the confirming images.
    """

    settings: Literal["start", "best"]
    seed: int
    kid: float


class SearchRecord(Record):
    """A search over settings.

    Attributes:
        start: the recipe that it started from.
        rungs: kimg after which trials were compared; the last is their full length.
        shots: training images per class, or None for all.
        n_training: images that the generators learnt from.
        n_choose: held-out images that trials were ranked by.
        n_confirm: held-out images of the confirmation.
        pieces: groups of each of the three, in that order.
        by_class: whether the distance is a mean over classes.
        extractor: what images were compared by.
        trials: all of them.
        sensitivity: of each setting, most important first.
        best: number of the best whole trial, or None.
        confirmations: start and best on fresh seeds; empty when start is best.
        improved: whether best beats start in the confirmation's mean. None: not compared.
        recipe: what ``best.toml`` holds.
        stopped: why it ended: ``trials`` or ``minutes``.
        sentence: the outcome in plain words.
    """

    kind: Literal["search"] = "search"
    start: dict[str, Any]
    rungs: list[float]
    shots: int | None
    n_training: int
    n_choose: int
    n_confirm: int
    pieces: list[int]
    by_class: bool
    extractor: str
    trials: list[SettingsTried]
    sensitivity: list[Sensitivity]
    best: int | None
    confirmations: list[Confirmation]
    improved: bool | None
    recipe: dict[str, Any]
    stopped: Literal["trials", "minutes"]
    sentence: str

    @property
    def changed(self) -> bool:
        """Whether ``best.toml`` holds other settings than the recipe that the search started from."""
        return self.recipe != self.start


def search_file(folder: Path) -> Path:
    """Return the path of the record in a search's folder."""
    return folder / "records" / "search.json"


def save_search(folder: Path, record: SearchRecord) -> None:
    """Write the record atomically."""
    write_record(search_file(folder), record)


def load_search(folder: Path) -> SearchRecord:
    """Read the record of a search.

    Raises:
        RunNotFoundError: there is none. RunBrokenError: it is damaged or of another format.
    """
    again = "Run the search's command again with --resume."
    missing = f"{folder} has no search record yet: the search is not finished. {again}"
    return read_record(search_file(folder), SearchRecord, missing, again)
