from collections.abc import Callable

from flawforge.core.settings.recipes import Recipe
from flawforge.reports.run.origin import origin, resolution_of
from flawforge.runs.run_settings import RunSettings


def test_the_recipe_shows_every_field_and_what_was_changed(drawn: Callable) -> None:
    fields = {field.name: field for field in origin(drawn().run.settings, ()).recipe}
    assert set(fields) == set(Recipe.model_fields)
    depth = fields["generator_depth"]
    assert (depth.value, depth.usual, depth.unit, depth.allowed) == ("8", "32", "channels", "from 1 to 1,024")
    assert fields["batch"].usual == ""
    assert fields["kimg"].value == "not set"


def test_a_field_of_another_version_is_tolerated() -> None:
    fields = {field.name: field for field in origin(RunSettings(recipe={"name": "x", "magic": 3}), ()).recipe}
    assert fields["magic"].value == "3"
    assert fields["magic"].meaning == "a setting that this version of Flawforge does not know"
    assert fields["batch"].value == "not recorded"


def test_commands_stand_with_their_seeds(drawn: Callable) -> None:
    made = (("Generated images", {"command": "flawforge generate run", "seed": 3}), ("Audit", {}))
    assert origin(drawn().run.settings, made).commands == (
        ("Training, seed 7", "flawforge train data/steel --out run"),
        ("Generated images, seed 3", "flawforge generate run"),
    )


def test_formats_are_added_up_over_the_classes() -> None:
    formats = [{"label": c, "mode": "L", "width": 300, "height": 200, "count": n} for c, n in (("a", 7), ("b", 1500))]
    settings = RunSettings.model_validate({"data": {"formats": formats}})
    assert ("Stored as", "300 × 200 L (1,507)") in origin(settings, ()).data


def test_an_empty_run_json_says_not_recorded() -> None:
    empty = origin(RunSettings(), ())
    assert (empty.commands, empty.environment) == ((), ())
    assert {value for _, value in empty.data} == {"not recorded"}
    assert resolution_of(RunSettings()) is None
    assert resolution_of(RunSettings(recipe={"resolution": "96x160"})) == (96, 160)
    assert resolution_of(RunSettings(recipe={"resolution": "128"})) == (128, 128)
