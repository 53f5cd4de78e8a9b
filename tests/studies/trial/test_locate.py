"""The task locate, from the images to the page: whole, resumed, and refused where there is nothing to locate."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import flawforge
import located_material as material
from flawforge.core.errors import DataUnusableError, RunExistsError, SettingError
from flawforge.core.progress import SILENT
from flawforge.core.settings.arms import ARMS
from flawforge.core.settings.recipes import RECIPES
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.reading.load import load
from flawforge.runs.cells import CELLS, MAPS
from flawforge.runs.trials import TrialRecord, read_trial
from flawforge.studies.trial import plan, plan_trial
from flawforge.studies.trial.cells.locating import EXTRAS, LocatorArms, placed_images
from flawforge.studies.trial.setup.bench import load_bench
from flawforge.studies.trial.setup.marked_images import marked_images
from flawforge.training.locator.fit import predict_maps
from flawforge.training.placing import batches as placed_batches
from flawforge.training.placing import fit as placed_fit
from flawforge.training.placing.learnt import Placed

ARMS_TRIED = ("real", "classical", "compose")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return material.draw_marked(tmp_path_factory.mktemp("marked") / "photos")


@pytest.fixture(scope="module")
def out(photos: Path) -> Path:
    out = photos.parent / "out"
    flawforge.trial(photos, out, seeds=3, arms=ARMS_TRIED, **material.SMALL)
    return out


@pytest.fixture(scope="module")
def record(out: Path) -> TrialRecord:
    return read_trial(out)


def test_every_arm_is_measured_and_the_verdict_rests_on_pixels(record: TrialRecord) -> None:
    assert record.protocol.metric == "pixel average precision"
    assert record.protocol.classes == ["good", "line", "spot"]
    assert {result.arm for result in record.results} == set(ARMS_TRIED)
    for result in record.results:
        assert next(iter(result.metrics)) == "pixel average precision"
        assert {"of all pixels", "AUROC of images"} < set(result.metrics)
        assert set(result.recalls) == {"line", "spot"}
        whole = result.metrics["pixel average precision"].value
        assert whole == pytest.approx(np.mean(list(result.recalls.values())))
    (comparison,) = record.primary
    assert (comparison.arm, comparison.control) == ("compose", "classical")
    assert {rival.arm for rival in comparison.rivals} == {"real"}
    assert [part.label for part in comparison.classes] == ["line", "spot"]
    assert record.kept == []


@pytest.fixture
def small_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe placed of a few steps."""
    small = {"resolution": (16, 16), "generator_depth": 4, "discriminator_depth": 4, "batch": 4, "kimg": 0.008}
    monkeypatch.setitem(RECIPES, "placed", RECIPES["placed"].model_copy(update=small))
    monkeypatch.setattr(placed_batches, "POOL", 4)


@pytest.mark.usefixtures("small_placed")
def test_every_arm_shows_new_images_with_their_masks_or_none(out: Path) -> None:
    bench = load_bench(out)
    arms = LocatorArms(bench, bench.shots(0, 3), 1, "unet")
    assert EXTRAS["real"](arms).policy == "none"
    assert EXTRAS["classical"](arms).material is None
    for name in ("placebo", "copy-paste", "procedural", "compose", "placed", "placed-and-pasted"):
        made, again = EXTRAS[name](arms).material, EXTRAS[name](arms).material
        assert made is not None
        assert again is not None
        assert torch.equal(made.images, again.images)
        assert made.images.shape[1:] == (1, 32, 32)
        assert made.masks.shape == (len(made), 32, 32)
        classes = 3 if name in ("placebo", "compose") else 2  # the others put defects on good images
        assert len(made) == classes * material.SMALL["made"] * (2 if name == "placed-and-pasted" else 1)
        defective = made.labels != bench.good_number
        assert made.masks[defective].any(2).any(1).all()
        assert not made.masks[~defective].any()
    network = EXTRAS["one-class"](arms).network
    assert network is not None
    test = bench.division.test
    maps = predict_maps(network, torch.from_numpy(bench.images[test])).numpy()
    assert bench.masks is not None
    assert maps[bench.masks[test]].mean() > maps[~bench.masks[test]].mean() + 0.2


