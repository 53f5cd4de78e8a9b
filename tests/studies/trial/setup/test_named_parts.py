"""A trial goes on with the recipe and the code that it was begun with, not with their names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import trial_material as material
from flawforge.core.errors import RunExistsError
from flawforge.core.settings.trials import TrialSettings
from flawforge.runs.cells import CELLS
from flawforge.studies.trial.setup.bench import load_bench
from flawforge.studies.trial.setup.named_parts import changed_contents, named_contents
from flawforge.studies.trial.setup.open import open_trial

RECIPE = 'name = "fewshot"\nresolution = {side}\ngenerator_lr = {rate}\n'


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images, a recipe's file and a module with a user's own parts."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "small.toml").write_text(RECIPE.format(side=32, rate=0.0004))
    (tmp_path / "own_parts.py").write_text("def net(): ...\ndef gen(): ...\n")
    return material.draw_dataset(tmp_path / "photos", 8, classes=("good", "waves"))


def test_an_edited_recipe_or_code_is_refused_where_cells_are_and_begins_anew_when_told(
    photos: Path, tmp_path: Path
) -> None:
    """Cells of both recipes once went into one verdict."""
    out = tmp_path / "out"
    common = {"shots": (3,), "resolution": (32, 32), "models": ("small-cnn", "own_parts:net")}
    settings = TrialSettings(**common, recipe=str(tmp_path / "small.toml"))
    open_trial(photos, out, settings)
    (out / CELLS).mkdir()
    (out / CELLS / "cell.json").write_text("{}")
    open_trial(photos, out, settings.model_copy(update={"models": ("small-cnn", "own_parts:net", "own_parts:gen")}))
    (tmp_path / "small.toml").write_text(RECIPE.format(side=64, rate=0.001))
    (tmp_path / "own_parts.py").write_text("def net(): return 1\n")
    with pytest.raises(RunExistsError) as caught:
        open_trial(photos, out, settings)
    assert (
        "the code of model own_parts:net has changed; the recipe's resolution 32 -> 64, generator_lr 0.0004 -> 0.001"
        in str(caught.value)
    )
    assert "or add --anew, which removes its results" in str(caught.value)
    assert (out / CELLS / "cell.json").exists()
    open_trial(photos, out, settings, anew=True)
    assert not (out / CELLS).exists()
    open_trial(photos, out, settings)


def test_code_that_the_own_part_imports_is_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the file of the function itself was once compared."""
    monkeypatch.syspath_prepend(tmp_path)
    files = {
        "own_net.py": "import json, numpy\nfrom own_kit import layers\ndef net(): ...\n",
        "own_kit/__init__.py": "",
        "own_kit/layers.py": "from .deep import width\n",
        "own_kit/deep.py": "from . import layers\nwidth = 3\n",
        "own_kit/unused.py": "",
        "own_alone.py": "import json\ndef net(): ...\n",
    }
    (tmp_path / "own_kit").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    settings = TrialSettings(shots=(3,), models=("own_net:net", "own_alone:net"))
    before = named_contents(settings)
    assert [key for key in before if key != "recipe"] == [
        "code of model own_net:net",
        "code of model own_net:net, or what it imports,",
        "code of model own_alone:net",
    ]
    (tmp_path / "own_kit" / "unused.py").write_text("x = 1\n")
    assert changed_contents(before, named_contents(settings)) == []
    (tmp_path / "own_kit" / "deep.py").write_text("width = 4\n")
    assert changed_contents(before, named_contents(settings)) == [
        "the code of model own_net:net, or what it imports, has changed"
    ]


def test_a_trial_that_did_not_record_them_goes_on(photos: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "out", TrialSettings(shots=(3,), resolution=(32, 32), models=("small-cnn",))
    open_trial(photos, out, settings)
    facts = json.loads((out / "bench.json").read_text())
    del facts["inputs"]["recipe"]
    (out / "bench.json").write_text(json.dumps(facts))
    (out / CELLS).mkdir()
    (out / CELLS / "cell.json").write_text("{}")
    open_trial(photos, out, settings)
    assert "recipe" in load_bench(out).inputs  # from now on it is
