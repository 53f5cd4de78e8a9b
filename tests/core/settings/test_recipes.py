from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flawforge.core.errors import SettingError
from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.recipes import DEFAULT, RECIPES, SUMMARIES, recipe


def test_the_published_recipe_is_as_published() -> None:
    published = recipe("dcgan-sn")
    assert published.dump() == {
        "name": "dcgan-sn",
        "design": "dcgan",
        "resolution": "128",
        "channels": 3,
        "latent": 100,
        "generator_depth": 64,
        "discriminator_depth": 128,
        "loss": "bce",
        "batch": 12,
        "epochs": 128.0,
        "kimg": None,
        "generator_lr": 1e-4,
        "discriminator_lr": 4e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "flip": "none",
        "augment": "none",
        "augment_target": 0.0,
        "diversity": 0.0,
        "rebuilding": 3.0,
        "ema_kimg": 0.0,
        "balance": 0.0,
        "unlabelled_share": 0.25,
        "judge_kimg": 0.0,
        "rescues": 0,
        "precision": "float32",
        "blend": 1.0,
        "relight": 1.0,
        "light_width": 0.1,
        "light_power": 0.7,
        "zoom": 1.1,
        "candidates": 1,
        "keep_geometry": False,
        "blending": "relit",
        "strength": 1.0,
        "bend": 0.06,
        "scaling": 1.25,
        "pattern": "all",
        "label": "",
    }
    assert published.steps(300) == 3200
    assert (published.base, published.stages) == ((4, 4), 5)


def test_every_recipe_has_a_summary_and_the_default_exists() -> None:
    assert set(RECIPES) == set(SUMMARIES)
    assert DEFAULT in RECIPES


def test_every_field_says_what_it_means() -> None:
    for name, field in Recipe.model_fields.items():
        assert field.description is not None, name
        assert len(field.description) > 20, name


sides = st.sampled_from([(8, 8), (16, 24), (64, 64), (96, 160), (128, 128), (160, 96), (256, 256)])
recipes = st.builds(
    lambda **fields: Recipe.parse(fields),
    name=st.sampled_from(sorted(RECIPES)),
    resolution=sides,
    channels=st.sampled_from(["data", 1, 3]),
    latent=st.integers(1, 4096),
    generator_depth=st.integers(1, 1024),
    discriminator_depth=st.integers(1, 1024),
    batch=st.integers(2, 4096),
    epochs=st.floats(1e-3, 1e6),
    kimg=st.none() | st.floats(1e-3, 1e6),
    flip=st.sampled_from(["none", "horizontal", "vertical", "both"]),
    ema_kimg=st.floats(0, 1e4),
    precision=st.sampled_from(["auto", "float32", "bfloat16"]),
)


@given(recipes)
def test_a_recipe_goes_through_json_unchanged(made: Recipe) -> None:
    assert Recipe.parse(json.loads(json.dumps(made.dump()))) == made


@given(recipes)
def test_a_recipe_goes_through_the_command_line_unchanged(made: Recipe) -> None:
    texts = {key: str(value) for key, value in made.dump().items() if value is not None}
    assert Recipe.parse(texts) == made


@given(recipes)
def test_the_base_doubles_to_the_resolution(made: Recipe) -> None:
    assert (made.base[0] << made.stages, made.base[1] << made.stages) == made.resolution
    assert 2 <= min(made.base) <= 7


@given(recipes, st.integers(1, 10_000))
def test_the_steps_show_at_least_the_length_and_less_than_a_batch_more(made: Recipe, images: int) -> None:
    wanted = made.kimg * 1000 if made.kimg is not None else made.epochs * images
    shown = made.steps(images) * made.batch
    assert wanted - 1e-3 <= shown < max(wanted, 1) + made.batch


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("100", "resolution 100x100: both sides must be multiples of 16; near: 96x96"),
        ("4", "resolution 4x4 is outside 8 to 1024 pixels"),
        ("axb", "a resolution is written 128 or, height first, 96x160"),
    ],
)
def test_a_wrong_resolution_is_explained(value: str, message: str) -> None:
    with pytest.raises(SettingError) as error:
        recipe("dcgan-lite", resolution=value)
    assert message in str(error.value)


def test_a_misspelt_recipe_and_setting_are_answered_with_the_near_one() -> None:
    with pytest.raises(SettingError, match=r"there is no recipe 'dcgan'. Did you mean 'dcgan-sn'"):
        recipe("dcgan")
    with pytest.raises(SettingError, match=r"there is no setting 'batchs'. Did you mean 'batch'"):
        recipe("dcgan-sn", batchs=3)


def test_a_toml_file_starts_from_the_recipe_that_it_names(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "dcgan-sn"\nbatch = 16\n')
    assert recipe(file) == recipe("dcgan-sn", batch=16)
    assert recipe(file, batch=20).batch == 20
    file.write_text("bach = 16\n")
    with pytest.raises(SettingError, match=r"mine\.toml: there is no setting 'bach'. Did you mean 'batch'"):
        recipe(file)


def test_a_run_that_left_composing_unset_still_opens() -> None:
    """For a while None was allowed there, and it was written into the run.json of every recipe."""
    recorded = RECIPES["fewshot"].model_dump() | {"blend": None, "relight": None, "light_width": None}
    assert Recipe.parse(recorded) == RECIPES["fewshot"]
