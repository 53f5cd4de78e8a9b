from __future__ import annotations

import json
from pathlib import Path

import pytest

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.core.settings.recipes import recipe
from flawforge.reports.search.page import search_charts, search_page
from flawforge.runs.searches import Confirmation, SearchRecord, Sensitivity, SettingsTried, save_search, search_file
from parsed_page import Parsed


def made(**changes: object) -> SearchRecord:
    """A record of four trials, one given up and one broken off."""
    values = [
        (1e-4, "none", [0.5, 0.4, 0.3]),
        (3e-4, "light", [0.6]),
        (2e-3, "full", [0.3, 0.2, 0.1]),
        (5e-4, "full", []),
    ]
    outcomes = ("whole", "pruned", "whole", "broken off")
    facts: dict[str, object] = {
        "made": "2026-01-01T00:00:00Z",
        "versions": {"flawforge": "0"},
        "command": "flawforge search <data>",
        "inputs": {},
        "start": recipe("fewshot", generator_lr=2e-4).dump(),
        "rungs": [1.5, 3.0, 6.0],
        "shots": None,
        "n_training": 180,
        "n_choose": 60,
        "n_confirm": 61,
        "pieces": [36, 12, 13],
        "by_class": True,
        "extractor": "effnet-lite0",
        "trials": [
            SettingsTried(
                number=i,
                settings={"generator_lr": lr, "augment": word},
                kids=kids,
                outcome=outcomes[i],
                seconds=10.0 * len(kids),
                folder=f"{i:04d}",
            )
            for i, (lr, word, kids) in enumerate(values)
        ],
        "sensitivity": [
            Sensitivity(
                field="generator_lr",
                tried="generator_lr=4e-05..0.002",
                by_ratio=True,
                importance=0.75,
                correlation=-0.5,
                p_value=0.04,
            ),
            Sensitivity(
                field="augment",
                tried="augment=none,light,full",
                by_ratio=False,
                importance=None,
                correlation=None,
                p_value=None,
            ),
        ],
        "best": 2,
        "improved": True,
        "recipe": recipe("fewshot", generator_lr=2e-3, augment="full").dump(),
        "confirmations": [
            Confirmation(settings="start", seed=1000, kid=0.32),
            Confirmation(settings="best", seed=1000, kid=0.12),
        ],
        "stopped": "trials",
        "sentence": "3 settings were tried <1 given up>.",
    }
    return SearchRecord.model_validate({**facts, **changes})


def test_the_page_is_drawn_from_the_record_alone_and_is_the_same_again(tmp_path: Path) -> None:
    save_search(tmp_path, made(data_warnings=["A label must be wrong."]))
    file = search_page(tmp_path)
    text = file.read_text()
    assert '<p class="warning">A label must be wrong.</p>' in text
    assert "3 settings were tried &lt;1 given up&gt;." in text
    assert "flawforge search &lt;data&gt;" in text
    assert text.count("<svg") == 3
    assert "http" not in text.replace("http-equiv", "")
    assert search_page(tmp_path).read_text() == text


def test_it_says_what_each_setting_is_worth(tmp_path: Path) -> None:
    save_search(tmp_path, made())
    text = Parsed(search_page(tmp_path).read_text()).text
    assert (
        "Tried: 4e-05 to 0.002. Recipe: 0.000200; best: 0.00200. Importance: 75%; larger was better: rank correlation "
        "-0.50, p = 0.040." in text
    )
    assert (
        "Tried: none, light, full. Recipe: light; best: full. Importance: not measured: fewer than 8 comparable trials."
        in text
    )
    charts = search_charts(made())["charts"]
    rate, words = charts["generator_lr"], charts["augment"]
    assert rate.x_log
    assert rate.curves[0].x == (1e-4, 3e-4, 2e-3)  # the trial that was given up is there, the broken one is not
    assert [word for _, word in words.x_ticks] == ["full", "light", "none"]
    assert "1,000 0.320 0.120" in text
    rows = ("0 0.000100 none 0.500 0.400 0.300 30 s trained to the end", "1 0.000300 light 0.600 10 s stopped early")
    for row in (*rows, "2 0.00200 full 0.300 0.200 0.100 30 s trained to the end", "3 0.000500 full 0 s interrupted"):
        assert row in text


def test_only_better_settings_are_called_tuned(tmp_path: Path) -> None:
    """best.toml was once said to be tuned where it held the recipe as it was."""
    save_search(tmp_path, made())
    assert "--out runs/tuned" in search_page(tmp_path).read_text()
    save_search(tmp_path, made(improved=False, recipe=made().start))
    text = Parsed(search_page(tmp_path).read_text()).text
    assert "tuned" not in text
    assert "best.toml holds the recipe as it was. Train with it:" in text
    assert "--out runs/fewshot" in text


def test_a_search_that_tried_nothing_has_a_page_too(tmp_path: Path) -> None:
    save_search(tmp_path, made(trials=[], best=None, confirmations=[], improved=None))
    assert "<svg" not in search_page(tmp_path).read_text()


def test_a_missing_and_a_damaged_record_are_explained(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="has no search record yet"):
        search_page(tmp_path)
    save_search(tmp_path, made())
    value = json.loads(search_file(tmp_path).read_text())
    search_file(tmp_path).write_text(json.dumps({**value, "best": "two"}))
    with pytest.raises(RunBrokenError, match=r"search\.json is damaged: .*best"):
        search_page(tmp_path)
