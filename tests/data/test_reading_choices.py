from __future__ import annotations

from typing import Any

import pytest

from flawforge.core.errors import SettingError
from flawforge.data.reading_choices import AS_USUAL, ReadingChoices


def test_what_is_not_usual_is_what_is_recorded() -> None:
    assert AS_USUAL.unusual() == {}
    chosen = ReadingChoices(unmarked="good", tiles=64)
    assert chosen.unusual() == {"unmarked": "good", "tiles": 64}
    assert ReadingChoices(**chosen.unusual()) == chosen
    assert chosen.as_typed() == " --unmarked good --tiles 64"
    assert ReadingChoices(invert_masks=True).as_typed() == " --invert-masks"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"unmarked": "bad"}, "--unmarked is 'bad'; allowed: good, unlabelled"),
        ({"classes_from": "folders"}, "--classes-from is 'folders'; allowed: names"),
        ({"tiles": 15}, "--tiles is 15; it is the side of a tile in pixels, 16 to 65,536"),
        ({"tiles": 64.5}, "--tiles is 64.5"),
    ],
)
def test_what_is_no_choice_is_refused_by_the_name_of_its_option(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        ReadingChoices(**wrong)
