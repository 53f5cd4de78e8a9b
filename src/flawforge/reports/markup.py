"""Pages as HTML: templates filled with records, pictures and charts. Everything is escaped but our own markup."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flawforge.core.errors import SettingError
from flawforge.core.files import explain_os_errors, write_text
from flawforge.core.percent import percent
from flawforge.core.plural import plural
from flawforge.core.settings.arms import description_of
from flawforge.reports import words
from flawforge.reports.charts.drawing import draw
from flawforge.reports.charts.scales import own_scale
from flawforge.reports.run.copies import how_it_lies, symmetry
from flawforge.runs import estimates

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
FILTERS = (  # functions that templates call by their names, with a value of a record
    words.chance,
    words.count,
    words.duration,
    words.joined,
    words.measured,
    words.number,
    percent,
    plural,
    words.share,
    words.shares,
    estimates.gain_points,
    estimates.in_percent,
    estimates.points,
    description_of,
    how_it_lies,
    own_scale,
    symmetry,
    shlex.quote,
)


def write_page(file: Path, template: str, script: str = "report.js", **values: Any) -> Path:
    """Fill a template, write the page, and return its file. `script` is the file in ``templates`` that it runs.

    Raises:
        SettingError: `file` is a folder. RunUnwritableError, DiskFullError: it cannot be written.
    """
    if file.is_dir():
        example = shlex.quote(str(file / "report.html"))
        raise SettingError(f"--out {file} is a folder; the report is a file, so give for example --out {example}")
    text = fill(template, script, **values)
    with explain_os_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, text)
    return file


def fill(template: str, script_file: str = "report.js", **values: Any) -> str:
    """Return a page: one of the files in ``templates``, with our style and script inside and `values` in its places."""
    from markupsafe import Markup

    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", script_file))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = environment().get_template(template)
    return page.render(**values, style=Markup(style), script=Markup(script), script_hash=digest)


@cache
def environment() -> Environment:
    """Return the environment of the templates, which compiles each once in a process.

    Its filters, beside `FILTERS`: ``breakable`` lets a path break after / and _, ``kimg`` is `words.length`, ``svg``
    draws a `flawforge.reports.charts.curves.Chart`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    loader = FileSystemLoader(TEMPLATES)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters.update({function.__name__: function for function in FILTERS})
    made.filters["breakable"] = lambda path: Markup("<wbr>").join(re.split(r"(?<=[/_])", str(path)))
    made.filters["kimg"] = words.length
    made.filters["svg"] = lambda chart: Markup(draw(chart))
    made.globals["zip"] = zip
    return made
