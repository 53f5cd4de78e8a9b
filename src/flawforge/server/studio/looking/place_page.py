"""The addresses of the page that puts a defect on a ground where a person draws it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from flawforge.server.studio.looking import placing
from flawforge.server.studio.looking.worker import Worker
from flawforge.server.studio.markup import page
from flawforge.server.studio.small_files import stamp
from flawforge.server.studio.workspace import HERE, Workspace

PLACING_SECONDS = 60.0  # that a defect may take, with the run's images if they are to be read again
WAITING_SECONDS = 2.0  # that a page waits for a run's images before it asks again
THUMBNAIL = 112  # pixels a side
Words = Annotated[str, Query(max_length=1000)]
Text = Annotated[str, Field(max_length=1000)]


class Drawing(BaseModel):
    """A defect as a person wishes it: on a ground, of a class, inside a mask in base64 (None: one is drawn)."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    file: Text
    label: Text
    mask: Annotated[str, Field(max_length=60_000)] | None = None
    strength: Annotated[float, Field(gt=0, le=4, allow_inf_nan=False)] = 1.0
    seed: Annotated[int, Field(ge=0, le=10_000_000)] = 0


def add_place(app: FastAPI, workspace: Workspace, worker: Worker) -> None:
    """Add the addresses to an application."""
    within = tuple(str(folder.resolve()) for folder in (workspace.folder, *workspace.data.values()))

    def run_named(name: str) -> str:
        return str(workspace.item(name, "run"))

    @app.get("/place")
    def shown(name: Words = HERE) -> HTMLResponse:
        workspace.item(name, "run")
        return page("place.html.j2", name=name)

    @app.get("/place/facts")
    def facts(name: Words = HERE) -> Response:
        run = run_named(name)
        key = (run, stamp(Path(run) / "run.json"), stamp(Path(run) / "checkpoints"))
        found = worker.poll(key, WAITING_SECONDS, placing.describe_grounds, run, within)
        if found is None:
            return JSONResponse({"reading": True}, 202)
        return JSONResponse(found)

    @app.get("/place/ground")
    def ground(file: Words, name: Words = HERE, whole: bool = False) -> Response:
        side = None if whole else THUMBNAIL
        data = worker.call(PLACING_SECONDS, placing.ground_picture, run_named(name), within, file, side)
        return Response(data, media_type="image/png")

    @app.post("/place/defect")
    def defect(wish: Drawing) -> dict[str, str]:
        """Image and mask as PNG files in base64."""
        given = (wish.file, wish.mask, wish.label, wish.strength, wish.seed)
        made = worker.call(PLACING_SECONDS, placing.paint_defect, run_named(wish.name), within, *given)
        return {what: base64.b64encode(data).decode() for what, data in made.items()}
