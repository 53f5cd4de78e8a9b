from __future__ import annotations

import json
from pathlib import Path

import pytest

from flawforge.core.errors import RunBrokenError, RunExistsError, RunNotFoundError, SettingError
from flawforge.core.settings.recipes import recipe
from flawforge.runs.folder import Run
from flawforge.runs.run_settings import RunSettings


def test_a_run_is_made_and_opened(tmp_path: Path) -> None:
    Run.create(tmp_path / "a" / "b", RunSettings(seed=3))
    assert Run.open(tmp_path / "a" / "b").settings.seed == 3


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    Run.create(tmp_path, RunSettings())
    with pytest.raises(
        RunExistsError, match=r"already holds a run. Add --resume to go on with it, or give another --out"
    ):
        Run.create(tmp_path, RunSettings())


def test_a_file_in_the_way_is_explained(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(RunExistsError, match="is a file; --out takes a folder"):
        Run.create(tmp_path / "x", RunSettings())


def test_no_run_and_a_run_of_another_format(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="is no run: it is empty"):
        Run.open(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(RunBrokenError, match="has format 99; this version of Flawforge reads format 1"):
        Run.open(tmp_path)


def test_a_damaged_run_json_says_where(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, "data": {"samples": "many"}}))
    with pytest.raises(RunBrokenError, match="run.json is damaged: Input should be a valid integer.* at data.samples"):
        Run.open(tmp_path)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(RunBrokenError, match="run.json is damaged: Input should be a valid dictionary"):
        Run.open(tmp_path)


def test_the_recipe_is_checked_and_names_the_file(tmp_path: Path) -> None:
    run = Run.create(tmp_path, RunSettings(recipe=recipe("fewshot", batch=8).dump()))
    assert run.recipe.batch == 8
    run.save_settings(RunSettings(recipe={"batch": 8}))
    with pytest.raises(SettingError, match="run.json: setting 'name' is missing"):
        run.recipe  # noqa: B018
