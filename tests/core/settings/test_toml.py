from __future__ import annotations

import tomllib

import pytest

from flawforge.core.settings.recipes import RECIPES, recipe
from flawforge.core.settings.toml import to_toml


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_reads_back_as_it_was(name: str, tmp_path) -> None:
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
