"""A whole trial: the effect is found where it was planted, not where there is none, and leakage is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import flawforge
import trial_material as material
from flawforge.core.errors import DataUnusableError, RunExistsError, SettingError, TrainingDivergedError
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.reading_choices import ReadingChoices
from flawforge.runs.cells import CellKey, read_cells
from flawforge.runs.trial_progress import TrialProgress
from flawforge.runs.trials import TrialRecord, read_trial
from flawforge.studies.trial.analysis import sentences
from flawforge.studies.trial.execution.local import CellProcesses
from flawforge.studies.trial.setup.bench import Bench, load_bench
from flawforge.studies.trial.setup.open import open_trial
from heard import Heard

SMALL: dict[str, Any] = {
    **material.SMALL,
    "seeds": 4,
    "arms": ("classical", "generated"),
    "early_stop": False,
    "keep_model": False,
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return material.draw_dataset(tmp_path_factory.mktemp("trial") / "photos", 40)


def planted(photos: Path, out: Path, generator: str, **changes: Any) -> TrialRecord:
    return flawforge.trial(photos, out, **{**SMALL, "generator": f"trial_material:{generator}", **changes})


@pytest.fixture(scope="module")
def helped(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrialRecord]:
    out = tmp_path_factory.mktemp("helped") / "out"
    return out, planted(photos, out, "oracle")


def test_a_generator_that_knows_the_truth_helps(helped: tuple[Path, TrialRecord]) -> None:
    out, record = helped
    (found,) = record.comparisons
    assert found.word == "helps"
    assert found.gain.low is not None
    assert found.gain.low > 0
    assert record.verdict.word == "helps"
    assert record.complete
    assert read_trial(out) == record
    (told,) = record.choices
    assert told == (
        "3 images per class, trial_material:small_network: fixed in advance",
        "generated is tested against classical",
    )
    assert (out / "records" / "trial.csv").read_text().count("\n") == 1 + 2 * 4 * 3
    for flip in found.flips:
        assert flip.picture is not None
        assert (out / flip.picture).is_file()


def test_a_generator_that_repeats_its_shots_does_not_help(photos: Path, tmp_path: Path) -> None:
    record = planted(photos, tmp_path / "out", "repeater")
    assert record.verdict.word == "no evidence"


def test_a_generator_that_takes_one_class_for_another_hurts(photos: Path, tmp_path: Path) -> None:
    assert planted(photos, tmp_path / "out", "swapper").verdict.word == "hurts"


def test_a_generator_that_saw_the_test_images_is_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAL_THIEF", str(photos))
    with pytest.raises(DataUnusableError, match="test images have leaked"):
        planted(photos, tmp_path / "out", "thief", made=40, seeds=1)


def test_more_repeats_add_cells_and_change_none(photos: Path, tmp_path: Path, helped: tuple[Path, TrialRecord]) -> None:
    planted(photos, tmp_path / "out", "oracle", seeds=2)
    bench = load_bench(tmp_path / "out")
    before = {p.name: p.read_bytes() for p in (tmp_path / "out" / "cells").iterdir()}
    assert len(read_cells(tmp_path / "out" / "cells", bench.protocol)) == 6
    record = planted(photos, tmp_path / "out", "oracle")
    for name, content in before.items():
        assert (tmp_path / "out" / "cells" / name).read_bytes() == content
    assert [one.values for one in record.results] == [one.values for one in helped[1].results]
    assert [one.differences for one in record.comparisons] == [one.differences for one in helped[1].comparisons]
    assert record.verdict == helped[1].verdict  # two repeats were too few for any word, and spent nothing
    assert not any("extended" in note for note in record.notes)


def test_a_clear_answer_stops_the_trial_early_and_counts_its_looks(
    photos: Path, tmp_path: Path, helped: tuple[Path, TrialRecord]
) -> None:
    shutil.copytree(helped[0], tmp_path / "out", ignore=shutil.ignore_patterns("records"))
    record = planted(photos, tmp_path / "out", "oracle", seeds=12, early_stop=True)
    (found,) = record.comparisons
    done = len(found.seeds)
    assert 4 <= done < 12
    assert [look.seeds for look in record.looks] == list(range(4, done + 1))
    assert [look.stopped for look in record.looks] == [False] * (done - 4) + [True]
    assert found.word == "helps"
    assert found.gain.level > 0.95  # wider, for having looked
    assert record.complete
    assert any("Stopped early" in note for note in record.notes)
    watched = TrialProgress.model_validate_json((tmp_path / "out" / "progress.json").read_text())
    assert [(look.repeats, look.planned, look.stopped) for look in watched.looks] == [
        (look.seeds, look.planned, look.stopped) for look in record.looks
    ]
    last = watched.looks[-1].gains[0]
    assert (last.arm, last.control, last.gain) == (found.arm, found.control, found.gain)


def test_a_budget_of_time_leaves_repeats_out_but_never_the_first_three(
    photos: Path, tmp_path: Path, helped: tuple[Path, TrialRecord]
) -> None:
    shutil.copytree(helped[0], tmp_path / "out")
    for path in (tmp_path / "out" / "cells").glob("s000[23]-*"):
        path.unlink()
    record = planted(photos, tmp_path / "out", "oracle", minutes=0.001)
    assert [one.seeds for one in record.results] == [[0, 1, 2], [0, 1, 2]]
    assert not record.complete
    assert any("The time budget allowed 3 of 4 repeats." in note for note in record.notes)


def test_a_cell_that_fails_leaves_the_verdict_on_the_whole_repeats(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "marks").mkdir()
    monkeypatch.setenv("MARKS", str(tmp_path / "marks"))
    out = tmp_path / "out"
    for _ in range(2):  # a rerun comes to the same cell
        with pytest.raises(TrainingDivergedError, match="no number any more") as caught:
            planted(photos, out, "stumbler", seeds=5)
        (told,) = caught.value.__notes__
        assert "The results of 3 complete repeats are in " in told
        assert "--repeats 3" in told
        record = read_trial(out)
        assert [one.seeds for one in record.results] == [[0, 1, 2]] * 2
        assert not record.complete
        assert record.looks[-1].planned == 5
        assert "Ended by an error after 3 of 5 repeats: the loss is no number any more" in record.notes
        (out / "records" / "trial.json").unlink()
    record = planted(photos, out, "stumbler", seeds=3)
    assert record.complete
    assert not any("error" in note for note in record.notes)


def test_a_first_cell_that_fails_is_told_as_it_is(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(3):
        (tmp_path / "marks" / str(index)).mkdir(parents=True)
    monkeypatch.setenv("MARKS", str(tmp_path / "marks"))
    with pytest.raises(TrainingDivergedError) as caught:
        planted(photos, tmp_path / "out", "stumbler")
    assert not hasattr(caught.value, "__notes__")
    assert not (tmp_path / "out" / "records" / "trial.json").exists()


def test_other_settings_or_images_are_refused(photos: Path, helped: tuple[Path, TrialRecord], tmp_path: Path) -> None:
    with pytest.raises(RunExistsError, match="steps 30 -> 31"):
        planted(photos, helped[0], "oracle", steps=31)
    other = material.draw_dataset(tmp_path / "photos", 40, seed=9)
    with pytest.raises(RunExistsError, match="with other settings: the images"):
        planted(other, helped[0], "oracle")


def test_a_trial_that_was_only_planned_may_still_be_begun_otherwise(photos: Path, tmp_path: Path) -> None:
    from flawforge.studies.trial.run import plan_trial

    out, asked = tmp_path / "out", {key: value for key, value in SMALL.items() if key != "early_stop"}
    for steps in (100, 40):
        plan_trial(photos, out, **{**asked, "generator": "trial_material:oracle", "steps": steps})
        assert load_bench(out).settings.steps == steps
    (out / "generators" / "s0000-n0003").mkdir(parents=True)
    with pytest.raises(RunExistsError, match="steps 40 -> 60"):
        plan_trial(photos, out, **{**asked, "generator": "trial_material:oracle", "steps": 60})


def test_a_trial_keeps_the_choices_of_its_images_and_says_what_it_leaves_out(photos: Path, tmp_path: Path) -> None:
    flat, heard = tmp_path / "flat", Heard()
    flat.mkdir()
    for label in ("dots", "waves"):
        for file in (photos / label).iterdir():
            shutil.copy(file, flat / f"{label}_{file.name}")
    shutil.copy(file, flat / "unknown.png")
    choices = ReadingChoices(classes_from="names")

    def opened(choices: ReadingChoices) -> Bench:
        return open_trial(flat, tmp_path / "out", TrialSettings.parse(asked), choices, progress=heard)

    asked = {key: SMALL[key] for key in ("shots", "seeds", "resolution", "arms")}
    assert opened(choices).dataset.counts == {"dots": 40, "waves": 40}
    assert [text for text in heard.said if "not labelled" in text] == [
        f"1 image is not labelled and left out (such as unknown.png: its name tells no class). To see all: flawforge "
        f"inspect {flat} --classes-from names"
    ]
    (tmp_path / "out" / "generators" / "s0000-n0003").mkdir(parents=True)
    assert opened(choices).inputs["choices"] == "{'classes_from': 'names'}"
    with pytest.raises(RunExistsError, match="how the images are read"):
        opened(ReadingChoices(classes_from="names", invert_masks=True))
    labels = tmp_path / "mended.csv"
    labels.write_text("file,class\ngone.png,dots\n" + f"{next(flat.glob('waves*')).name},waves\n")
    with pytest.raises(RunExistsError, match="other settings: the labels file"):
        opened(ReadingChoices(classes_from="names", labels=labels))


def test_the_plan_of_more_repeats_rests_on_those_that_are_done(photos: Path, helped: tuple[Path, TrialRecord]) -> None:
    from flawforge.studies.trial.run import plan_trial

    asked = {key: value for key, value in SMALL.items() if key != "early_stop"} | {"generator": "trial_material:oracle"}
    plans = [plan_trial(photos, helped[0], **{**asked, "seeds": seeds}) for seeds in (4, 16)]
    assert all("based on the 4 repeats that are done" in one.sentence for one in plans)
    few, many = (one.detectable for one in plans)
    assert few is not None
    assert many is not None
    assert many < few
    assert helped[1].comparisons[0].detectable == pytest.approx(few, rel=1e-6)


def test_what_cannot_be_tried_is_explained(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(RunExistsError, match="would lie among the images"):
        planted(photos, photos / "out", "oracle")
    with pytest.raises(SettingError, match="has neither"):
        planted(photos, tmp_path / "a", "oracle", arms=("classical", "copy-paste"))
    with pytest.raises(DataUnusableError, match="needs a class of good images"):
        planted(photos, tmp_path / "b", "oracle", task="good")
    with pytest.raises(DataUnusableError, match="nothing to tell apart"):
        planted(photos, tmp_path / "c", "oracle", classes=["dots"])
    with pytest.raises(SettingError, match="trial_material:nobody"):
        planted(photos, tmp_path / "d", "nobody", seeds=1)
    with pytest.raises(SettingError, match="--workers is 0"):
        planted(photos, tmp_path / "e", "oracle", workers=0)


@pytest.mark.slow
def test_all_arms_work_with_a_generator_that_is_trained(tmp_path: Path) -> None:
    photos = material.draw_dataset(tmp_path / "photos", 16, classes=("good", "stripes", "waves"))
    recipe = tmp_path / "small.toml"
    recipe.write_text('name = "fewshot"\nresolution = 32\ngenerator_depth = 4\ndiscriminator_depth = 4\nbatch = 4\n')
    arms = (
        "real",
        "classical",
        "placebo",
        "pseudo-labelled",
        "generated",
        "filtered",
        "recommended",
        "pseudo-labelled-generated",
        "only-generated",
    )
    record = flawforge.trial(
        photos,
        tmp_path / "out",
        task="good",
        recipe=str(recipe),
        generator_kimg=0.02,
        **{**SMALL, "arms": arms, "seeds": 1, "folds": 2, "made": 10, "steps": 6},
    )
    assert {one.arm for one in record.results} == set(arms)
    assert record.protocol.classes == ["good", "defective"]
    assert all(0 <= (one.metrics["AUROC"].value or 0) <= 1 for one in record.results)
    cells = read_cells(tmp_path / "out" / "cells", load_bench(tmp_path / "out").protocol)
    for key, cell in cells.items():
        if key.arm == "recommended":
            other = next(c for k, c in cells.items() if (k.seed, k.arm) == (key.seed, cell.facts["taken"]))
            assert (cell.probabilities == other.probabilities).all()
    assert (tmp_path / "out" / "generators" / "s0000-n0003" / "run.json").is_file()


@pytest.mark.nightly
def test_good_images_alone_are_enough_where_no_defect_looks_like_another(tmp_path: Path) -> None:
    """Good images are noise; a defect is a bar at a place of its own, so that one more of them teaches little."""
    rng = np.random.default_rng(0)
    for label in ("good", "bar"):
        (tmp_path / "parts" / label).mkdir(parents=True)
        for index in range(30):
            image = rng.integers(100, 140, (64, 64)).astype(np.uint8)
            if label == "bar":
                x, y = rng.integers(8, 48, 2)
                image[y : y + 3, x : x + 12] = rng.choice([0, 255])
            Image.fromarray(image).save(tmp_path / "parts" / label / f"{index}.png")
    record = flawforge.trial(
        tmp_path / "parts",
        tmp_path / "out",
        task="good",
        rare=("bar",),
        arms=("classical", "one-class", "one-class-joined"),
        models=("trial_material:small_network", "effnet-focus"),
        **{name: value for name, value in SMALL.items() if name not in ("arms", "models", "seeds", "resolution")},
        seeds=3,
        resolution=(64, 64),
    )
    assert sentences.NOTHING_GENERATED in record.verdict.sentence
    means = {(one.model, one.arm): one.metrics["AUROC"].value or 0 for one in record.results}
    assert means["effnet-focus", "one-class"] == means["trial_material:small_network", "one-class"] > 0.9
    assert record.verdict.advice[0].startswith("Best at 3 images of bar (")
    assert "average precision of bar 100.0%" in record.verdict.advice[0]


CHILD = """
import flawforge, json, sys
from pathlib import Path
flawforge.trial(Path({photos!r}), Path({out!r}), generator="trial_material:oracle", **json.loads({settings!r}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.nightly)])
def test_a_killed_trial_goes_on_and_ends_with_the_same_record(
    photos: Path, helped: tuple[Path, TrialRecord], tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "out"
    code = CHILD.format(photos=str(photos), out=str(out), settings=json.dumps({**SMALL, "workers": workers}))
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *(path for path in sys.path if path)])
    child = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths})
    while len(list((out / "cells").glob("*.json"))) < 3:
        assert child.poll() is None, "it ended by itself"
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = len(list((out / "cells").glob("*.json")))
    assert 3 <= done < 12
    assert not (out / "records" / "trial.json").exists()
    record = planted(photos, out, "oracle")
    assert material.scrubbed(record) == material.scrubbed(helped[1])


@pytest.mark.nightly  # in the suite: execution/test_local.py, one worker at a time
def test_a_worker_that_is_killed_is_replaced(photos: Path, helped: tuple[Path, TrialRecord], tmp_path: Path) -> None:
    killed: list[CellKey] = []
    submit = CellProcesses.submit

    def and_kill(self: Any, key: CellKey) -> None:
        submit(self, key)
        if key.arm == "classical" and not killed:
            worker = next(worker for own, worker in self._busy.values() if own == key)
            (process,) = worker._processes.values()
            killed.append(key)
            process.kill()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CellProcesses, "submit", and_kill)
        record = planted(photos, tmp_path / "out", "oracle", workers=2)
    assert killed
    assert material.scrubbed(record) == material.scrubbed(helped[1])
