"""A trial's page is told how far it is, with intervals of analyses that were made, and nothing of single repeats."""

from __future__ import annotations

import json
from pathlib import Path

from flawforge.core.locks import FolderLock
from flawforge.runs.estimates import Estimate
from flawforge.runs.trial_progress import InterimGain, InterimLook, ProgressFile
from flawforge.server.studio.shown_trial import ShownTrial, trial_summary
from flawforge.server.studio.states import state_of
from studio_folder import leave_trial

GAIN = InterimGain(
    shots=5, model="small-cnn", arm="compose", control="classical", gain=Estimate(value=0.02, low=-2.0, high=0.05)
)


def test_what_is_new_is_told_once(tmp_path: Path) -> None:
    trial = ShownTrial(leave_trial(tmp_path / "trial"))
    told = trial.now()
    assert (told["progress"], told["verdict"], told["report"]) == (None, None, False)
    assert told["state"]["word"] == "stopped"
    noted = ProgressFile(tmp_path / "trial", ["3 repeats take about 4 min."])
    noted.reach(cells=9, done=2, repeats=3, whole=0, seconds_left=200.0)
    with FolderLock(tmp_path / "trial", "trial", "flawforge trial"):
        told = trial.news()
        assert told["state"]["word"] == "running"
        assert {**told["progress"], "told": 1} == {
            "cells": 9,
            "done": 2,
            "repeats": 3,
            "whole": 0,
            "seconds_left": 200.0,
            "told": 1,
            "looks": [],
        }
        assert trial.news() == {}
        noted.add(InterimLook(repeats=2, planned=3, stopped=False, gains=[GAIN]))
        assert set(trial.news()) == {"progress"}
        ((look,),) = [trial.now()["progress"]["looks"]]
    (gain,) = look.pop("gains")
    assert look == {"repeats": 2, "planned": 3}
    assert gain == {
        "where": "5 images per class, small-cnn: compose over classical",
        "value": 2.0,
        "low": -100.0,  # no share falls below 0
        "high": 5.0,
        "text": "+2.0 points (95% CI -100.0 to 5.0)",
    }
    assert trial_summary(tmp_path / "trial") == "0 of 3 repeats, 2 of 9 cells"


def test_a_trial_whose_time_was_up_is_done_and_a_stopped_one_is_not(tmp_path: Path) -> None:
    folder = leave_trial(tmp_path / "trial")
    (folder / "records").mkdir()
    (folder / "records" / "trial.json").write_text(json.dumps({"complete": False}))
    noted = ProgressFile(folder, ["A budget of 8 minutes is too short."])
    for whole, word in ((2, "stopped"), (3, "done")):
        noted.reach(cells=9, done=3 * whole, repeats=3, whole=whole, seconds_left=0.0)
        assert state_of("trial", folder).word == word
    assert state_of("trial", folder).text == "ended by its time, after 3 repeats"


def test_damaged_files_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    folder = leave_trial(tmp_path / "trial")
    (folder / "records").mkdir()
    for text in ("", "[]", json.dumps({"cells": 1}), json.dumps({"format": 1, "complete": True})):
        (folder / "progress.json").write_text(text)
        (folder / "records" / "trial.json").write_text(text)
        told = ShownTrial(folder).now()
        assert (told["progress"], told["verdict"]) == (None, None)
    assert trial_summary(folder) == "a trial"
