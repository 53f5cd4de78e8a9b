"""CONTRIBUTING's worked example ("Adding an arm to the trial"), taken from the page itself: two files, and it works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import flawforge
import trial_material as material
from flawforge.core.settings import arms as settings_arms
from flawforge.core.settings.arms import ARMS, register
from flawforge.studies.trial.cells import arms

ROOT = Path(__file__).resolve().parents[4]
SECTION = (ROOT / "CONTRIBUTING.md").read_text().split("### Adding an arm to the trial")[1].split("\n## ")[0]


@pytest.fixture
def noisy() -> Iterator[None]:
    """Do with the two modules in memory what the page does with their files."""
    before = dict(ARMS)
    entry, function = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    register(eval(entry, dict(vars(settings_arms))))
    exec(function, dict(vars(arms)))
    yield
    del arms.EXTRAS["noisy"]
    ARMS.clear()
    ARMS.update(before)


def test_the_page_names_two_files_that_are_there() -> None:
    files = re.findall(r"`(src/[^`]+)`", SECTION)
    assert len(files) == 2
    assert SECTION.strip().startswith("Two files.")
    assert all((ROOT / file).is_file() for file in files)


def test_a_new_arm_is_trained_and_must_be_beaten(noisy: None, tmp_path: Path) -> None:
    photos = material.draw_dataset(tmp_path / "photos", 12, classes=("dots", "waves"))
    record = flawforge.trial(
        photos,
        tmp_path / "out",
        arms=("classical", "generated", "noisy"),
        shots=(3,),
        seeds=3,
        resolution=(32, 32),
        steps=4,
        batch=8,
        made=4,
        folds=0,
        policy="none",
        workers=1,
        generator="trial_material:oracle",
        models=("trial_material:small_network",),
    )
    assert record.protocol.arms == ["classical", "noisy", "generated"]
    assert {result.arm for result in record.results} == {"classical", "noisy", "generated"}
    (comparison,) = record.comparisons
    assert [rival.arm for rival in comparison.rivals] == ["noisy"]
    page = flawforge.report(tmp_path / "out").read_text(encoding="utf-8")
    assert "as classical, with noisy copies of the real images in a part of each batch" in page


def test_every_arm_has_its_function_but_the_one_that_copies_another() -> None:
    assert {name for name in ARMS if not ARMS[name].locates_only} - set(arms.EXTRAS) == {"recommended"}
    assert set(arms.EXTRAS) <= set(ARMS)
