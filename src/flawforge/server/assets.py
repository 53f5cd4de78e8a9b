"""Styles, scripts and pictures of pages, each at an address of its own."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import Response

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def add_assets(app: FastAPI, folder: Traversable) -> None:
    """Add the addresses of a folder's styles, scripts and pictures to an application; they are read now."""
    for entry in folder.iterdir():
        if Path(entry.name).suffix in TYPES:
            add_asset(app, entry)


def add_asset(app: FastAPI, file: Traversable) -> None:
    """Add the address of one of them."""
    text, media_type = file.read_text(encoding="utf-8"), TYPES[Path(file.name).suffix]

    def asset() -> Response:
        return Response(text, media_type=media_type)

    app.add_api_route(f"/{file.name}", asset, include_in_schema=False)
