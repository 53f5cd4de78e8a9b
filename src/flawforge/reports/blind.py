"""The blind test: a page of its own on which a person judges images, real or generated?"""

from __future__ import annotations

from pathlib import Path

from flawforge.core.files import explain_os_errors
from flawforge.reports.markup import write_page
from flawforge.reports.pictures import embed_files
from flawforge.runs.judged.scores import ScoreRecord

WHOLE = 4096  # pixels of a picture's longest side: none is made smaller
NOT_HELD_OUT = {
    "training": "The real images are those that the generator was trained on: there are no held-out ones.",
    "unknown": "Whether the generator was trained on the real images is not known.",
}


def blind_file(page: Path) -> Path:
    """Return where the blind test of a report lies: beside it, ``report-blind.html``."""
    return page.with_name(f"{page.stem}-blind.html")


def blind_page(page: Path, folder: Path, score: ScoreRecord | None) -> Path | None:
    """Draw the blind test beside a report; None where the score kept no images for it, and an older one goes.

    Args:
        page: the report.
        folder: of the records.
        score: the record.
    """
    file, full = blind_file(page), None if score is None else score.full_size
    pictures = embed_files(folder, [one.picture for one in full.blind], WHOLE) if full is not None else {}
    shown = [(pictures[one.picture], one.real) for one in full.blind if one.picture in pictures] if full else []
    if score is None or full is None or not shown:
        with explain_os_errors(page):
            file.unlink(missing_ok=True)
        return None
    measured = {one.name: one for one in full.quantities}
    classifier = measured.get("defect_auc", measured.get("classifier_auc"))  # of placed defects, pictures show these
    return write_page(
        file,
        "blind.html.j2",
        script="blind.js",
        shown=shown,
        classifier=classifier,
        note=NOT_HELD_OUT.get(score.against, "The real images are held-out ones, which training did not see."),
        version=score.versions.get("flawforge", "of unrecorded version"),
        report=page.name,
        made=score.made,
    )
