"""What a trial takes where its settings leave it open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flawforge.core.errors import RunExistsError
from flawforge.core.settings.trials import OLD, TrialSettings
from flawforge.studies.trial.setup.bench import FACTS, load_bench
from flawforge.studies.trial.setup.open import open_trial
from flawforge.studies.trial.setup.usual import with_usual

from .test_good_class import folders, settings


@pytest.mark.parametrize(
    ("classes", "shots", "steps"), [(2, 5, 300), (2, 20, 400), (2, 50, 900), (3, 5, 450), (6, 5, 900), (9, 50, 900)]
)
def test_few_classes_and_few_images_take_fewer_steps(classes: int, shots: int, steps: int) -> None:
    names = tuple("abcdefghi"[:classes])
    assert with_usual(TrialSettings(shots=(2, shots)), names).steps == steps
    assert with_usual(TrialSettings(shots=(shots,), steps=77), names).steps == 77
    assert with_usual(TrialSettings(shots=(shots,), rare=("a",)), names).steps == 900
    begun = TrialSettings(steps=120, models=("small-cnn",), **OLD)  # as versions with another default began it
    on = with_usual(TrialSettings(shots=(shots,)), (*names, "good"), begun)
    assert (on.steps, on.models, on.choice_length, on.real_length) == (120, ("small-cnn",), 1, 1)
    assert on.one_view
    assert not with_usual(TrialSettings(), names).one_view
    assert with_usual(TrialSettings(models=("effnet-probe",)), names, begun).models == ("effnet-probe",)


def test_a_trial_of_locating_goes_on_as_it_was_begun() -> None:
    """Another default in a newer version made it another trial, whose folder was refused."""
    begun = TrialSettings(task="locate", models=("unet",), steps=7, batch=6, made=9, share=0.1, resolution=(64, 64))
    assert with_usual(TrialSettings(task="locate"), ("dent", "good"), begun) == begun
    asked = TrialSettings(task="locate", made=20)
    assert with_usual(asked, ("dent", "good"), begun) == begun.model_copy(update={"made": 20})
    usual = with_usual(TrialSettings(task="locate"), ("dent", "good"))
    assert (usual.resolution, usual.models) == ((128, 128), ("unet", "effnet-dense"))


def test_unlike_numbers_of_images_take_generators_as_long_as_equal_ones_of_a_rare_class() -> None:
    names = ("dent", "good", "hole")
    usual = with_usual(TrialSettings(shots=(5,)), names).kimg(15)
    assert usual == 3.0
    assert with_usual(TrialSettings(shots=(5,), rare=("dent",)), names).kimg(400) == usual
    assert with_usual(TrialSettings(as_is=True), names).kimg(400) == usual
    asked = TrialSettings(shots=(5,), rare=("dent",), generator_kimg=7)
    assert with_usual(asked, names).kimg(400) == 7
    begun = TrialSettings(shots=(5,), rare=("dent",))  # as versions without that began it
    assert with_usual(begun, names, begun).generator_kimg is None


def test_a_trial_of_before_goes_on_with_whole_generators(tmp_path: Path) -> None:
    photos, out = folders(tmp_path / "parts", "front", "good"), tmp_path / "out"
    before = open_trial(photos, out, settings(**OLD))
    facts = json.loads((out / FACTS).read_text())
    for name in OLD:
        del facts["settings"][name]
    (out / FACTS).write_text(json.dumps(facts))
    assert load_bench(out).settings == before.settings
    (out / "cells").mkdir()
    (out / "cells" / "begun").touch()
    assert open_trial(photos, out, settings()).protocol == before.protocol
    with pytest.raises(RunExistsError, match=r"generator_length 1.0 -> 0.5"):
        open_trial(photos, out, settings(generator_length=0.5))


def test_models_that_compare_with_good_images_are_added_where_none_is_named(tmp_path: Path) -> None:
    photos = folders(tmp_path / "parts", "front", "side", "good")
    usual = ("small-cnn", "effnet-probe")
    assert open_trial(photos, tmp_path / "a", settings()).settings.models == (*usual, "effnet-focus")
    named = settings(models=("small-cnn",))
    assert open_trial(photos, tmp_path / "b", named).settings.models == ("small-cnn",)
    other = folders(tmp_path / "steel", "front", "side")
    told = settings(task="type", good=None)
    assert open_trial(other, tmp_path / "c", told).settings.models == usual
