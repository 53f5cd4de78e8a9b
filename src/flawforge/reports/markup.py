"""Pages as HTML: templates filled with words, numbers and charts. Everything is escaped but our own markup."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any


def fill(template: str, **values: Any) -> str:
    """Return a page: one of the files in ``templates``, with our style and script inside and `values` in its places.

    Filters of the templates: ``breakable`` lets a path break after / and _, ``number`` puts a number into words and
    ``measured`` one of the score with its interval, ``strip``, ``dots`` and ``svg`` draw a
    `flawforge.reports.charts.strips.Strip`, a `flawforge.reports.charts.dots.Dots` and a
    `flawforge.reports.charts.curves.Chart`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from flawforge.reports.charts.dots import draw_dots
    from flawforge.reports.charts.drawing import draw
    from flawforge.reports.charts.strips import draw_strip, in_words
    from flawforge.reports.words import number

    folder = Path(__file__).with_name("templates")
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = lambda path: Markup("<wbr>").join(re.split(r"(?<=[/_])", str(path)))
    environment.filters["number"] = number
    environment.filters["measured"] = in_words
    environment.filters["strip"] = lambda strip: Markup(draw_strip(strip))
    environment.filters["dots"] = lambda dots: Markup(draw_dots(dots))
    environment.filters["svg"] = lambda chart: Markup(draw(chart))
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment.get_template(template)
    return page.render(**values, style=Markup(style), script=Markup(script), script_hash=digest)
