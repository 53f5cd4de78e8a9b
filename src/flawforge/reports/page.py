"""The report: one self-contained page, drawn from the run folder alone."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from flawforge.core.folder_kinds import kinds_in
from flawforge.core.plural import plural
from flawforge.core.progress import SILENT, Progress
from flawforge.reports.blind import blind_page
from flawforge.reports.judgement.page import judgement_page
from flawforge.reports.markup import write_page
from flawforge.reports.run.composed import composed_sheet
from flawforge.reports.run.course import course, logged_steps
from flawforge.reports.run.detection import shown_detection
from flawforge.reports.run.exported import exported_generator, exported_rows
from flawforge.reports.run.film import film
from flawforge.reports.run.gallery import gallery
from flawforge.reports.run.headline import headline
from flawforge.reports.run.latents import seen_through_latents
from flawforge.reports.run.origin import commands, recipe_rows, resolution_of, stored_as
from flawforge.reports.run.own_pixels import pairs_at_own_pixels
from flawforge.reports.run.synthetic import outdated, read_synthetic
from flawforge.reports.search.page import search_page
from flawforge.reports.shown_records import record_if_whole, shown_audit, shown_score
from flawforge.reports.trial.page import trial_report
from flawforge.runs.detection.record import PodRecord
from flawforge.runs.folder import Run
from flawforge.runs.folder_errors import not_found
from flawforge.runs.history import History
from flawforge.runs.judged.audits import AuditRecord
from flawforge.runs.judged.judgements import JUDGEMENT_FILE
from flawforge.runs.judged.scores import ScoreRecord
from flawforge.runs.searches import SETTINGS_FILE
from flawforge.runs.trials import TRIAL_FILE


def report(
    run: Run | str | Path, *, out: Path | None = None, records: str | Path | None = None, progress: Progress = SILENT
) -> Path:
    """Draw the report of a run, a trial, a search or other images: one HTML file that needs nothing beside it.

    It reads the run folder and nothing else, changes no number in it, and needs no torch: a run can be redrawn on
    another machine. Parts that the run lacks are named with the command that makes them. Drawing the same run
    again gives the same bytes. A damaged record stands on the page as such, with the command that mends it, and is
    warned of; the rest is drawn. Where the score kept images for it, a blind test lies beside the page
    (``report-blind.html``): which images are real?

    Args:
        run: the run, or its folder; or the folder of a trial, of a search, or of audit and score of other images.
        records: folder that audit and score were told to write into (`out`), of a run; the page goes there too.
        out: the file to write; None writes ``report.html`` (``search.html`` of a search, ``judgement.html`` of other
            images) into the folder.
        progress: where to tell how far the drawing is.

    Returns:
        The file.

    Raises:
        RunNotFoundError: the folder is none of them.
        RunBrokenError: run.json is damaged.
        SettingError: `out` is a folder.
        RunUnwritableError, DiskFullError: the file cannot be written.
    """
    folder = run.path if isinstance(run, Run) else Path(run)
    if (folder / TRIAL_FILE).is_file() or "trial" in kinds_in(folder):
        return trial_report(folder, out=out)
    if (folder / SETTINGS_FILE).is_file():
        return search_page(folder, out)
    if (folder / JUDGEMENT_FILE).is_file():
        return judgement_page(folder, out=out, progress=progress)
    if not Run(folder).settings_file.is_file():
        raise not_found(folder, "run", "trial", "search")
    opened = Run.open(folder).with_outputs(folder if records is None else records)
    page, parts = out or opened.report_file, _parts(opened, progress)
    blind = None if page.is_dir() else blind_page(page, opened.outputs, parts["score"])
    return write_page(page, "report.html.j2", blind=blind, **parts)


def _parts(run: Run, progress: Progress) -> dict[str, Any]:
    """Gather what the templates show from the run folder; a part that the run lacks is None.

    ``damaged`` says, for each record that cannot be read, what is wrong and the command that mends it.
    """
    settings, white = run.settings, run.settings.data.white
    lines = History(run.history_file).lines()
    last = next(reversed(logged_steps(lines)), None)
    with progress.task("drawing the report", 4, "parts") as task:
        damaged: dict[str, str] = {}
        synthetic = read_synthetic(run, progress)
        make = {kind: f"flawforge {kind} {shlex.quote(str(run.path))}" for kind in ("audit", "score")}
        make["pod"] = f"flawforge pod {shlex.quote(str(run.path))} --inspector MODEL --overwrite"
        audit = record_if_whole(run.outputs, "audit", AuditRecord, make["audit"], damaged)
        score = record_if_whole(run.outputs, "score", ScoreRecord, make["score"], damaged)
        exported = exported_generator(run, damaged)
        pod = record_if_whole(run.outputs, "pod", PodRecord, make["pod"], damaged)
        for wrong in damaged.values():
            progress.warn(wrong)
        task.advance()
        shown = gallery(run, synthetic, white)
        if shown.unreadable:
            n = len(shown.unreadable)
            what = f"{plural(n, 'image')} of the gallery cannot be read and {'is' if n == 1 else 'are'} not shown"
            progress.warn(f"{what}, e.g. {shown.unreadable[0]}.")
        task.advance()
        parts = {
            **shown_audit(run.outputs, audit, white),
            **shown_score(run.outputs, score),
            **shown_detection(run.outputs, pod),
        }
        task.advance()
        parts |= {
            "folder": run.path,
            "settings": settings,
            "last": last or {},
            "headline": headline(settings, last, synthetic, audit, score, tuple(damaged), pod),
            "synthetic": synthetic,
            "gallery": shown,
            "own_pixels": pairs_at_own_pixels(run, synthetic, white),
            "composed": composed_sheet(run),
            "audit": audit,
            "score": score,
            "pod": pod,
            "outdated": {
                "audit": outdated(run, "audit", audit, synthetic),
                "score": outdated(run, "score", score, synthetic),
            },
            "course": course(lines, settings.steps),
            "film": film(run, resolution_of(settings), white),
            "commands": commands(settings, synthetic, audit=audit, score=score, detection=pod),
            "stored_as": stored_as(settings),
            "exported": exported_rows(exported),
            "latents": seen_through_latents(run),
            "recipe_rows": recipe_rows(settings.recipe),
            "version": settings.environment.get("flawforge") or "of unrecorded version",
            "damaged": damaged,
            "make": make,
        }
        task.advance()
    return parts
