"""Files that the studio hands out: its own style and scripts, and of its folder pictures and drawn reports alone."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, get_args

from fastapi import FastAPI, Query
from fastapi.responses import Response

from flawforge.core.folder_kinds import kinds_in
from flawforge.reports.markup import TEMPLATES
from flawforge.server.assets import add_asset, add_assets
from flawforge.server.guards import Refused
from flawforge.server.studio.workspace import HERE, ItemKind, Workspace

PICTURES = ("previews", "synthetic", "records")  # folders of an item whose PNG files are handed out
PAGES = ("report.html", "report-blind.html", "search.html")  # likewise, of the item's folder itself
LARGEST = 64 << 20  # bytes of a file
PNG = b"\x89PNG\r\n\x1a\n"
Name = Annotated[str, Query(max_length=1000, description="Path below the studio's folder.")]
File = Annotated[str, Query(max_length=1000, description="Path below the item's folder.")]


def add_files(app: FastAPI, workspace: Workspace) -> None:
    """Add the addresses of files to an application."""
    add_assets(app, files("flawforge.server.studio").joinpath("pages"))
    add_asset(app, TEMPLATES / "report.css")
    policy = _policy()

    @app.get("/picture")
    def picture(file: File, name: Name = HERE) -> Response:
        """A PNG file of a run, trial or search; nothing of it is decoded here."""
        if file.partition("/")[0] not in PICTURES or not file.endswith(".png"):
            raise Refused(404, "Pictures of an item are handed out, and nothing else.")
        data = _read(workspace.path(_item(workspace, name), file))
        if not data.startswith(PNG):
            raise Refused(404, "This file is no PNG picture.")
        return Response(data, media_type="image/png")

    @app.get("/drawn")
    def drawn(file: File = PAGES[0], name: Name = HERE) -> Response:
        """A report as it was drawn. It may come from anyone, so it runs no script but ours, and is of no origin."""
        if file not in PAGES:
            raise Refused(404, f"There is {', '.join(PAGES)}.")
        data = _read(workspace.path(_item(workspace, name), file))
        return Response(data, media_type="text/html; charset=utf-8", headers={"content-security-policy": policy})


def _item(workspace: Workspace, name: str) -> str:
    """Return the name of an item, which is one."""
    if not set(kinds_in(workspace.path(name))) & set(get_args(ItemKind)):
        raise Refused(404, "There is no run, trial or search of this name in the folder of this studio.")
    return name


def _read(path: Path) -> bytes:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            raise Refused(404, "There is no such file, or it is too large.")
        return path.read_bytes()
    except OSError as error:
        raise Refused(404, "This file cannot be read.") from error


def _policy() -> str:
    scripts = ((TEMPLATES / name).read_bytes() for name in ("report.js", "blind.js"))
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts)
    return (
        f"sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
