"""The map of real and generated images of a run, as its page shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.runs.folder import Run
from flawforge.runs.judged.maps import MAP_FILE, FeatureMap
from flawforge.runs.records import read_record
from flawforge.server.guards import Refused
from flawforge.server.studio.shown_run import run_settings
from flawforge.server.studio.workspace import Workspace


def shown_map(workspace: Workspace, run: Run) -> dict[str, Any]:
    """Return the points of the map, and the name under which the studio shows the training images; empty: it does not.

    Raises:
        Refused: 404, the score of this run has left no map.
    """
    try:
        found = read_record(run.records / MAP_FILE, FeatureMap, "This run has no map yet: score it.", "Score it again.")
    except (RunNotFoundError, RunBrokenError) as error:
        raise Refused(404, str(error)) from error
    points = [point.model_dump() for point in found.points]
    return {"points": points, "shares": found.shares, "left_out": found.left_out, "data": _data_of(workspace, run)}


def _data_of(workspace: Workspace, run: Run) -> str:
    settings = run_settings(run)
    root = Path(settings.data.root) if settings is not None and settings.data.root else None
    if root is None:
        return ""
    named = next((name for name, path in workspace.data.items() if path == root), "")
    if named or not root.is_relative_to(workspace.folder):
        return named
    return root.relative_to(workspace.folder).as_posix()
