"""The studio's pages as HTML: the report's style and words in templates of their own. Everything is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader

from flawforge import __version__
from flawforge.reports import markup


def page(template: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> HTMLResponse:
    """Return a page: one of the templates in ``pages``, with `values` in its places."""
    text = _environment().get_template(template).render(version=__version__, **values)
    return HTMLResponse(text, status, dict(headers or {}))


@cache
def _environment() -> Environment:
    return markup.environment().overlay(loader=PackageLoader("flawforge.server.studio", "pages"))
