"""A trial folder is opened as a new experiment or as the same one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import trial_material as material
from flawforge.core.errors import RunBrokenError, RunExistsError, SettingError
from flawforge.core.settings.trials import TrialSettings
from flawforge.studies.trial.setup.bench import how_drawn, load_bench, overlap_notes, save_bench
from flawforge.studies.trial.setup.open import open_trial


def test_files_that_were_renamed_or_moved_stay_the_images_that_they_were(tmp_path: Path) -> None:
    photos = material.draw_dataset(tmp_path / "photos", 12, classes=("good", "waves"))
    more = material.draw_dataset(tmp_path / "more", 5, seed=4, classes=("stripes",))
    settings = TrialSettings(shots=(3,), seeds=2, resolution=(32, 32), models=("small-cnn",), steps=9)
    out = tmp_path / "out"
    before = open_trial(photos, out, settings, unlabelled=more)
    tested = {before.dataset.samples[int(i)].sha256 for i in before.division.test}
    for folder in (photos / "good", photos / "waves", more / "stripes"):
        for path in sorted(folder.glob("*.png")):
            path.rename(path.with_name(f"{99 - int(path.stem):03d}.png"))  # the same contents, in reversed order
    moved, moved_more = photos.rename(tmp_path / "photos of may"), more.rename(tmp_path / "more of may")
    for asked in (settings, settings.model_copy(update={"seeds": 3})):
        here = open_trial(moved, out, asked, unlabelled=moved_more)
        for bench in (here, load_bench(out)):  # what this process works with, and what a worker reads
            assert bench.settings == asked
            assert bench.outside is not None
            for data, images in ((bench.dataset, bench.images), (bench.outside, bench.unlabelled)):
                assert all((data.read(i) == images[i, 0]).all() for i in range(len(data)))
            shots = bench.dataset.take(bench.shots(0, 3).tolist())
            assert not {hashlib.sha256(shots.read(i).tobytes()).hexdigest() for i in range(len(shots))} & {
                hashlib.sha256(before.images[i, 0].tobytes()).hexdigest() for i in before.division.test
            }
            assert {bench.dataset.samples[int(i)].sha256 for i in bench.division.test} == tested


def test_a_trial_whose_test_images_are_not_those_that_were_set_aside_is_refused(tmp_path: Path) -> None:
    photos = material.draw_dataset(tmp_path / "photos", 12, classes=("good", "waves"))
    settings = TrialSettings(shots=(3,), seeds=2, resolution=(32, 32))
    bench = open_trial(photos, tmp_path / "out", settings)
    mixed = replace(bench, dataset=replace(bench.dataset, samples=bench.dataset.samples[::-1]))
    save_bench(tmp_path / "out", mixed)
    with pytest.raises(RunBrokenError, match="names other test images than"):
        open_trial(photos, tmp_path / "out", settings)


def test_a_folder_among_the_images_and_an_arm_without_masks_are_refused(tmp_path: Path) -> None:
    photos = material.draw_dataset(tmp_path / "photos", 12, classes=("good", "waves"))
    settings = TrialSettings(shots=(3,), seeds=2, resolution=(32, 32))
    with pytest.raises(RunExistsError, match="would lie among the images in"):
        open_trial(photos, photos / "out", settings)
    masks = settings.model_copy(update={"arms": ("classical", "copy-paste")})
    with pytest.raises(SettingError, match="--arms copy-paste takes defects by their mask or box"):
        open_trial(photos, tmp_path / "out", masks)
    assert not (tmp_path / "out").exists()


def test_more_shots_than_are_left_are_refused_and_more_repeats_are_not(tmp_path: Path) -> None:
    photos = material.draw_dataset(tmp_path / "photos", 12, classes=("good", "waves"))
    settings = TrialSettings(shots=(3,), seeds=2, resolution=(32, 32))
    first = open_trial(photos, tmp_path / "out", settings)
    more = open_trial(photos, tmp_path / "out", settings.model_copy(update={"seeds": 9}))
    assert (more.protocol, more.settings.seeds) == (first.protocol, 9)
    with pytest.raises(SettingError, match=r"--shots 12: class 'good' has \d+ images outside the test set"):
        open_trial(photos, tmp_path / "out", settings.model_copy(update={"shots": (12,)}))


def test_rare_classes_that_cannot_be_are_named(tmp_path: Path) -> None:
    photos = material.draw_dataset(tmp_path / "photos", 12, classes=("good", "stripes", "waves"))
    settings = TrialSettings(shots=(3,), seeds=2, resolution=(32, 32))
    for changes, message in (
        ({"rare": ("wave",)}, "--rare names 'wave', and .* has good, stripes, waves. Did you mean 'waves'"),
        ({"rare": ("good",), "task": "good"}, "--rare names 'good', which is the class of good images"),
        ({"rare": ("good", "stripes", "waves")}, "--rare names all classes"),
    ):
        with pytest.raises(SettingError, match=message):
            open_trial(photos, tmp_path / "out", settings.model_copy(update=changes))


def test_more_shots_of_a_rare_class_are_asked_for_later_and_other_rare_classes_are_another_trial(
    tmp_path: Path,
) -> None:
    photos = material.draw_dataset(tmp_path / "photos", 12, classes=("good", "stripes", "waves"))
    for number in range(3):
        (photos / "stripes" / f"{number:03d}.png").unlink()
    settings = TrialSettings(shots=(2,), seeds=2, resolution=(32, 32), rare=("waves",), others=4)
    bench = open_trial(photos, tmp_path / "out", settings)
    (tmp_path / "out" / "cells").mkdir()
    (tmp_path / "out" / "cells" / "begun").touch()
    more = open_trial(photos, tmp_path / "out", settings.model_copy(update={"shots": (2, 5)}))
    assert set(bench.shots(0, 2).tolist()) < set(more.shots(0, 5).tolist())
    assert np.bincount(more.dataset.labels[more.shots(0, 5)]).tolist() == [4, 4, 5]
    with pytest.raises(SettingError, match="--shots 7: class 'waves' has 6 images outside the test set"):
        open_trial(photos, tmp_path / "out", settings.model_copy(update={"shots": (7,)}))
    with pytest.raises(RunExistsError, match="holds a trial with other settings: rare .*waves.* -> .*stripes"):
        open_trial(photos, tmp_path / "out", settings.model_copy(update={"rare": ("stripes",)}))


def test_the_data_as_they_are_take_all_that_is_not_tested_on(tmp_path: Path) -> None:
    photos = material.draw_dataset(tmp_path / "photos", 12, classes=("good", "stripes", "waves"))
    for number in range(7):
        (photos / "stripes" / f"{number:03d}.png").unlink()
    settings = TrialSettings(seeds=2, resolution=(32, 32), as_is=True)
    for task in ("type", "good"):
        bench = open_trial(photos, tmp_path / task, settings.model_copy(update={"task": task}))
        assert bench.shots(0, 0).tolist() == bench.shots(1, 0).tolist() == bench.division.pool.tolist()
        assert overlap_notes(bench)[0].startswith("Every repeat has the same training images, all that are outside")
    rare = settings.model_copy(update={"as_is": False, "rare": ("stripes",), "shots": (2,), "others": 3})
    bench = open_trial(photos, tmp_path / "rare", rare)
    assert how_drawn(bench).endswith(
        "Of every other class, up to 3 images outside the test set are trained on beside them."
    )
    assert "its own training images of stripes from the rest" in how_drawn(bench)
