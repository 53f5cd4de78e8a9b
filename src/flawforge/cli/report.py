"""``flawforge report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from flawforge.cli.console import drawn_progress, print_json
from flawforge.cli.console import out as output
from flawforge.cli.flags import Flag, Json


def report(
    run: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    open: Flag = False,
    json: Json = False,
) -> None:
    """Draw the report of RUN: one HTML file that opens offline from a double click, on a phone too, and prints.

    It shows the generated images beside real ones, the pairs that come nearest to being copies, the course of the
    training, and how to do it all again. It is drawn from the run folder alone and changes no number in it; parts that
    the run lacks are named with the command that makes them.

    Parameters
    ----------
    run
        The folder that `train` made, or the one of a `trial` or a `search`.
    out
        The file to write. Default: report.html in the run's folder, search.html in a search's.
    open
        Open the page in the browser when it is drawn.
    """
    from flawforge.reports import page

    with drawn_progress() as progress:
        file = page.report(run, out=out, progress=progress)
    if json:
        print_json({"report": str(file)})
    else:
        output.print(escape(str(file)), soft_wrap=True)
    if open:
        import webbrowser

        webbrowser.open(file.resolve().as_uri())