@pytest.mark.usefixtures("small_placed")
def test_the_network_of_placed_is_trained_once_for_all_arms_and_models_of_a_repeat(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each arm trained it again for each model: four times a repeat, for the same images."""
    trained, train = [], placed_fit.PlacerTraining.train

    def counted(training: placed_fit.PlacerTraining, steps: int) -> Placed:
        trained.append(steps == training.steps)
        return train(training, steps)

    monkeypatch.setattr(placed_fit.PlacerTraining, "train", counted)
    arms, models = ("classical", "placed", "placed-and-pasted"), ("unet", "located_material:small_locator")
    two = material.SMALL | {"models": models, "seeds": 2, "arms": arms}
    planned = plan_trial(photos, tmp_path / "out", **two)
    assert planned.cells == 2 * (len(arms) * len(models) + 2)
    record = flawforge.trial(photos, tmp_path / "out", early_stop=False, **two)
    assert sum(trained) == 2
    assert {(result.arm, result.model) for result in record.results} == set(product(arms, models))


def test_the_page_shows_the_changed_images_with_their_masks_and_maps(out: Path, record: TrialRecord) -> None:
    page = flawforge.report(out).read_text(encoding="utf-8")
    assert "say which pixels are defective" in page
    assert "Better located" in page
    flips = record.comparisons[0].flips
    assert flips
    for flip in flips:
        assert flip.label in ("line", "spot")
        assert flip.before.endswith("%")
        assert flip.picture
        with Image.open(out / flip.picture) as sheet:
            assert sheet.size == (4 * 32 + 3 * 2, 2 * 32 + 2)  # image, mask, three maps
    first = json.loads((out / CELLS / "s0000-n0003-classical-unet.json").read_text())
    assert first["facts"]["images"] == 3 + 3 + 6  # all good images outside the test set


def test_more_repeats_only_add_cells_and_changed_masks_are_another_trial(photos: Path, out: Path) -> None:
    cells = {file: file.read_bytes() for file in (out / CELLS).glob("*.safetensors")}
    fewer = material.SMALL | {"arms": ("classical", "compose")}
    record = flawforge.trial(photos, out, seeds=4, **fewer)
    assert [result.seeds for result in record.results] == [[0, 1, 2, 3]] * 2
    assert all(file.read_bytes() == content for file, content in cells.items())
    assert MAPS.encode() in cells[out / CELLS / "s0000-n0003-classical-unet.safetensors"][:400]
    assert MAPS.encode() not in cells[out / CELLS / "s0001-n0003-classical-unet.safetensors"][:400]
    mask = photos / "masks" / "spot" / "000.png"
    before = mask.read_bytes()
    Image.fromarray(np.full((32, 32), 0, np.uint8)).save(mask)
    with pytest.raises(RunExistsError, match="the masks"):
        flawforge.trial(photos, out, seeds=4, **fewer)
    mask.write_bytes(before)


def test_a_network_of_the_users_is_tried_and_trained(photos: Path, tmp_path: Path) -> None:
    own = material.SMALL | {"arms": ("classical", "copy-paste"), "models": ("located_material:small_locator",)}
    record = flawforge.trial(photos, tmp_path / "out", seeds=1, **own)
    assert {result.model for result in record.results} == {"located_material:small_locator"}
    chances = own | {"models": ("located_material:of_chances",)}
    with pytest.raises(SettingError, match="returns chances in training .* applies the sigmoid itself"):
        flawforge.trial(photos, tmp_path / "other", seeds=1, **chances)
    wrong = own | {"models": ("trial_material:small_network",)}
    with pytest.raises(SettingError, match=r"to \(2, 1\); for task locate it must be \(2, 1, 32, 32\)"):
        flawforge.trial(photos, tmp_path / "third", seeds=1, **wrong)


def test_a_plan_trains_nothing(photos: Path, tmp_path: Path) -> None:
    planned = plan_trial(photos, tmp_path / "plan", seeds=3, **material.SMALL)
    assert planned.detectable is None
    assert "is not known before its first repeats" in planned.sentence
    prepared = 3 * len(("copy-paste", "procedural")) + 1  # their images, and one choice of how to compose
    assert planned.cells == 3 * len(TrialSettings(task="locate").arms) + prepared
    assert "90% power" in planned.sentence
    assert "keep" not in planned.sentence


def test_the_plan_counts_what_placed_trains_and_makes(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"resolution": (16, 16), "generator_depth": 4, "discriminator_depth": 4, "batch": 4, "epochs": 8}
    monkeypatch.setitem(RECIPES, "placed", RECIPES["placed"].model_copy(update=small))
    now, step, image = [0.0], placed_fit.train_step, Placed.image

    def timed_step(*given: Any) -> Any:
        now[0] += 2.0
        return step(*given)

    def timed_image(*given: Any) -> Any:
        now[0] += 0.5
        return image(*given)

    monkeypatch.setattr(placed_images, "process_time", lambda: now[0])
    monkeypatch.setattr(plan, "_arm_seconds", lambda *_: 7.0)
    monkeypatch.setattr(plan, "_seconds_for_a_second", lambda _: 1.0)
    monkeypatch.setattr(placed_fit, "train_step", timed_step)
    monkeypatch.setattr(Placed, "image", timed_image)
    bench = load_bench(out)
    steps, classes = RECIPES["placed"].steps(2 * 3), 2
    laid = 0.5 * placed_batches.POOL * 3 / 4  # every fourth window is a real defect's own
    expected = 2.0 * steps + classes * (laid + 0.5 * material.SMALL["made"])
    asked = bench.settings.model_copy(update={"arms": ("classical", "placed")})
    costs = plan.expected_costs(replace(bench, settings=asked)).expected
    assert (costs["arm", "unet"], costs["placed-by-placed", ""]) == (7.0, expected)
    assert ("placed-by-placed", "") not in plan.expected_costs(bench).expected


def test_data_that_say_nothing_of_place_are_refused(tmp_path: Path) -> None:
    plain = material.draw_marked(tmp_path / "plain", 6, masks=False)
    with pytest.raises(DataUnusableError, match="needs masks or boxes, and .* has none for class 'line'"):
        flawforge.trial(plain, tmp_path / "out", seeds=3, **material.SMALL)
    without_good = material.draw_marked(tmp_path / "bad", 12, good=False)
    with pytest.raises(SettingError, match="--arms one-class learns from good images"):
        flawforge.trial(without_good, tmp_path / "out", seeds=3, arms=("classical", "one-class"), **material.SMALL)


def test_images_whose_defect_is_not_marked_are_left_out_and_counted(tmp_path: Path) -> None:
    photos = material.draw_marked(tmp_path / "photos")
    for number in range(3):
        (photos / "masks" / "line" / f"{number:03d}.png").unlink()
    kept, masks, told = marked_images(load(photos), TrialSettings(task="locate", resolution=(32, 32)), SILENT)
    assert len(kept) == len(masks) == 36 - 3
    assert told == ("3 images of defects have no mark of one, and were left out.",)
    assert masks[kept.labels != kept.classes.index("good")].any((1, 2)).all()


def test_estimated_masks_are_no_truth(tmp_path: Path) -> None:
    data = load(material.draw_marked(tmp_path / "photos"))
    marked = [replace(one, marks=tuple(replace(mark, estimated="box") for mark in one.marks)) for one in data.samples]
    with pytest.raises(DataUnusableError, match="are estimated from their boxes.* Mend them"):
        marked_images(replace(data, samples=tuple(marked)), TrialSettings(task="locate"), SILENT)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ("classical", "generated")}, "arm 'generated' has images without masks"),
        (
            {"models": ("small-cnn",)},
            "model 'small-cnn' does not say where; task 'locate' has unet, effnet-dense, or module:factory",
        ),
        ({"rare": ("spot",)}, "--rare is for tasks 'type' and 'good'"),
    ],
)
def test_settings_that_do_not_fit_are_explained(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        TrialSettings.parse({"task": "locate"} | changes)


def test_every_arm_with_masks_has_its_function() -> None:
    assert set(EXTRAS) == {name for name, arm in ARMS.items() if arm.locates}
    assert TrialSettings(task="locate").arms == ("real", "classical", "placebo", "copy-paste", "procedural", "compose")
