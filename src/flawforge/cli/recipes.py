"""``flawforge recipes``."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter
from rich.table import Table

from flawforge.cli.console import out, print_json
from flawforge.cli.flags import NOTHING, Json, RecipeFlags, given
from flawforge.core.settings.fields import field_range, field_unit
from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.recipes import DEFAULT, SUMMARIES
from flawforge.core.settings.recipes import recipe as find_recipe


def recipes(
    name: str | None = None, /, *, settings: Annotated[RecipeFlags, Parameter(name="*")] = NOTHING, json: Json = False
) -> None:
    """List the recipes, or show every setting of one with its meaning.

    A recipe is a named set of training settings. Give settings to see the recipe with them, and the size of its
    networks, e.g. `flawforge recipes dcgan-lite --generator-depth 16`.

    Parameters
    ----------
    name
        The recipe to show, or a TOML file of settings.
    json
        Print JSON; with a name it has `settings`, `parameters` and `help`.
    """
    if name is None:
        _list(json)
        return
    recipe = find_recipe(name, **given(settings))
    if json:
        print_json({"name": recipe.name, "parameters": _parameters(recipe), "settings": recipe.dump(), "help": _help()})
    else:
        _show(recipe)


def _list(json: bool) -> None:
    if json:
        print_json({"default": DEFAULT, "recipes": SUMMARIES})
        return
    for name, summary in SUMMARIES.items():
        out.print(f"[bold]{name}[/bold]  {summary}")
    out.print("\nflawforge recipes NAME shows every setting.")


def _show(recipe: Recipe) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, share in (("setting", 3), ("value", 2), ("unit", 3), ("allowed", 3), ("meaning", 8)):
        table.add_column(column, ratio=share, no_wrap=column == "setting")
    for field, value in recipe.dump().items():
        if field not in recipe.own_fields:
            continue
        info = Recipe.model_fields[field]
        shown = "unset" if value is None else str(value)
        table.add_row(field.replace("_", "-"), shown, field_unit(info), field_range(info), info.description or "")
    out.print(f"[bold]{recipe.name}[/bold]: {SUMMARIES[recipe.name]}\n")
    out.print(table)
    counts = _parameters(recipe)
    if not counts:
        return
    colour = "1 or 3, from the data; counted with 3" if recipe.channels == "data" else str(recipe.channels)
    out.print(
        f"\nparameters: generator {counts['generator']:,}, discriminator {counts['discriminator']:,} "
        f"(channels: {colour})"
        f"\nlength on 300 images: {recipe.steps(300):,} steps"
    )


def _parameters(recipe: Recipe) -> dict[str, int]:
    from flawforge.models.build import count_parameters

    return count_parameters(recipe, 3 if recipe.channels == "data" else recipe.channels)


def _help() -> dict[str, dict[str, Any]]:
    return {
        name: {"meaning": info.description, "unit": field_unit(info), "allowed": field_range(info)}
        for name, info in Recipe.model_fields.items()
    }
