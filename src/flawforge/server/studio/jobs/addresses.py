"""The addresses under which jobs are started, stopped and looked at."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import count

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict

from flawforge.server.studio.jobs.forms import FORMS, Verb
from flawforge.server.studio.jobs.jobs import Jobs
from flawforge.server.studio.markup import page
from flawforge.server.studio.workspace import Workspace


class Asked(BaseModel):
    """What a page sends to start a job: the command, and the values of its form."""

    model_config = ConfigDict(extra="forbid")

    verb: Verb
    values: dict[str, str]


class Named(BaseModel):
    """A job that a page names."""

    model_config = ConfigDict(extra="forbid")

    id: str


def add_jobs(app: FastAPI, jobs: Jobs) -> None:
    """Add the addresses of jobs to an application."""

    @app.get("/new")
    def new(verb: Verb = "run", data: str = "", run: str = "") -> HTMLResponse:
        title, fields = FORMS[verb]
        found = jobs.workspace.look()
        given = {"data": data, "run": run, "out": _free(jobs.workspace, verb)}
        runs = [item.name for item in found.items if item.kind == "run"]
        folders = [*found.images, *jobs.workspace.data, *(["elpv"] if find_spec("elpv_dataset") else [])]
        known = {"images": folders, "run": runs, "labels": ["", *jobs.workspace.tables()]}
        return page("new.html.j2", verb=verb, title=title, fields=fields, forms=FORMS, known=known, given=given)

    @app.get("/job")
    def job(id: str) -> HTMLResponse:
        found = jobs.job(id)
        title, fields = FORMS[found.verb]
        rows = [(field.label, found.values[field.name]) for field in fields if field.name in found.values]
        return page("job.html.j2", job=found, title=title, rows=rows)

    @app.post("/jobs")
    def start(asked: Asked) -> dict[str, str]:
        return {"id": jobs.start(asked.verb, asked.values).id}

    @app.post("/jobs/again")
    def again(named: Named) -> dict[str, str]:
        return {"id": jobs.again(named.id).id}

    @app.post("/jobs/stop")
    def stop(named: Named) -> dict[str, str]:
        jobs.stop(named.id)
        return {"id": named.id}


def _free(workspace: Workspace, verb: Verb) -> str:
    """Return a name for a new folder that none has."""
    stem = {"trial": "trials/trial", "export": "sets/set"}.get(verb, "runs/run")
    return next(name for number in count(1) if not workspace.path(name := f"{stem}-{number}").exists())
