"""The studio's application: addresses in, pages and events out."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp

from flawforge.runs.folder import Run
from flawforge.server.guards import Guards, Refused
from flawforge.server.studio import shown_run
from flawforge.server.studio.files_out import add_files
from flawforge.server.studio.jobs.addresses import add_jobs
from flawforge.server.studio.jobs.forms import FORMS
from flawforge.server.studio.jobs.jobs import Jobs
from flawforge.server.studio.jobs.shown import ShownJob, ShownJobs
from flawforge.server.studio.looking.addresses import add_looking
from flawforge.server.studio.markup import page
from flawforge.server.studio.overview import Overview
from flawforge.server.studio.shown_map import shown_map
from flawforge.server.studio.shown_run import ShownRun
from flawforge.server.studio.shown_set import ShownSet, described_set
from flawforge.server.studio.shown_trial import ShownTrial
from flawforge.server.studio.watcher import Subject, Watcher
from flawforge.server.studio.workspace import HERE, ItemKind, Workspace

BODY = 65_536  # bytes that a request may bring
MOST_PAGES = 48  # that may be open at a time
Name = Annotated[str, Query(max_length=1000, description="Path below the studio's folder.")]
Shown = Literal["", "run", "set", "trial", "job"]
SHOWN: dict[ItemKind, Callable[..., Subject]] = {"run": ShownRun, "trial": ShownTrial}


class Studio:
    """What the pages of one folder share.

    Attributes:
        workspace: the folder.
        watcher: tells the pages what is new.
        jobs: what was started from pages.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.watcher = Watcher()
        self.jobs = Jobs(workspace)

    def application(self, token: str | None = None, names: tuple[str, ...] = ()) -> ASGIApp:
        """Return the application behind its guards; arguments as of `Guards`."""
        app = FastAPI(title="Flawforge studio", docs_url=None, redoc_url=None, openapi_url=None)
        app.add_exception_handler(Refused, _refusal)
        self._add_pages(app)
        self._add_events(app)
        add_files(app, self.workspace)
        add_jobs(app, self.jobs)
        add_looking(app, self.workspace)
        return Guards(app, token, names, BODY)

    def _add_pages(self, app: FastAPI) -> None:
        @app.get("/")
        def overview() -> HTMLResponse:
            shown = Overview(self.workspace)
            images = [*shown.contents.images, *self.workspace.data]
            verbs = {verb: title for verb, (title, _) in FORMS.items()}
            return page(
                "overview.html.j2",
                verbs=verbs,
                here=self.workspace.folder,
                items=shown.rows(),
                cut=shown.contents.cut,
                images=images,
            )

        @app.get("/run")
        def run(name: Name = HERE) -> HTMLResponse:
            opened = Run(self.workspace.item(name, "run"))
            return page("run.html.j2", name=name, **shown_run.page_facts(opened))

        @app.get("/images")
        def images(name: Name = HERE) -> HTMLResponse:
            settings = shown_run.run_settings(Run(self.workspace.item(name, "run")))
            return page("images.html.j2", name=name, learns=settings is not None and settings.learns)

        @app.get("/set")
        def generated(name: Name = HERE) -> dict[str, Any]:
            return described_set(Run(self.workspace.item(name, "run")))

        @app.get("/map")
        def mapped(name: Name = HERE) -> dict[str, Any]:
            return shown_map(self.workspace, Run(self.workspace.item(name, "run")))

        @app.get("/trial")
        def trial(name: Name = HERE) -> HTMLResponse:
            self.workspace.item(name, "trial")
            return page("trial.html.j2", name=name)

        @app.get("/search")
        def search(name: Name = HERE) -> HTMLResponse:
            folder = self.workspace.item(name, "search")
            return page("search.html.j2", name=name, drawn=(folder / "search.html").is_file())

    def _add_events(self, app: FastAPI) -> None:
        @app.get("/events")
        async def events(kind: Shown = "", name: Name = HERE) -> StreamingResponse:
            if self.watcher.open_pages >= MOST_PAGES:
                raise Refused(429, f"{MOST_PAGES} pages are open. Close some.", {b"retry-after": b"30"})
            return StreamingResponse(self.watcher.stream(self._subjects(kind, name)), media_type="text/event-stream")

    def _subjects(self, kind: Shown, name: str) -> dict[Hashable, Callable[[], Subject]]:
        """Return what a page shows, by a key that is the same for all pages that show it.

        Raises:
            Refused: there is nothing of this name.
        """
        if kind == "":
            return {"overview": lambda: Overview(self.workspace), "jobs": lambda: ShownJobs(self.jobs)}
        if kind == "job":
            self.jobs.job(name)
            return {("job", name): lambda: ShownJob(self.jobs, name)}
        if kind == "set":
            run = self.workspace.item(name, "run")
            return {("set", run): lambda: ShownSet(run)}
        folder = self.workspace.item(name, kind)
        return {(kind, folder): lambda: SHOWN[kind](folder), ("jobs", name): lambda: ShownJobs(self.jobs, name)}


async def _refusal(request: Request, refused: Exception) -> Response:
    """Answer what is refused inside the application: programs in JSON, people on a page."""
    assert isinstance(refused, Refused)
    headers = {name.decode(): value.decode() for name, value in refused.headers.items()}
    if "text/html" in request.headers.get("accept", ""):
        return page("refused.html.j2", refused.status, headers, message=refused.message)
    return JSONResponse({"detail": refused.message}, refused.status, headers)
