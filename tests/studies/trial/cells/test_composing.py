"""Images composed of a repeat's shots: each arm changes what it says, and what is good for is chosen inside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from flawforge.core.arrays import Bytes, Floats
from flawforge.core.settings.recipe import Composition
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.augmentation.composition import LEVEL
from flawforge.runs.cells import CellKey
from flawforge.studies.trial.cells.composing import (
    COMPOSED_ARMS,
    ComposedUsage,
    chosen_before,
    composed_images,
    composed_usages,
)
from flawforge.studies.trial.cells.generator import prepare
from flawforge.studies.trial.cells.inner_choice import InnerChoice, choose, taken
from flawforge.studies.trial.cells.work_list import CHOICE, CHOOSING, COMPOSITION, needs, work_list
from flawforge.studies.trial.setup.bench import Bench
from flawforge.studies.trial.setup.open import open_trial
from flawforge.training.composition import Chosen

SIDE = 32
UNTURNED = Chosen(Composition(zoom=1.0), {"across": [0], "upright": [0]}, "")
ARMS = ("classical", "compose", "relight", "light-within-class", "donor-mean", "recommended")


def photo(label: str, rng: np.random.Generator, *, by_light: bool) -> Bytes:
    """Stripes under some light: `by_light` tells the class by the light alone, else by the direction alone."""
    y, x = np.mgrid[:SIDE, :SIDE]
    first = label == "across"
    level = (rng.uniform(50, 90) if first else rng.uniform(150, 190)) if by_light else rng.uniform(50, 190)
    along = (rng.random() < 0.5) if by_light else first
    stripes = np.sin(1.2 * (y if along else x) + rng.uniform(0, 6.28))
    return np.asarray((level + 14 * stripes + rng.normal(0, 3, (SIDE, SIDE))).clip(0, 255), np.uint8)


def bench_of(root: Path, *, by_light: bool = False, **settings: Any) -> Bench:
    rng = np.random.default_rng(3)
    for label in ("across", "upright"):
        (root / "photos" / label).mkdir(parents=True)
        for index in range(14):
            picture = photo(label, rng, by_light=by_light)
            Image.fromarray(picture).save(root / "photos" / label / f"{index:02d}.png")
    small = {"models": ("trial_material:light_network",), "resolution": (SIDE, SIDE), "steps": 80, "batch": 16}
    values = {"arms": ARMS, "shots": (6,), "made": 8, "policy": "none", **small, **settings}
    return open_trial(root / "photos", root / "out", TrialSettings.parse(values))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench_of(tmp_path_factory.mktemp("stripes"))


def parts(images: Bytes) -> tuple[Floats, Floats]:
    """The light of gray images (N, 1, H, W), and their details."""
    planes = images[:, 0].astype(np.float64)
    light = np.stack([ndimage.gaussian_filter(plane, 5) for plane in planes])
    return light, planes - light


def explained(image: Floats, by: Floats) -> tuple[float, float]:
    """By how much the likest of some images (N, H, W) is to be scaled to be this one, and the correlation."""
    flat, others = image.ravel(), by.reshape(len(by), -1)
    found = [np.corrcoef(flat, other)[0, 1] for other in others]
    best = others[int(np.argmax(found))]
    return float(flat @ best / (best @ best)), max(found)


@pytest.mark.parametrize("arm", COMPOSED_ARMS)
def test_an_arm_shows_its_classes_and_looks_at_the_shots_alone(bench: Bench, arm: str) -> None:
    shots = bench.shots(0, 6)
    images, labels = composed_images(bench, shots, UNTURNED, 5, arm)
    assert (images.dtype, images.shape) == (np.uint8, (16, 1, SIDE, SIDE))
    assert labels.tolist() == [0] * 8 + [1] * 8
    other = bench.images.copy()
    other[np.setdiff1d(np.arange(len(other)), shots)] = 77
    same, _ = composed_images(replace(bench, images=other), shots, UNTURNED, 5, arm)
    assert np.array_equal(images, same)
    assert not np.array_equal(images, composed_images(bench, shots, UNTURNED, 6, arm)[0])
    more = replace(bench, settings=bench.settings.model_copy(update={"made": 11}))
    assert np.array_equal(images[:8], composed_images(more, shots, UNTURNED, 5, arm)[0][:8])


def test_each_arm_takes_from_the_donor_what_it_says(bench: Bench) -> None:
    shots = bench.shots(0, 6)
    own, others = (bench.images[shots[bench.dataset.labels[shots] == code]] for code in (0, 1))
    lights, details = parts(own)
    other_lights = parts(others)[0]
    levels, other_levels = lights.mean((1, 2)), other_lights.mean((1, 2))
    made = {arm: composed_images(bench, shots, UNTURNED, 5, arm)[0][:8] for arm in COMPOSED_ARMS}
    for arm in ("relight", "light-within-class"):
        donors = other_levels if arm == "relight" else levels
        light, detail = parts(made[arm])
        for one, level in zip(detail, light.mean((1, 2)), strict=True):
            scale, alike = explained(one, details)
            assert alike > 0.97  # the details of one shot of the class, under another light
            mixed = LEVEL * levels[:, None] + (1 - LEVEL) * donors[None]  # a part of the way back to its own level
            assert np.abs(mixed - level).min() < 2
            assert 0.4 < scale < 2.5
    light, detail = parts(made["donor-mean"])
    for one, level in zip(detail, light.mean((1, 2)), strict=True):
        scale, alike = explained(one, details)
        assert alike > 0.97
        assert scale == pytest.approx(1, abs=0.03)  # nothing of the details is scaled
        assert np.abs(LEVEL * levels[:, None] + (1 - LEVEL) * other_levels[None] - level).min() < 2
    joined = [explained(one, details)[1] for one in parts(made["compose"])[1]]
    assert min(joined) < 0.9  # two images share some of them


def test_a_class_that_is_left_out_shows_real_images(bench: Bench) -> None:
    shots = bench.shots(0, 6)
    images, labels = composed_images(bench, shots, UNTURNED, 5, "compose", (1,))
    known = {image.tobytes() for image in bench.images[shots[bench.dataset.labels[shots] == 0]]}
    assert all(image.tobytes() in known for image in images[labels == 0])
    assert np.array_equal(images[labels == 1], composed_images(bench, shots, UNTURNED, 5, "compose")[0][8:])


def test_unlabelled_images_give_light_too(bench: Bench) -> None:
    shots = bench.shots(0, 6)
    white = np.full((40, 1, SIDE, SIDE), 250, np.uint8)
    with_more = replace(bench, unlabelled=white, outside=bench.dataset.take(list(range(28)) + list(range(12))))
    images, _ = composed_images(with_more, shots, UNTURNED, 5, "relight")
    alone, _ = composed_images(bench, shots, UNTURNED, 5, "relight")
    assert images.mean((1, 2, 3)).max() > alone.mean((1, 2, 3)).max() + 10


@pytest.mark.parametrize("by_light", [False, True])
def test_composed_images_are_used_where_they_help_inside_and_not_where_the_light_is_the_class(
    by_light: bool, tmp_path: Path
) -> None:
    found = bench_of(tmp_path, by_light=by_light, arms=("classical", "donor-mean", "compose", "recommended"))
    model = "trial_material:light_network"
    chosen = choose(found, found.shots(0, 6), 1, model, {})
    assert chosen.use is not by_light
    assert list(chosen.gains) == ["compose, half", "compose, half, for hard classes", "compose, a quarter"]
    assert set(chosen.controls) == {"classical", "donor-mean"}
    if not by_light:
        assert chosen.composing is not None
        assert chosen.advised == "recommended"
    assert (taken(found, chosen)[0] == "classical") is by_light
    again = InnerChoice.model_validate(chosen.model_dump(mode="json", by_alias=True))
    assert again == chosen


def test_the_recipe_compose_is_a_generator_whose_declared_sources_are_no_copies(tmp_path: Path) -> None:
    recipe = tmp_path / "again.toml"
    recipe.write_text('name = "compose"\nblend = 0.0\nrelight = 0.0\nzoom = 1.0\n')
    found = bench_of(tmp_path, arms=("classical", "generated"), recipe=str(recipe))
    shots = found.shots(0, 6)
    batch, facts = prepare(found, shots, 3, tmp_path / "run")
    assert (facts["made"], facts["novel"], facts["kimg"]) == (16, 16, 0.0)
    assert not batch.typical.any()
    known = [image.astype(float) for image in found.images[shots]]
    turned = [image[:, ::y, ::x] for image in known for y in (1, -1) for x in (1, -1)]
    near = [min(np.abs(image - other).mean() for other in turned) for image in batch.images.astype(float)]
    assert min(near) < 1  # they are shots again, as they say


def test_recommended_copies_the_arm_that_it_equals_and_trains_any_other(bench: Bench) -> None:
    half = ComposedUsage(name="compose, half", arm="compose", share=0.5)
    assert taken(bench, InnerChoice(composing=half, use=True)) == ("compose", None)
    quarter = half.model_copy(update={"share": 0.25})
    assert taken(bench, InnerChoice(composing=quarter, use=True)) == ("compose", quarter)
    assert taken(bench, InnerChoice(composing=quarter)) == ("classical", None)
    assert taken(bench, InnerChoice(use=True)) == ("filtered", None)


def test_composed_images_alone_ask_for_no_generator_and_are_chosen_once() -> None:
    settings = TrialSettings(arms=ARMS, seeds=3, models=("small-cnn", "effnet-probe"))
    cells = work_list(settings)
    assert "filtered" not in settings.arms
    assert not any("generator" in key.arm for key in cells)
    assert [key for key in cells if key.arm == COMPOSITION] == [CellKey(CHOOSING, 5, COMPOSITION)]
    assert {key.seed for key in cells if key.arm == CHOICE} == {CHOOSING}
    assert all(cells.index(need) < cells.index(key) for key in cells for need in needs(key, settings))
    assert not composed_usages(TrialSettings(arms=("classical", "compose")))
    assert all(usage.hard for usage in composed_usages(TrialSettings(arms=ARMS, rare=("dent",))))


def test_what_was_chosen_survives_its_cell() -> None:
    chosen = replace(UNTURNED, sentence="As usual.")
    assert chosen_before(chosen.facts()) == chosen
