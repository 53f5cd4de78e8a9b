"""Jobs outlive the page and the studio, are found again, and stop as by Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flawforge.cli.studio import job as job_process
from flawforge.core.locks import writers
from flawforge.runs.history import History
from flawforge.server.guards import Refused
from flawforge.server.studio.jobs import jobs as jobs_module
from flawforge.server.studio.jobs.jobs import Job, Jobs
from flawforge.server.studio.jobs.shown import ShownJob
from flawforge.server.studio.workspace import Workspace
from studio_folder import asking, leave_run

TINY = {"recipe": "dcgan-lite", "resolution": "16", "generator_depth": "2", "discriminator_depth": "2", "batch": "4"}


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start processes that do nothing."""
    monkeypatch.setattr(jobs_module, "MODULE", "idle_job")
    paths = [str(Path(__file__).parents[3]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


@pytest.fixture
def jobs(folder: Path, draw_images: Callable[..., Path]) -> Iterator[Jobs]:
    draw_images(folder / "data" / "steel", 6)
    made = Jobs(Workspace(folder))
    yield made
    for process in made._own.values():
        process.kill()
        process.wait()


def until(jobs: Jobs, id: str, wanted: Callable[[Job], bool], seconds: float = 60) -> Job:
    end = time.monotonic() + seconds
    while not wanted(job := jobs.job(id)):
        assert time.monotonic() < end, (job, jobs.log(id))
        time.sleep(0.05)
    return job


def at_work(jobs: Jobs, id: str) -> None:
    until(jobs, id, lambda job: job.text.startswith("at work"))


@pytest.mark.usefixtures("idle")
def test_a_job_is_found_again_and_stopped_by_another_studio(jobs: Jobs, folder: Path) -> None:
    id = jobs.start("train", {"data": "data/steel", "out": "runs/new"}).id
    assert jobs.job(id).state == "running"
    assert Jobs(Workspace(folder)).job(id).state == "running"  # though its process has hardly begun
    at_work(jobs, id)
    assert not ShownJob(jobs, id).now()["job"]["there"]  # no link to a page of nothing
    leave_run(folder / "runs" / "new")
    assert ShownJob(jobs, id).now()["job"]["there"]
    shutil.rmtree(folder / "runs" / "new")
    later = Jobs(Workspace(folder))
    found = later.job(id)
    assert (found.state, found.out, found.text) == ("running", "runs/new", "at work train data/steel --out=runs/new")
    assert os.getsid(writers(folder / ".studio" / "jobs" / id)[0].process) != os.getsid(0)
    later.stop(id)
    assert until(later, id, lambda job: job.state != "running").state == "stopped"
    with pytest.raises(Refused, match="not at work"):
        later.stop(id)
    ended = jobs.start("train", {"data": "data/steel", "out": "runs/new", "seed": "1"}).id
    assert until(jobs, ended, lambda job: job.state != "running").state == "done"
    killed = jobs.start("train", {"data": "data/steel", "out": "runs/new"}).id
    at_work(jobs, killed)
    jobs._own[killed].kill()
    assert until(jobs, killed, lambda job: job.state != "running").state == "failed"
    assert [job.id for job in Jobs(Workspace(folder)).all()] == [job.id for job in jobs.all()]
    again = jobs.again(killed)
    at_work(jobs, again.id)
    assert jobs.job(again.id).text == "at work train data/steel --out=runs/new --resume"


@pytest.mark.usefixtures("idle")
def test_of_more_jobs_than_are_kept_the_oldest_that_have_ended_are_removed(
    jobs: Jobs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "MOST_KEPT", 3)
    running = jobs.start("train", {"data": "data/steel", "out": "runs/new"}).id
    at_work(jobs, running)
    others = [f"29990101-00000{number}-abcdef" for number in range(5)]  # all newer than the one at work
    for id in others:
        (jobs.folder / id).mkdir()
        (jobs.folder / id / "job.json").write_text(json.dumps({"verb": "train", "values": {}}))
        (jobs.folder / id / "ended.json").write_text(json.dumps({"code": 0}))
    old, unknown, elsewhere, *_ = others
    (jobs.folder / unknown / "job.json").write_text(json.dumps({"verb": "of a later version", "values": {}}))
    holder = {"command": "x", "process": 1, "host": "another", "since": "x"}
    (jobs.folder / elsewhere / ".job.holder.json").write_text(json.dumps(holder))
    (jobs.folder / "29980101-000000-abcdef").symlink_to(folder / "data", target_is_directory=True)
    (jobs.folder / "notes").mkdir()
    new = jobs.start("train", {"data": "data/steel", "out": "runs/other"}).id
    left = {path.name for path in jobs.folder.iterdir()}
    assert left == {running, new, *others, "29980101-000000-abcdef", "notes"} - {old}
    assert (folder / "data" / "steel").is_dir()


@pytest.mark.usefixtures("idle")
def test_what_may_not_be_started_is_refused_and_nothing_is_left(
    jobs: Jobs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "MOST_AT_WORK", 0)
    for values, status in (
        ({"data": "../data", "out": "runs/new"}, 404),
        ({"data": "data/none", "out": "runs/new"}, 422),
        ({"data": "data/steel", "out": "../new"}, 404),
        ({"data": "data/steel", "out": "/tmp/new"}, 404),
        ({"data": "data/steel", "out": "."}, 422),
        ({"data": "data/steel", "out": "-x"}, 422),
        ({"data": "data/steel", "out": "runs/first"}, 422),
        ({"data": "data/steel", "out": "runs/new", "seed": "-1"}, 422),
        ({"data": "data/steel", "out": "runs/new", "labels": "labels/none.csv"}, 422),
        ({"data": "data/steel", "out": "runs/new", "labels": "../labels.csv"}, 404),
        ({"data": "data/steel", "out": "runs/new"}, 429),
    ):
        with pytest.raises(Refused) as caught:
            jobs.start("train", values)
        assert caught.value.status == status, values
    with pytest.raises(Refused, match="is no run"):
        jobs.start("generate", {"run": "data/steel", "n": "1"})
    assert jobs.all() == []
    (folder / ".studio").symlink_to(folder.parent)
    monkeypatch.setattr(jobs_module, "MOST_AT_WORK", 4)
    with pytest.raises(Refused, match="leads out"):
        jobs.start("train", {"data": "data/steel", "out": "runs/new"})


def test_a_job_that_somebody_left_in_the_folder_stops_no_process_of_ours(jobs: Jobs) -> None:
    id = "20260101-000000-abcdef"
    left = jobs.folder / id
    left.mkdir(parents=True)
    (left / "job.json").write_text(json.dumps({"verb": "train", "values": {"data": "../x", "out": "y"}}))
    host = {"command": "x", "process": os.getpid(), "host": os.uname().nodename, "since": "x"}
    (left / ".job.holder.json").write_text(json.dumps(host))
    (left / ".job.lock").touch()
    with pytest.raises(Refused, match="not at work"):
        jobs.stop(id)
    with pytest.raises(Refused, match="no such name"):
        jobs.again(id)
    (left / "job.json").write_text(json.dumps({"verb": "rm", "values": {}}))
    for name in (id, "../x", "", "20260101-000000-abcde"):
        with pytest.raises(Refused) as caught:
            Jobs(jobs.workspace).job(name)
        assert caught.value.status == 404


def test_a_page_starts_and_stops_by_small_json_of_its_own_site_alone(folder: Path, ask: Callable[..., Any]) -> None:
    value = {"verb": "train", "values": {"data": "data/none", "out": "runs/new"}}
    assert ask("/jobs", "POST", json=value).json()["detail"].startswith("There is no folder data/none")
    assert ask("/jobs", "POST", json={**value, "shell": "x"}).status_code == 422
    assert ask("/jobs", "POST", json={"verb": "export", "values": {}}).status_code == 422
    assert ask("/jobs", "POST", data=value).status_code == 415
    assert ask("/jobs", "POST", json=value, headers={"origin": "https://example.org"}).status_code == 403
    assert ask("/jobs", "POST", json={"verb": "train", "values": {"data": "x" * 70_000}}).status_code == 413
    assert ask("/jobs").status_code == 405
    assert asking(folder, token="a long enough token")("/jobs", "POST", json=value).status_code == 401
    evil = "<img src=x>"
    leave_run(folder / evil)
    for verb in ("train", "run", "trial", "generate", "export"):
        text = ask(f"/new?verb={verb}").text
        assert "<img" not in text
        assert '<form id="form"' in text
    assert '<option value="">choose one</option>' in text, "the format of an export, the last form, has no usual one"
    assert "&lt;img src=x&gt;" in ask("/new?verb=generate").text
    assert ask("/job?id=nothing").status_code == 404


def test_the_process_of_a_job_leaves_its_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for end, code in ((SystemExit(0), 0), (SystemExit(2), 2), (SystemExit("x"), 1), (None, 0)):

        def command(words: list[str], end: SystemExit | None = end) -> None:
            assert (words, writers(tmp_path)[0].part) == (["recipes"], "job")
            if end is not None:
                raise end

        monkeypatch.setattr(job_process, "main", command)
        assert job_process.work(tmp_path, ["recipes"]) == code
        assert json.loads((tmp_path / "ended.json").read_text()) == {"code": code}


@pytest.mark.slow
def test_a_training_is_started_watched_and_stopped_and_has_saved_what_it_did(jobs: Jobs, folder: Path) -> None:
    (folder / "torch.py").write_text("raise SystemExit('a module of the folder was run')")
    id = jobs.start("train", {"data": "data/steel", "out": "runs/new", "epochs": "1000000", **TINY}).id
    history = History(folder / "runs/new/history.jsonl")
    until(jobs, id, lambda job: bool(history.steps()) or job.state != "running")
    jobs.stop(id)
    job = until(jobs, id, lambda job: job.state != "running")
    assert (job.state, history.events()[-1]["kind"]) == ("stopped", "interrupted"), jobs.log(id)
    assert list((folder / "runs/new/checkpoints").glob("*.json"))
