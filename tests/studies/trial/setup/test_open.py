"""A trial folder is opened as a new experiment or as the same one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

import trial_material as material
from flawforge.core.errors import RunBrokenError, RunExistsError, SettingError
from flawforge.core.settings.trials import TrialSettings
from flawforge.studies.trial.setup.bench import load_bench, save_bench
from flawforge.studies.trial.setup.open import open_trial


def test_files_that_were_renamed_or_moved_stay_the_images_that_they_were(tmp_path: Path) -> None:
    photos = material.draw_dataset(tmp_path / "photos", 12, classes=("good", "waves"))
    more = material.draw_dataset(tmp_path / "more", 5, seed=4, classes=("stripes",))
    settings = TrialSettings(shots=(3,), seeds=2, resolution=(32, 32))
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
