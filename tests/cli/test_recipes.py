from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flawforge.core.settings.recipe import Recipe
from flawforge.core.settings.recipes import RECIPES

Typed = Callable[..., int]


def test_the_list(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("recipes") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in RECIPES)


def test_every_setting_of_one(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("recipes", "dcgan-sn") == 0
    shown = capsys.readouterr().out
    for field in RECIPES["dcgan-sn"].own_fields:
        assert field.replace("_", "-") in shown
    assert "light-width" not in shown
    assert typed("recipes", "compose") == 0
    composed = capsys.readouterr().out
    assert "light-width" in composed
    assert "generator-lr" not in composed
    assert "generator 12,786,560, discriminator 44,611,072" in shown
    assert "3,200 steps" in shown


def test_json_has_settings_parameters_and_help(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("recipes", "dcgan-sn", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["parameters"] == {"generator": 12_786_560, "discriminator": 44_611_072}
    assert told["settings"] == RECIPES["dcgan-sn"].dump()
    assert set(told["help"]) == set(Recipe.model_fields)


def test_flags_and_files_change_what_is_shown(typed: Typed, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "dcgan-sn"\nbatch = 16\n')
    assert typed("recipes", tmp_path / "mine.toml", "--resolution", "96x160", "--json") == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert (settings["batch"], settings["resolution"], settings["name"]) == (16, "96x160", "dcgan-sn")


def test_a_value_outside_its_range_says_what_is_allowed(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("recipes", "dcgan-lite", "--batch", "1") == 1
    assert "--batch cannot be '1'; allowed: from 2" in capsys.readouterr().err
