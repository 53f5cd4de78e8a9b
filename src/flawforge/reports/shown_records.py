"""Audit and score as a page shows them, of a run or of images from another tool: charts, pairs and their pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.reports.charts.curves import Chart
from flawforge.reports.pictures import embed_files
from flawforge.reports.run.copies import copy_score_chart, distance_charts, likeliest_pairs, nearest_pairs, patch_pairs
from flawforge.reports.run.map import map_charts
from flawforge.reports.run.score import score_charts
from flawforge.runs.judged.audits import AuditRecord
from flawforge.runs.judged.maps import MAP_FILE, FeatureMap
from flawforge.runs.judged.scores import ScoreRecord
from flawforge.runs.records import Record, read_record

PAIR_SIDE, ALIGNED_SIDE, DETAIL_SIDE = 160, 192, 400  # pixels of a picture's longest side that the page keeps
DEFECTS_SHOWN = 8  # copied defects

AnyRecord = TypeVar("AnyRecord", bound=Record)


def shown_audit(folder: Path, audit: AuditRecord | None, white: int = 255) -> dict[str, Any]:
    """Return charts, pairs and their pictures by the path in the record."""
    if audit is None:
        return {}
    near, alike, parts = nearest_pairs(audit), likeliest_pairs(audit), patch_pairs(audit)
    wanted = [picture for pair in near for picture in (pair.picture, *(other.picture for other in pair.neighbours))]
    aligned = [picture for pair, fit in alike for picture in (pair.picture, fit.picture)]
    moved = [one for one in audit.copied_defects if one.picture is not None][:DEFECTS_SHOWN]
    detailed = [picture for _, part in parts for picture in (part.picture, part.source_picture)]
    detailed += [
        picture for one in moved for picture in (one.picture, one.window, one.source_window, one.source_picture)
    ]
    return {
        "patch_pairs": parts,
        "copied_defects": moved,
        "detail_pictures": embed_files(folder, detailed, DETAIL_SIDE, white),
        "nearest_pairs": near,
        "nearest_pictures": embed_files(folder, wanted, PAIR_SIDE, white),
        "distance_charts": distance_charts(audit),
        "likeliest_pairs": alike,
        "aligned_pictures": embed_files(folder, aligned, ALIGNED_SIDE, white),
        "copy_score_chart": audit.copying and copy_score_chart(audit.copying),
    }


def shown_score(folder: Path, score: ScoreRecord | None) -> dict[str, Any]:
    """Return the charts, and the pictures of rated images by the path in the record."""
    if score is None:
        return {}
    rated = [image.picture for image in (*score.best, *score.worst)]
    pictures = embed_files(folder, rated, PAIR_SIDE)
    return {"score_charts": score_charts(score), "rated_pictures": pictures, "map_charts": _map_charts(folder, score)}


def _map_charts(folder: Path, score: ScoreRecord) -> list[Chart]:
    """Return the map that was drawn with a score; none where there is none, or one of other images."""
    try:
        found = read_record(folder / "records" / MAP_FILE, FeatureMap, "", "")
    except (RunNotFoundError, RunBrokenError):
        return []
    return map_charts(found) if found.inputs == score.inputs else []


def record_if_whole(
    folder: Path, kind: str, record_class: type[AnyRecord], command: str, damaged: dict[str, str]
) -> AnyRecord | None:
    """Return a record; None where there is none, and where it is damaged, which is noted.

    Args:
        folder: of a run, or of a judgement.
        kind: ``audit`` or ``score``.
        record_class: its class.
        command: that makes it.
        damaged: takes what is wrong, by kind.
    """
    try:
        return read_record(folder / "records" / f"{kind}.json", record_class, "", f"Make it again with: {command}")
    except RunNotFoundError:
        return None
    except RunBrokenError as error:
        damaged[kind] = str(error)
        return None
