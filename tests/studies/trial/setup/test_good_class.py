"""Which class holds the good images: what is named, else what the names say, and never a guess that is not told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataUnusableError, RunExistsError, SettingError
from flawforge.core.settings.trials import OLD, TrialSettings
from flawforge.studies.trial.setup.bench import Bench, load_bench
from flawforge.studies.trial.setup.open import open_trial
from heard import Heard


def folders(root: Path, *names: str) -> Path:
    rng = np.random.default_rng(0)
    for name in names:
        (root / name).mkdir(parents=True)
        for index in range(10):
            Image.fromarray(rng.integers(0, 255, (32, 32)).astype(np.uint8)).save(root / name / f"{index}.png")
    return root


def settings(**changes: object) -> TrialSettings:
    return TrialSettings.parse({"task": "good", "shots": (3,), "resolution": (32, 32), **changes})


def test_the_class_that_was_taken_as_good_is_told(tmp_path: Path) -> None:
    photos = folders(tmp_path / "castings", "def_front", "ok_front")
    heard = Heard()
    bench = open_trial(photos, tmp_path / "out", settings(), progress=heard)
    assert bench.good == "ok_front"
    assert bench.classes == ("ok_front", "defective")
    assert heard.said == ["good images: class ok_front, by its name (--good names another); defective: def_front"]
    heard.said.clear()
    again = open_trial(photos, tmp_path / "out", settings(good="ok_front"), progress=heard)
    assert heard.said == ["good images: class ok_front; defective: def_front"]
    assert again.protocol == bench.protocol  # to name what was found is no other trial
    assert load_bench(tmp_path / "out").good == "ok_front"
    heard.said.clear()
    open_trial(photos, tmp_path / "other", settings(task="type"), progress=heard)
    assert heard.said == []


def test_another_good_class_is_another_trial(tmp_path: Path) -> None:
    photos = folders(tmp_path / "parts", "front", "side", "good")
    bench = open_trial(photos, tmp_path / "out", settings())
    assert (bench.good, bench.settings.good) == ("good", None)
    (tmp_path / "out" / "cells").mkdir()
    (tmp_path / "out" / "cells" / "begun").touch()
    assert open_trial(photos, tmp_path / "out", settings(good="good")).protocol == bench.protocol
    with pytest.raises(RunExistsError, match="good None -> front"):
        open_trial(photos, tmp_path / "out", settings(good="front"))
    other = open_trial(photos, tmp_path / "other", settings(good="front"))
    assert other.protocol != bench.protocol
    labels = other.dataset.labels
    assert (other.targets(labels) == (labels != 0)).all()  # front is the first of the classes


def test_trials_of_before_there_was_the_setting_keep_their_protocol() -> None:
    assert settings().protocol("x") != settings(good="a").protocol("x") != settings(good="b").protocol("x")
    known = "b10af4f72988"  # of the version before, of TrialSettings(task="good", shots=(3,), resolution=(32, 32))
    assert settings(**OLD, steps=900).protocol("x").startswith(known)


def test_the_generators_length_counts_only_where_nothing_else_says_it() -> None:
    for given in ({"generator_kimg": 2}, {"generator_minutes": 1}, {"generator": "a:b"}):
        assert settings(**given).protocol("x") == settings(generator_length=1, **given).protocol("x")
    assert settings().protocol("x") != settings(generator_length=1).protocol("x")
    assert settings().protocol("x") != settings(choice_length=1).protocol("x")
    assert settings(folds=0).protocol("x") == settings(folds=0, choice_length=1).protocol("x")


def test_what_is_not_to_be_found_names_the_flag(tmp_path: Path) -> None:
    photos = folders(tmp_path / "parts", "ok_front", "ok_side", "scratch")
    with pytest.raises(DataUnusableError, match="ok_front, ok_side, scratch. Name the class of good images: --good "):
        open_trial(photos, tmp_path / "a", settings())
    with pytest.raises(SettingError, match="--good is 'ok_fron'; .* has ok_front, .* Did you mean 'ok_front'"):
        open_trial(photos, tmp_path / "b", settings(good="ok_fron"))
    with pytest.raises(SettingError, match="good names the good class of task 'good'"):
        TrialSettings.parse({"good": "ok_front", "models": ("small-cnn",)})


def test_a_model_that_compares_with_good_images_knows_their_class_whatever_the_task(tmp_path: Path) -> None:
    photos = folders(tmp_path / "castings", "def_front", "ok_front")
    asked = settings(task="type", models=("small-cnn", "effnet-focus"))
    bench = open_trial(photos, tmp_path / "out", asked)
    assert (bench.good, bench.good_number, bench.protocol) == (
        None,
        1,
        settings(task="type", steps=300).protocol(bench_of(bench)),
    )
    assert open_trial(photos, tmp_path / "good", settings()).good_number == 0
    named = open_trial(photos, tmp_path / "named", settings(task="type", models=("effnet-focus",), good="def_front"))
    assert (named.good, named.good_number, load_bench(tmp_path / "named").good_number) == (None, 0, 0)
    with pytest.raises(SettingError, match="--good is 'def'; .* has def_front, ok_front"):
        open_trial(photos, tmp_path / "a", settings(task="type", models=("effnet-focus",), good="def"))


def bench_of(bench: Bench) -> str:
    """What the images add to a trial's protocol."""
    return repr(sorted((name, value) for name, value in bench.inputs.items() if name == "data"))


def test_a_model_that_compares_with_good_images_is_refused_where_there_are_none(tmp_path: Path) -> None:
    photos = folders(tmp_path / "steel", "crazing", "patches")
    with pytest.raises(SettingError, match="effnet-focus compares .* crazing, patches. Name .* --good NAME, or leave"):
        open_trial(photos, tmp_path / "out", settings(task="type", models=("effnet-focus",)))
    begun = open_trial(photos, tmp_path / "out", settings(task="type"))
    assert begun.good_number is None
    with pytest.raises(SettingError, match="effnet-focus compares"):
        open_trial(photos, tmp_path / "out", settings(task="type", models=("small-cnn", "effnet-focus")))
