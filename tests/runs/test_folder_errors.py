"""A folder that is not what was asked for: the message says what it is, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from flawforge.core.errors import RunExistsError
from flawforge.core.folder_kinds import MARKS, Kind
from flawforge.runs.folder import Run
from flawforge.runs.folder_errors import not_found, refuse_other
from flawforge.runs.run_settings import RunSettings
from marked_folder import hold


@pytest.mark.parametrize("there", list(MARKS))
@pytest.mark.parametrize("wanted", ["run", "trial", "search"])
def test_a_folder_that_holds_another_thing_is_refused(tmp_path: Path, there: Kind, wanted: Kind) -> None:
    refuse_other(tmp_path / "new", wanted)
    hold(tmp_path / "x", there)
    if there == wanted:  # whether it may be gone on with is another question
        refuse_other(tmp_path / "x", wanted)
        return
    with pytest.raises(RunExistsError, match=f"x holds a {there}, .*; give another --out"):
        refuse_other(tmp_path / "x", wanted)


def test_a_folder_of_both_is_refused_to_either(tmp_path: Path) -> None:
    """Once a run could be trained into a trial's folder: neither goes on there unseen."""
    hold(hold(tmp_path / "x", "trial"), "run")
    with pytest.raises(RunExistsError, match="holds a trial"):
        refuse_other(tmp_path / "x", "run")


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(RunExistsError, match="is a file; --out takes a folder"):
        refuse_other(tmp_path / "x", "trial")


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    def told(name: str, *wanted: Kind) -> str:
        return str(not_found(tmp_path / name, *(wanted or ("run",)))).replace(f"{tmp_path}/", "")

    assert told("first") == "there is no folder first. A run is made by: flawforge train DATA --out first"
    (tmp_path / "firts").mkdir()
    assert told("first").startswith("there is no folder first. Did you mean 'firts'?")
    assert told("firts") == "firts is no run: it is empty. A run is made by: flawforge train DATA --out firts"
    (tmp_path / "a.jpg").touch()
    assert told("a.jpg") == "a.jpg is no run: it is a file. A run is made by: flawforge train DATA --out OUT"
    (tmp_path / "neu" / "dent").mkdir(parents=True)
    (tmp_path / "neu" / "dent" / "1.png").touch()
    assert told("neu") == (
        "neu is no run: it holds images (dent/1.png). A run is made by: flawforge train neu --out neu-run"
    )
    assert told("neu", "run", "trial", "search").startswith("neu is no run, trial or search: it holds images")
    assert told("neu", "synthetic set") == (
        "neu is no synthetic set: it holds images (dent/1.png). "
        "A synthetic set is made by: flawforge generate RUN -n 64 --out OUT"
    )
    (tmp_path / "mine" / "records" / "audit").mkdir(parents=True)
    (tmp_path / "mine" / "records" / "audit" / "1.png").touch()
    (tmp_path / "mine" / "records" / "audit.json").touch()
    assert told("mine", "run", "trial") == (
        "mine is no run or trial: it holds what was found of a run. "
        "That run's page shows it: flawforge report RUN --records mine"
    )
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").touch()
    assert told("notes") == "notes is no run: it has no run.json. A run is made by: flawforge train DATA --out OUT"


def test_what_holds_something_of_ours_leads_on(tmp_path: Path) -> None:
    def told(name: str, wanted: Kind = "run") -> str:
        return str(not_found(tmp_path / name, wanted)).replace(f"{tmp_path}/", "")

    hold(tmp_path / "tr", "trial")
    assert told("tr") == "tr is no run: it holds a trial. What is there is shown by: flawforge report tr"
    hold(tmp_path / "tr" / "generators" / "s0001-n0005", "run")
    hold(tmp_path / "tr" / "generators" / "s0000-n0005", "run")
    assert told("tr") == (
        "tr is no run: it holds a trial. tr/generators/s0000-n0005 is a run of its own; the trial's page is drawn by: "
        "flawforge report tr"
    )
    hold(tmp_path / "se", "search")
    hold(tmp_path / "se" / "trials" / "0000", "run")
    assert "se/trials/0000 is a run of its own" in told("se")
    run = Run.create(tmp_path / "run", RunSettings())
    hold(run.synthetic, "synthetic set")
    assert told("run/synthetic") == "run/synthetic is no run: it holds a synthetic set. Its run is run."
    assert told("run", "trial") == "run is no trial: it holds a run. What is there is shown by: flawforge report run"


def test_an_export_is_shown_by_inspect(tmp_path: Path) -> None:
    hold(tmp_path / "x", "dataset export")
    message = str(not_found(tmp_path / "x", "run"))
    assert "x is no run: it holds a dataset export. What is there is shown by: flawforge inspect" in message
