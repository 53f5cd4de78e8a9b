"""The recipes by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flawforge.core.errors import SettingError, did_you_mean
from flawforge.core.settings.recipe import Recipe

DCGAN_SN = Recipe(
    name="dcgan-sn",
    resolution=(128, 128),
    channels=3,
    generator_depth=64,
    discriminator_depth=128,
    epochs=128,
    precision="float32",
)
"""The published experiment: steel scratches, 128 epochs. Hours on a processor; the yardstick for everything else. All
other fields have their defaults, which are the published values.
"""

FEWSHOT = Recipe(
    name="fewshot",
    design="fewshot",
    resolution=(64, 64),
    latent=128,
    generator_depth=16,
    discriminator_depth=64,
    loss="hinge",
    batch=16,
    epochs=400,
    generator_lr=4e-4,
    discriminator_lr=4e-4,
    beta1=0.0,
    beta2=0.99,
    flip="both",
    augment="light",
    diversity=2.0,
    ema_kimg=0.5,
    balance=0.5,
    judge_kimg=0.5,
    rescues=3,
)
"""Few images, several classes, minutes on a processor."""

DCGAN_LITE = DCGAN_SN.model_copy(
    update={
        "name": "dcgan-lite",
        "channels": "data",
        "generator_depth": 32,
        "discriminator_depth": 32,
        "flip": "both",
        "ema_kimg": 0.5,
        "precision": "auto",
    }
)
"""The same design sized for two cores."""

COMPOSE = Recipe(
    name="compose",
    design="compose",
    resolution=(128, 128),
    generator_depth=1,
    discriminator_depth=1,
    epochs=1,
    flip="both",
)
"""No network: details of real images in the light of others, in seconds, at their own size. `resolution` is that at
which audit and score compare.
"""

NATIVE = FEWSHOT.model_copy(
    update={"name": "native", "design": "native", "latent": 64, "judge_kimg": 0.0, "candidates": 8, "epochs": 100}
)
"""Composed images, the nearest of eight, refined at their own size by a network that learns from patches. It does not
judge itself, and with few images longer is not better; hence its length.
"""

COPY_PASTE = COMPOSE.model_copy(update={"name": "copy-paste", "design": "copy-paste"})
"""Real defects on other real grounds, each image with its mask; nothing is learnt."""

PROCEDURAL = COMPOSE.model_copy(update={"name": "procedural", "design": "procedural"})
"""Drawn defects on real grounds, each image with its mask, in the manner of CutPaste (2104.04015) and DRAEM
(2108.07610); no image of a defect is needed.
"""

PLACED = NATIVE.model_copy(
    update={"name": "placed", "design": "placed", "flip": "none", "candidates": 1, "epochs": 160, "bend": 0.03}
)
"""Real defects on other real grounds, refined inside the mask by a network that learns from windows about real ones."""

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (COMPOSE, COPY_PASTE, DCGAN_LITE, DCGAN_SN, FEWSHOT, NATIVE, PLACED, PROCEDURAL)
}
SUMMARIES = {
    "compose": "1 to 300 images per class, joined and relit by other images: seconds, at full size, nothing learnt",
    "fewshot": "5 to 300 images per class, one generator for all classes, minutes on a CPU (default)",
    "native": "5 to 300 images per class, composed images refined by a network at full size: minutes on a CPU",
    "copy-paste": "from 1 image per class with masks or boxes: real defects on other grounds, with masks, in seconds",
    "placed": "from 2 images per class with masks or boxes: copy-paste, refined inside the mask by a network: minutes",
    "procedural": "good images alone: drawn scratches, spots, scars and textures on them, with masks, in seconds",
    "dcgan-lite": "the published design, reduced for a CPU: minutes on two cores",
    "dcgan-sn": "the published experiment, exactly: DCGAN with spectral normalization, 128 epochs; hours on a CPU",
}
DEFAULT = "fewshot"


def recipe(name: str | Path = DEFAULT, /, **changes: Any) -> Recipe:
    """Return a recipe by name or from a TOML file, with some fields changed.

    Args:
        name: a name from `RECIPES`, or a path ending in ``.toml``. A TOML file holds fields of `Recipe`; its field
            ``name`` says which recipe it starts from (the default when it says none).
        changes: fields to set; None leaves a field as it is.

    Raises:
        SettingError: no such recipe, file or field, or a value outside its range.
    """
    text = str(name)
    values: Mapping[str, Any] = {}
    if text.endswith(".toml"):
        values = Recipe.read_toml(Path(text))
        text, where = str(values.get("name", DEFAULT)), text
    else:
        where = ""
    if text not in RECIPES:
        known = ", ".join(RECIPES)
        raise SettingError(
            f"there is no recipe '{text}'.{did_you_mean(text, RECIPES)} There are {known}; a file of "
            f"settings ends in .toml."
        )
    start = RECIPES[text].dump()
    checked = Recipe.parse({**start, **values}, where=where) if values else Recipe.parse(start)
    given = {key: value for key, value in changes.items() if value is not None}
    return Recipe.parse({**checked.dump(), **given}) if given else checked
