"""The report: one self-contained page, drawn from the run folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.core.folder_kinds import kinds_in
from flawforge.core.progress import SILENT, Progress
from flawforge.reports.markup import write_page
from flawforge.reports.pictures import embed_files
from flawforge.reports.run.copies import copy_score_chart, distance_charts, likeliest_pairs, nearest_pairs
from flawforge.reports.run.course import course, logged_steps
from flawforge.reports.run.film import film
from flawforge.reports.run.gallery import gallery
from flawforge.reports.run.headline import headline
from flawforge.reports.run.origin import commands, recipe_rows, resolution_of, stored_as
from flawforge.reports.run.score import score_charts
from flawforge.reports.run.synthetic import outdated, read_synthetic
from flawforge.reports.search.page import search_page
from flawforge.reports.trial.page import trial_report
from flawforge.reports.words import plural
from flawforge.runs.folder import Run
from flawforge.runs.folder_errors import not_found
from flawforge.runs.history import History
from flawforge.runs.records import AuditRecord, Record, load_record
from flawforge.runs.scores import ScoreRecord
from flawforge.runs.searches import SETTINGS_FILE
from flawforge.runs.trials import TRIAL_FILE

PAIR_SIDE, ALIGNED_SIDE = 160, 192  # pixels of a picture's longest side that the page keeps

AnyRecord = TypeVar("AnyRecord", bound=Record)


def report(
    run: Run | str | Path, *, out: Path | None = None, records: str | Path | None = None, progress: Progress = SILENT
) -> Path:
    """Draw the report of a run, a trial or a search: one HTML file that opens offline and needs nothing beside it.

    It reads the run folder and nothing else, changes no number in it, and needs no torch: a run can be redrawn on
    another machine. Parts that the run lacks are named with the command that makes them. Drawing the same run
    again gives the same bytes. A damaged record stands on the page as such, with the command that mends it, and is
    warned of; the rest is drawn.

    Args:
        run: the run, or its folder; or the folder of a trial or of a search.
        records: folder that audit and score were told to write into (`out`), of a run; the page goes there too.
        out: the file to write; None writes ``report.html`` (``search.html`` of a search) into the folder.
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
    if not Run(folder).settings_file.is_file():
        raise not_found(folder, "run", "trial", "search")
    opened = Run.open(folder).with_outputs(folder if records is None else records)
    return write_page(out or opened.report_file, "report.html.j2", **_parts(opened, progress))


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
        audit = record_if_whole(run, "audit", AuditRecord, damaged)
        score = record_if_whole(run, "score", ScoreRecord, damaged)
        for wrong in damaged.values():
            progress.warn(wrong)
        task.advance()
        shown = gallery(run, synthetic, white)
        if shown.unreadable:
            n = len(shown.unreadable)
            what = f"{plural(n, 'image')} of the gallery cannot be read and {'is' if n == 1 else 'are'} not shown"
            progress.warn(f"{what}, e.g. {shown.unreadable[0]}.")
        task.advance()
        parts = {**_of_audit(run, audit, white), **_of_score(run, score)}
        task.advance()
        parts |= {
            "folder": run.path,
            "settings": settings,
            "last": last or {},
            "headline": headline(settings, last, synthetic, audit, score, tuple(damaged)),
            "synthetic": synthetic,
            "gallery": shown,
            "audit": audit,
            "score": score,
            "outdated": {
                "audit": outdated(run, "audit", audit, synthetic),
                "score": outdated(run, "score", score, synthetic),
            },
            "course": course(lines, settings.steps),
            "film": film(run, resolution_of(settings), white),
            "commands": commands(settings, synthetic, audit=audit, score=score),
            "stored_as": stored_as(settings),
            "recipe_rows": recipe_rows(settings.recipe),
            "version": settings.environment.get("flawforge") or "of unrecorded version",
            "damaged": damaged,
        }
        task.advance()
    return parts


def _of_audit(run: Run, audit: AuditRecord | None, white: int) -> dict[str, Any]:
    """Return charts, pairs and their pictures by the path in the record."""
    if audit is None:
        return {}
    near, alike = nearest_pairs(audit), likeliest_pairs(audit)
    wanted = [picture for pair in near for picture in (pair.picture, *(other.picture for other in pair.neighbours))]
    aligned = [picture for pair, fit in alike for picture in (pair.picture, fit.picture)]
    return {
        "nearest_pairs": near,
        "nearest_pictures": embed_files(run.outputs, wanted, PAIR_SIDE, white),
        "distance_charts": distance_charts(audit),
        "likeliest_pairs": alike,
        "aligned_pictures": embed_files(run.outputs, aligned, ALIGNED_SIDE, white),
        "copy_score_chart": audit.copying and copy_score_chart(audit.copying),
    }


def _of_score(run: Run, score: ScoreRecord | None) -> dict[str, Any]:
    if score is None:
        return {}
    rated = [image.picture for image in (*score.best, *score.worst)]
    return {"score_charts": score_charts(score), "rated_pictures": embed_files(run.outputs, rated, PAIR_SIDE)}


def record_if_whole(run: Run, kind: str, record_class: type[AnyRecord], damaged: dict[str, str]) -> AnyRecord | None:
    """Return a record; None where there is none, and where it is damaged, which is noted."""
    try:
        return load_record(run, kind, record_class)
    except RunNotFoundError:
        return None
    except RunBrokenError as error:
        damaged[kind] = str(error)
        return None
