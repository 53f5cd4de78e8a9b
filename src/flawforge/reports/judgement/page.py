"""The page of images from another tool: are they copies, do they look real, and what was levelled first."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from flawforge.core.errors import RunNotFoundError
from flawforge.core.progress import SILENT, Progress
from flawforge.reports.blind import blind_page
from flawforge.reports.markup import write_page
from flawforge.reports.shown_records import record_if_whole, shown_audit, shown_score
from flawforge.runs.judged.audits import AuditRecord
from flawforge.runs.judged.judgements import PAGE_FILE
from flawforge.runs.judged.scores import ScoreRecord
from flawforge.runs.records import Record

DIFFERENT = (
    "The score below is of other images than the audit: they were made with other folders. Repeat one of the two with "
    "the folders of the other."
)


def judgement_page(folder: Path, *, out: Path | None = None, progress: Progress = SILENT) -> Path:
    """Draw the page of a judgement's folder and return it. Drawing it again gives the same bytes.

    Args:
        folder: that `--out` of audit and score named.
        out: the file to write; None writes ``judgement.html`` into the folder.
        progress: where to warn of a damaged record.

    Raises:
        RunNotFoundError: the folder has neither record yet. SettingError: `out` is a folder.
        RunUnwritableError, DiskFullError: the file cannot be written.
    """
    where = shlex.quote(str(folder))
    make = {
        "audit": f"flawforge audit DATA --synthetic DIR --out {where}",
        "score": f"flawforge score DATA --synthetic DIR --out {where}",
    }
    damaged: dict[str, str] = {}
    audit = record_if_whole(folder, "audit", AuditRecord, make["audit"], damaged)
    score = record_if_whole(folder, "score", ScoreRecord, make["score"], damaged)
    for wrong in damaged.values():
        progress.warn(wrong)
    known: list[Any] = [record for record in (audit, score) if record is not None]
    if not known and not damaged:
        raise RunNotFoundError(f"{folder} holds no result yet. Make one with: {make['audit']}")
    same = len({record.inputs["synthetic"] for record in known}) < 2
    values: dict[str, Any] = {
        "folder": folder,
        "audit": audit,
        "score": score,
        "make": make,
        "damaged": damaged,
        "outdated": {"audit": "", "score": "" if same else DIFFERENT},
        "levelling": next((record.levelling for record in known if record.levelling), None),
        "commands": _commands(known),
        "sentences": [record.sentence for record in known],
        "made": known[0].n_generated if known else None,
        "version": known[0].versions.get("flawforge", "of unrecorded version") if known else "of unrecorded version",
        **shown_audit(folder, audit),
        **shown_score(folder, score),
    }
    page = out or folder / PAGE_FILE
    blind = None if page.is_dir() else blind_page(page, folder, score)
    return write_page(page, "judgement.html.j2", blind=blind, **values)


def _commands(records: list[Record]) -> list[str]:
    return list(dict.fromkeys(record.command for record in records))
