"""The addresses of the pages that look into latents and folders of images, and where a person chooses."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Query
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from flawforge.core.errors import FlawforgeError
from flawforge.runs.folder import Run
from flawforge.runs.generator.curation import curate
from flawforge.server.guards import Refused
from flawforge.server.studio.looking import painting, reading
from flawforge.server.studio.looking.mended import Mended
from flawforge.server.studio.looking.place_page import add_place
from flawforge.server.studio.looking.worker import Worker
from flawforge.server.studio.markup import page
from flawforge.server.studio.workspace import HERE, Workspace

LOADING_SECONDS = 60.0  # that a network may take to be loaded
READING_SECONDS = 2.0  # that a page waits for a folder before it asks again
SIDES = (128, 640)  # pixels of a picture of an image
DEEPEST = 12  # steps from an image to one that is like it
Name = Annotated[str, Query(max_length=1000, description="Path below the studio's folder.")]
Words = Annotated[str, Query(max_length=1000)]
Number = Annotated[int, Query(ge=0, le=10_000_000)]
Amount = Annotated[float | None, Query(ge=0.1, le=100, allow_inf_nan=False)]
Part = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=1000)]


class Choice(BaseModel):
    """Images of a run's set that a person rejects, or keeps again; named by their paths below the set's folder."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    reject: Annotated[list[Text], Field(max_length=1000)] = []
    keep: Annotated[list[Text], Field(max_length=1000)] = []


class Label(BaseModel):
    """The class of an image of a folder, as a person mends it; empty: what the folder says."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    file: Text
    label: Annotated[str, Field(max_length=200)]


def add_looking(app: FastAPI, workspace: Workspace) -> None:
    """Add the addresses to an application."""
    log = workspace.folder / ".studio" / "looking.log"
    painter = Worker(log)
    _add_explore(app, workspace, painter)
    add_place(app, workspace, painter)
    _add_data(app, workspace, Worker(log))

    one = threading.Lock()  # page at a time chooses: keys are pressed faster than files are written

    @app.post("/curate")
    def choose(choice: Choice) -> dict[str, int]:
        run = Run(workspace.item(choice.name, "run"))
        with one:
            files = _explained(lambda: curate(run, reject=choice.reject, keep=choice.keep, command="flawforge studio"))
        return {"kept": files.facts["n"], "rejected": len(files.rejected)}


def _add_explore(app: FastAPI, workspace: Workspace, worker: Worker) -> None:
    @app.get("/explore")
    def explore(name: Name = HERE, label: Words = "", seed: int = 0, image: Number = 0) -> HTMLResponse:
        workspace.item(name, "run")
        return page("explore.html.j2", name=name, label=label, seed=seed, image=image)

    @app.get("/explore/facts")
    def facts(name: Name = HERE) -> dict[str, Any]:
        return worker.call(LOADING_SECONDS, painting.describe_generator, str(workspace.item(name, "run")))

    @app.get("/explore/image")
    def image(
        label: Words,
        name: Name = HERE,
        seed: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        image: Number = 0,
        truncation: Amount = None,
        to: Annotated[int | None, Query(ge=0, le=10_000_000)] = None,
        part: Part = 0.0,
        near: Words = "",
        along: Words = "",
    ) -> Response:
        """One image as a PNG file: ``near`` is numbers with dots between them, ``along`` direction:amount, ..."""
        place = painting.PaintedPlace(label, seed, image, truncation, to, part, _steps(near), _amounts(along))
        data = worker.call(LOADING_SECONDS, painting.paint, str(workspace.item(name, "run")), place)
        return Response(data, media_type="image/png")


def _add_data(app: FastAPI, workspace: Workspace, worker: Worker) -> None:
    @app.get("/data")
    def data(name: Name = HERE) -> HTMLResponse:
        return page("data.html.j2", name=name, labels=Mended(workspace, name).name)

    @app.get("/data/facts")
    def facts(name: Name = HERE) -> Response:
        mended = Mended(workspace, name)
        given = (str(mended.data), str(workspace.folder), *mended.known)
        found = worker.poll(given, READING_SECONDS, reading.describe_folder, *given)
        if found is None:
            return JSONResponse({"reading": True}, 202)
        return JSONResponse({**found, "labels": mended.name if given[2] else ""})

    @app.get("/data/picture")
    def picture(file: Words, name: Name = HERE, large: bool = False) -> Response:
        mended = Mended(workspace, name)
        given = (str(mended.data), str(workspace.folder), *mended.known, file, SIDES[large])
        found = worker.call(LOADING_SECONDS, reading.picture, *given)
        if found is None:
            raise Refused(404, "There is no such image in this folder.")
        return Response(found, media_type="image/png")

    @app.post("/data/label")
    def mend(label: Label) -> dict[str, Any]:
        mended = Mended(workspace, label.name)
        return {"rows": _explained(lambda: mended.mend(label.file, label.label)), "labels": mended.name}


def _steps(text: str) -> tuple[int, ...]:
    parts = text.split(".") if text else []
    if len(parts) > DEEPEST or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
        raise Refused(422, f"near is up to {DEEPEST} numbers with dots between them.")
    return tuple(map(int, parts))


def _amounts(text: str) -> tuple[tuple[int, float], ...]:
    try:
        pairs = [part.split(":") for part in text.split(",")] if text else []
        found = tuple((int(which), float(amount)) for which, amount in pairs)
    except ValueError:
        found = ((0, 0.0),)
    if not all(
        1 <= which <= painting.DIRECTIONS and math.isfinite(amount) and abs(amount) <= 100 for which, amount in found
    ):
        raise Refused(422, f"along is directions from 1 to {painting.DIRECTIONS} with amounts, such as 1:2.5,3:-1.")
    return found


def _explained(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except FlawforgeError as error:
        raise Refused(422, str(error)) from error
