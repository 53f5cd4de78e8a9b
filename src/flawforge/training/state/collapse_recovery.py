"""Recovery from a collapse: the settings with which training continues from its best weights."""

from __future__ import annotations

from flawforge.core.settings.recipes import Recipe

STRONGER = {"none": "light", "light": "full", "full": "full"}


def recovery_recipe(recipe: Recipe, level: int) -> Recipe:
    """Return the recipe to continue with after `level` collapses; 0 leaves it as it is.

    Each collapse halves both step sizes, makes the augmentation one stage stronger (up to ``full``) and doubles the
    weight of the diversity term where the recipe has one (up to 100).
    """
    if level == 0:
        return recipe
    augment = recipe.augment
    for _ in range(level):
        augment = STRONGER[augment]  # type: ignore[assignment]
    return recipe.model_copy(
        update={
            "generator_lr": recipe.generator_lr / 2**level,
            "discriminator_lr": recipe.discriminator_lr / 2**level,
            "augment": augment,
            "diversity": min(100.0, recipe.diversity * 2**level),
        }
    )


def describe_recovery(before: Recipe, after: Recipe) -> str:
    """Return in words what `recovery_recipe` changed."""
    parts = [f"step sizes {before.generator_lr:.3g} -> {after.generator_lr:.3g}"]
    if after.discriminator_lr / before.discriminator_lr != after.generator_lr / before.generator_lr or (
        before.discriminator_lr != before.generator_lr
    ):
        parts[0] += f" and {before.discriminator_lr:.3g} -> {after.discriminator_lr:.3g}"
    if before.augment != after.augment:
        parts.append(f"augmentation {before.augment} -> {after.augment}")
    if before.diversity != after.diversity:
        parts.append(f"diversity {before.diversity:g} -> {after.diversity:g}")
    return ", ".join(parts)
