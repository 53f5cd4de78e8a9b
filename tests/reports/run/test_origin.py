from collections.abc import Callable

from flawforge.core.settings.recipes import Recipe
from flawforge.reports.run.origin import origin, resolution_of, white_of


def test_the_recipe_shows_every_field_and_what_was_changed(drawn: Callable) -> None:
    fields = {field.name: field for field in origin(drawn().settings(), ()).recipe}
    assert set(fields) == set(Recipe.model_fields)
    depth = fields["generator_depth"]
    assert (depth.value, depth.usual, depth.unit, depth.allowed) == ("8", "32", "channels", "from 1 to 1,024")
    assert fields["batch"].usual == ""
    assert fields["kimg"].value == "not set"


def test_a_field_of_another_version_is_tolerated() -> None:
    fields = {field.name: field for field in origin({"recipe": {"name": "x", "magic": 3}}, ()).recipe}
    assert fields["magic"].value == "3"
    assert fields["magic"].meaning == "a setting that this version of Flawforge does not know"
    assert fields["batch"].value == "not recorded"


def test_commands_stand_with_their_seeds(drawn: Callable) -> None:
    made = (("Generated images", {"command": "flawforge generate run", "seed": 3}), ("Audit", {}))
    assert origin(drawn().settings(), made).commands == (
        ("Training, seed 7", "flawforge train data/steel --out run"),
        ("Generated images, seed 3", "flawforge generate run"),
    )


def test_formats_are_added_up_over_the_classes() -> None:
    formats = [{"label": c, "mode": "L", "width": 300, "height": 200, "count": n} for c, n in (("a", 7), ("b", 1500))]
    assert ("Stored as", "300 × 200 L (1,507)") in origin({"data": {"formats": formats}}, ()).data


def test_an_empty_run_json_says_not_recorded() -> None:
    empty = origin({"data": None}, ())
    assert empty.environment == ()
    assert ("Samples", "not recorded") in empty.data
    assert (white_of({}), resolution_of({})) == (255, None)
    assert resolution_of({"recipe": {"resolution": "96x160"}}) == (96, 160)
    assert resolution_of({"recipe": {"resolution": "128"}}) == (128, 128)
