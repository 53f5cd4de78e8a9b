"""What a folder holds is known by marks that are there from the beginning on."""

from __future__ import annotations

from pathlib import Path

import pytest

from flawforge.core.folder_kinds import MARKS, Kind, an_image_in, kinds_in, seen_in


def test_a_folder_holds_what_all_marks_say(tmp_path: Path) -> None:
    assert kinds_in(tmp_path) == ()
    assert kinds_in(tmp_path / "nowhere") == ()
    (tmp_path / "search.json").write_text("{}")
    assert kinds_in(tmp_path) == ()  # it may be anybody's
    (tmp_path / "trials").mkdir()
    (tmp_path / "set.json").write_text("{}")
    assert kinds_in(tmp_path) == ("search", "synthetic set")


def test_a_run_as_it_is_made_has_the_marks(tmp_path: Path) -> None:
    from flawforge.runs.folder import Run
    from flawforge.runs.run_settings import RunSettings

    Run.create(tmp_path / "run", RunSettings())
    assert kinds_in(tmp_path / "run") == ("run",)
    assert kinds_in(tmp_path) == ()  # what lies below does not count


def test_each_kind_is_seen_by_a_command_or_in_a_file() -> None:
    assert seen_in("trial", Path("a b")) == "flawforge report 'a b'"
    assert seen_in("dataset export", Path("x")) == "flawforge inspect x"
    assert seen_in("model", Path("m")) == "m/card.md"
    assert seen_in("generator export", Path("g")) == "g/card.md"
    assert seen_in("projection", Path("q")) == "q/projection.png"
    assert seen_in("prediction", Path("p")) == "p/predictions.csv"


@pytest.mark.parametrize("kind", ["trial", "search", "synthetic set"])
def test_the_marks_are_the_names_that_the_makers_write(kind: Kind) -> None:
    from flawforge.runs import set_files as manifest
    from flawforge.runs.searches import SETTINGS_FILE
    from flawforge.studies.trial.setup import bench as trial_bench

    written = {
        "trial": (trial_bench.FACTS, trial_bench.ARRAYS),
        "search": (SETTINGS_FILE, "trials"),
        "synthetic set": (manifest.FACTS,),
    }
    assert MARKS[kind] == written[kind]


def test_an_image_is_found_three_folders_deep_and_no_deeper(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c" / "deep.png").touch()
    (tmp_path / ".hidden.png").touch()
    (tmp_path / "notes.txt").touch()
    assert an_image_in(tmp_path) is None
    assert an_image_in(tmp_path / "a") == "b/c/deep.png"
    (tmp_path / "a" / "b" / "one.JPG").touch()
    assert an_image_in(tmp_path) == "a/b/one.JPG"
