"""The folder that holds what was found of images from another tool: audit and score, their pictures and the page.

::

    judgement.json      format number
    records/            audit.json, score.json and the pictures that they show
    judgement.html
"""

from __future__ import annotations

from pathlib import Path

from flawforge.core.files import FORMAT, explain_os_errors, write_json
from flawforge.runs.folder_errors import refuse_other

JUDGEMENT_FILE = "judgement.json"
PAGE_FILE = "judgement.html"


def begin_judgement(folder: Path) -> None:
    """Make the folder, or go on in one that is there, before the work begins.

    Raises:
        RunExistsError: it holds a run, a trial, ..., or is a file. RunUnwritableError, DiskFullError: the disk.
    """
    refuse_other(folder, "judgement")
    with explain_os_errors(folder):
        (folder / "records").mkdir(parents=True, exist_ok=True)
    write_json(folder / JUDGEMENT_FILE, {"format": FORMAT})
