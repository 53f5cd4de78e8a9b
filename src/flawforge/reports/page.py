"""The report: one self-contained page, drawn from the run folder alone."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from flawforge.core.errors import RunBrokenError, RunNotFoundError, SettingError
from flawforge.core.files import explain_os_errors, write_text
from flawforge.core.folder_kinds import kinds_in
from flawforge.core.progress import SILENT, Progress
from flawforge.reports.markup import fill
from flawforge.reports.run.course import Course, course, logged_steps
from flawforge.reports.run.film import Film, film
from flawforge.reports.run.gallery import Gallery, gallery
from flawforge.reports.run.headline import Headline, headline
from flawforge.reports.run.nearest import NearestSection, nearest_section
from flawforge.reports.run.origin import Origin, origin, resolution_of
from flawforge.reports.run.score import ScoreSection, score_section
from flawforge.reports.run.synthetic import Synthetic, read_synthetic
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

AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass(frozen=True)
class Page:
    """All that the template gets: words, numbers and pictures, no HTML. A part that the run lacks is None.

    Attributes:
        damaged: for each record that cannot be read (``audit``, ``score``) what is wrong and the command that mends it.
    """

    run: str
    headline: Headline
    synthetic: Synthetic | None
    gallery: Gallery
    nearest: NearestSection | None
    score: ScoreSection | None
    course: Course | None
    film: Film | None
    origin: Origin
    version: str
    damaged: dict[str, str]


def report(run: Run | str | Path, *, out: Path | None = None, progress: Progress = SILENT) -> Path:
    """Draw the report of a run, a trial or a search: one HTML file that opens offline and needs nothing beside it.

    It reads the run folder and nothing else, changes no number in it, and needs no torch: a run can be redrawn on
    another machine. Parts that the run lacks are named with the command that makes them. Drawing the same run
    again gives the same bytes. A damaged record stands on the page as such, with the command that mends it, and is
    warned of; the rest is drawn.

    Args:
        run: the run, or its folder; or the folder of a trial or of a search.
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
    opened = Run.open(folder)
    file = opened.report_file if out is None else Path(out)
    if file.is_dir():
        example = shlex.quote(str(file / "report.html"))
        raise SettingError(f"--out {file} is a folder; the report is a file, so give for example --out {example}")
    page = read_page(opened, progress)
    text = render(page)
    with explain_os_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, text)
    return file


def read_page(run: Run, progress: Progress = SILENT) -> Page:
    """Gather what the page shows from the run folder."""
    settings = run.settings
    white = settings.data.white
    with progress.task("drawing the report", 5, "parts") as task:
        lines = History(run.history_file).lines()
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
        pairs = None if audit is None else nearest_section(run, audit, synthetic, white)
        looks = None if score is None else score_section(run, score, synthetic)
        task.advance()
        steps = logged_steps(lines)
        made: tuple[tuple[str, dict[str, Any]], ...] = (
            ("Generated images", synthetic.facts if synthetic else {}),
            ("Audit", {"command": audit.command} if audit else {}),
            ("Score", {"command": score.command} if score else {}),
        )
        page = Page(
            run=shlex.quote(str(run.path)),
            headline=headline(settings, steps[-1] if steps else None, synthetic, audit, score, tuple(damaged)),
            synthetic=synthetic,
            gallery=shown,
            nearest=pairs,
            score=looks,
            course=course(lines, settings.steps),
            film=film(run, resolution_of(settings), white),
            origin=origin(settings, made),
            version=str(settings.environment.get("flawforge") or "of unrecorded version"),
            damaged=damaged,
        )
        task.advance()
    return page


def record_if_whole(run: Run, kind: str, record_class: type[AnyRecord], damaged: dict[str, str]) -> AnyRecord | None:
    """Return a record; None where there is none, and where it is damaged, which is noted."""
    try:
        return load_record(run, kind, record_class)
    except RunNotFoundError:
        return None
    except RunBrokenError as error:
        damaged[kind] = str(error)
        return None


def render(page: Page) -> str:
    """Return the page as HTML. Everything in `page` is escaped; only our own style, script and charts are markup."""
    return fill("report.html.j2", page=page)
