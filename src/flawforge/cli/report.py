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
    records: Path | None = None,
    open: Flag = False,
    json: Json = False,
) -> None:
    """Write the report of RUN as one HTML file that opens offline, also on a phone, and prints.

    It shows generated images beside real ones, the pairs that are most like copies, how real the images look, the
    course of the training, and how to reproduce it all. It uses the run folder alone and changes no number in it.
    Where something was not done yet, it names the command to run.

    Parameters
    ----------
    run
        The folder of a run, a trial or a search, or one that audit or score of other images wrote (`--out`).
    out
        The file to write. Default: report.html in the folder of a run or trial, search.html in that of a search.
    records
        The folder that `audit --out` or `score --out` wrote, of a run that may only be read. The page goes there too.
    open
        Open the page in the browser.
    """
    from flawforge.reports import page

    with drawn_progress() as progress:
        file = page.report(run, out=out, records=records, progress=progress)
    if json:
        print_json({"report": str(file)})
    else:
        output.print(escape(str(file)), soft_wrap=True)
    if open:
        import webbrowser

        webbrowser.open(file.resolve().as_uri())
