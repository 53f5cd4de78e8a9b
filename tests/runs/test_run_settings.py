from __future__ import annotations

import json
from pathlib import Path

from flawforge.core.files import write_json
from flawforge.runs.folder import Run
from flawforge.runs.run_settings import RunSettings, UnlabelledImages

OLD = Path(__file__).parents[1] / "old_folders" / "run" / "run.json"


def test_a_file_of_an_earlier_version_is_written_back_as_it_was(tmp_path: Path) -> None:
    text = OLD.read_text()
    (tmp_path / "run.json").write_text(text)
    run = Run.open(tmp_path)
    run.save_settings(run.settings)
    assert json.loads((tmp_path / "run.json").read_text()) == json.loads(text)
    assert list(json.loads((tmp_path / "run.json").read_text())) == list(json.loads(text))


def test_fields_that_this_version_does_not_know_are_kept(tmp_path: Path) -> None:
    value = {"format": 1, "seed": 3, "new": [1], "data": {"source": "photos", "newer": {"a": 1}}}
    write_json(tmp_path / "run.json", value)
    run = Run.open(tmp_path)
    run.save_settings(run.settings.model_copy(update={"minutes": 2.0}))
    assert json.loads((tmp_path / "run.json").read_text()) == {**value, "minutes": 2.0}


def test_what_is_not_recorded_has_a_default_and_is_not_written(tmp_path: Path) -> None:
    run = Run.create(tmp_path, RunSettings(seed=3))
    assert json.loads((tmp_path / "run.json").read_text()) == {"format": 1, "seed": 3}
    assert (run.settings.data.white, run.settings.judging.samples, run.settings.unlabelled) == (255, [], None)


def test_the_fingerprint_of_all_that_training_saw() -> None:
    settings = RunSettings.model_validate({"data": {"fingerprint": "a"}})
    assert settings.training_fingerprint == "a"
    both = settings.model_copy(update={"unlabelled": UnlabelledImages(with_training="b")})
    assert both.training_fingerprint == "b"
