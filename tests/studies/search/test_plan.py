"""The plan of a search: what is written into its folder, and which folders are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import flawforge
from flawforge.core.errors import RunExistsError, SettingError
from flawforge.core.files import read_json
from flawforge.studies.search.plan import SearchPlan, open_search
from flawforge.studies.search.space import search_space


def plan(**changes: object) -> SearchPlan:
    start = flawforge.recipe("fewshot")
    ranges = search_space(start, ["ema_kimg=0.2..2", "augment=light,full"])
    values = {"kimg": 6.0, "seed": 0, "shots": None, "classes": ("dents",), "extractor": "pixels", "fingerprint": "ab"}
    return SearchPlan(start, ranges, **{**values, **changes})  # type: ignore[arg-type]


def test_the_folder_holds_the_plan_in_the_order_that_names_its_study(tmp_path: Path) -> None:
    """Optuna finds the study of an earlier version by a name that is derived from these values in this order."""
    open_search(tmp_path / "search", plan(), resume=False)
    written = read_json(tmp_path / "search" / "search.json")
    assert list(plan().dump()) == ["start", "settings", "kimg", "seed", "shots", "classes", "extractor", "fingerprint"]
    assert written == plan().dump()
    assert written["settings"] == ["ema_kimg=0.2..2", "augment=light,full"]
    assert written["classes"] == ["dents"]


def test_trials_are_compared_at_a_quarter_and_half_of_their_length() -> None:
    assert plan().rungs == [1.5, 3.0, 6.0]
    assert plan().recipe({"ema_kimg": 0.3}).dump() == {**plan().start.dump(), "ema_kimg": 0.3, "kimg": 6.0}


def test_only_the_same_search_is_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "search"
    open_search(folder, plan(), resume=False)
    open_search(folder, plan(), resume=True)
    with pytest.raises(RunExistsError, match=r"already holds a search\. Add --resume to resume it"):
        open_search(folder, plan(), resume=False)
    with pytest.raises(SettingError, match=r"cannot resume .*: it was begun with other settings: seed 0 -> 1\. Give"):
        open_search(folder, plan(seed=1), resume=True)
