from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from flawforge.core.errors import SettingError
from flawforge.core.settings.fields import Settings, field_range, field_unit, setting, to_toml
from flawforge.core.settings.recipes import RECIPES, recipe


class Oven(Settings):
    heat: float = setting(180.0, gt=0, le=300, unit="°C", help="How hot.")
    trays: int = setting(2, ge=1, help="How many.")


def test_values_are_converted_and_frozen() -> None:
    oven = Oven.parse({"heat": "200", "trays": "3"})
    assert (oven.heat, oven.trays) == (200.0, 3)
    with pytest.raises(Exception, match="frozen"):
        oven.heat = 100.0  # type: ignore[misc]


def test_an_unknown_key_names_the_near_one() -> None:
    with pytest.raises(SettingError) as error:
        Oven.parse({"hat": 3}, where="oven.toml")
    assert str(error.value) == "oven.toml: there is no setting 'hat'. Did you mean 'heat'?"


def test_every_problem_is_told_at_once_with_what_is_allowed() -> None:
    with pytest.raises(SettingError) as error:
        Oven.parse({"heat": 400, "trays": 0})
    assert str(error.value) == ("--heat cannot be 400; allowed: above 0 to 300; --trays cannot be 0; allowed: from 1")


def test_what_is_no_number_is_told_what_kind_is_wanted_and_a_file_names_its_own_keys() -> None:
    with pytest.raises(SettingError) as error:
        Oven.parse({"heat": "warm", "trays": "2.5"}, where="oven.toml")
    assert str(error.value) == (
        "oven.toml: setting 'heat' cannot be 'warm'; allowed: a number, above 0 to 300; "
        "setting 'trays' cannot be '2.5'; allowed: a whole number, from 1"
    )


def test_nan_is_no_setting() -> None:
    with pytest.raises(SettingError, match="heat"):
        Oven.parse({"heat": float("nan")})


def test_unit_and_range_come_from_the_field() -> None:
    assert field_unit(Oven.model_fields["heat"]) == "°C"
    assert field_unit(Oven.model_fields["trays"]) == ""
    assert field_range(Oven.model_fields["heat"]) == "above 0 to 300"


def test_a_missing_and_a_wrong_toml_file(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="there is no settings file"):
        Oven.read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("heat = ")
    with pytest.raises(SettingError, match="is not valid TOML"):
        Oven.read_toml(tmp_path / "bad.toml")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_reads_back_as_it_was(name: str, tmp_path: Path) -> None:
    made = recipe(name, resolution="96x160", generator_lr=1.234567890123e-5)
    file = tmp_path / "own.toml"
    file.write_text(to_toml(made.dump(), "two lines\nof comment"))
    assert recipe(file) == made
    assert file.read_text().startswith("# two lines\n# of comment\n")


def test_words_keep_their_letters_and_none_is_left_out() -> None:
    values = {"a": 'quote " backslash \\ é', "b": True, "c": None, "d": 3}
    assert tomllib.loads(to_toml(values)) == {"a": values["a"], "b": True, "d": 3}
    with pytest.raises(ValueError, match="e is"):
        to_toml({"e": [1]})
