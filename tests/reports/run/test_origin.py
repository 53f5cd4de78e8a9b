from collections.abc import Callable

import pytest

from flawforge.core.settings.recipe import UNLEARNT, Recipe
from flawforge.core.settings.recipes import RECIPES
from flawforge.reports.page import report
from flawforge.reports.run.origin import commands, recipe_rows, resolution_of, stored_as
from flawforge.reports.run.synthetic import Synthetic
from flawforge.runs.judged.audits import AuditRecord
from flawforge.runs.records import load_record
from flawforge.runs.run_settings import RunSettings
from parsed_page import Parsed


def test_the_recipe_shows_every_field_and_what_was_changed(drawn: Callable) -> None:
    fields = {name: values for rows in recipe_rows(drawn().run.settings.recipe) for name, *values in rows}
    assert set(fields) == set(Recipe.model_fields)
    value, unit, allowed, _, usual = fields["generator_depth"]
    assert (value, usual, unit, allowed) == ("8", "32", "channels", "from 1 to 1,024")
    assert fields["batch"][-1] == ""
    assert fields["kimg"][0] == "not set"


@pytest.mark.parametrize("name", RECIPES)
def test_settings_of_other_designs_stand_apart(name: str) -> None:
    own, others = ([row[0] for row in rows] for rows in recipe_rows(RECIPES[name].dump()))
    assert set(own) == set(RECIPES[name].own_fields)
    assert set(own + others) == set(Recipe.model_fields)


def test_settings_of_other_designs_are_folded_away(drawn: Callable) -> None:
    page = report(drawn().run).read_text(encoding="utf-8")
    shown, folded = page[page.index('id="reproduce"') :].split("<details>")
    assert "<code>generator_depth</code>" in shown
    assert "<code>blending</code>" not in shown
    assert "<code>blending</code>" in folded.split("</details>")[0]


@pytest.mark.parametrize("design", UNLEARNT)
def test_what_was_not_trained_shows_no_training_to_go_on_with_and_no_generator_to_export(
    drawn: Callable, design: str
) -> None:
    run = drawn()
    run.synthetic()
    run.run.save_settings(run.run.settings.model_copy(update={"recipe": {"name": design, "design": design}}))
    page = report(run.run).read_text(encoding="utf-8")
    for words in ('id="training"', 'href="#training"', "export-model"):
        assert words not in page


def test_a_field_of_another_version_is_tolerated() -> None:
    fields = {name: values for name, *values in recipe_rows({"name": "x", "design": "unheard-of", "magic": 3})[0]}
    assert fields["magic"][0] == "3"
    assert fields["magic"][3] == "a setting that this version of Flawforge does not know"
    assert fields["batch"][0] == "not recorded"


def test_commands_stand_with_their_seeds(drawn: Callable) -> None:
    run = drawn()
    run.audit()
    synthetic = Synthetic((), {"command": "flawforge generate run", "seed": 3})
    audit = load_record(run.run, "audit", AuditRecord)
    assert commands(run.run.settings, synthetic, audit=audit, score=None) == {
        "flawforge train data/steel --out run": ["Training, seed 7"],
        "flawforge generate run": ["Generated images, seed 3"],
        "flawforge audit run": ["Audit"],
    }


def test_a_command_that_made_several_things_stands_once(drawn: Callable) -> None:
    """`flawforge run` was once printed four times below each other."""
    run = drawn()
    settings = run.run.settings.model_copy(update={"command": "flawforge run data/steel"})
    run.run.save_settings(settings)
    run.synthetic()
    facts = run.run.synthetic / "set.json"
    facts.write_text(facts.read_text().replace("flawforge generate run -n 50", "flawforge run data/steel"))
    run.audit(command="flawforge run data/steel")
    text = Parsed(report(run.run).read_text(encoding="utf-8")).text
    assert text.count("flawforge run data/steel") == 1
    assert "Training, seed 7; Generated images, seed 3; Audit flawforge run data/steel" in text


def test_formats_are_added_up_over_the_classes_and_stand_in_words() -> None:
    formats = [{"label": c, "mode": "L", "width": 300, "height": 200, "count": n} for c, n in (("a", 7), ("b", 1500))]
    settings = RunSettings.model_validate({"data": {"formats": formats}})
    assert stored_as(settings) == ["300 × 200 8-bit gray (1,507)"]


def test_an_empty_run_json_says_not_recorded(drawn: Callable) -> None:
    run = drawn()
    run.run.save_settings(RunSettings())
    text = Parsed(report(run.run).read_text(encoding="utf-8")).text
    for name in ("Source", "Layout", "Samples", "Classes", "Stored as", "Colour", "White"):
        assert f"{name} not recorded" in text
    assert "The environment is not recorded." in text
    assert commands(RunSettings(), None) == {}
    assert resolution_of(RunSettings()) is None
    assert resolution_of(RunSettings(recipe={"resolution": "96x160"})) == (96, 160)
    assert resolution_of(RunSettings(recipe={"resolution": "128"})) == (128, 128)
