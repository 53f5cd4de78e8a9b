"""What lies under each comparison of a trial: class by class, confusion, and the images that changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flawforge.reports.pictures import Picture, embed, read_picture, shrink
from flawforge.reports.words import NBSP, NOT_MEASURED, count, number, plural
from flawforge.runs.trials import ClassGain, Comparison, Flip, TrialRecord, gain_points, points

LONGEST_SIDE = 128  # pixels of a picture that the page keeps
Table = list[tuple[str, list[tuple[str, float]]]]  # true class to (count, share of the row) by predicted class


@dataclass(frozen=True)
class ClassRow:
    """One class: the record's, with its numbers in words."""

    part: ClassGain
    sizes: str
    gain: str
    p: str
    detectable: str


@dataclass(frozen=True)
class ChangedImage:
    """One image that changed; its predictions and how often, in words."""

    picture: Picture | None
    label: str
    predictions: str
    often: str


@dataclass(frozen=True)
class Details:
    """All of one comparison; `tables` are (title, kind, rows) of control and arm."""

    title: str
    classes: list[ClassRow]
    tables: list[tuple[str, str, Table]]
    changed: str
    right: list[ChangedImage]
    wrong: list[ChangedImage]


def details_of(folder: Path, record: TrialRecord) -> tuple[Details, ...]:
    """Return the details of each comparison that counts; where none does, of all."""
    return tuple(_details(folder, record, comparison) for comparison in record.primary or record.comparisons)


def _details(folder: Path, record: TrialRecord, comparison: Comparison) -> Details:
    tables = []
    for arm, kind in ((comparison.control, "real"), (comparison.arm, "generated")):
        result = record.result(comparison, arm)
        if result is not None:
            title = f"{arm}: true class (rows) and predicted class, sum of {plural(len(result.seeds), 'repeat')}"
            tables.append((title, kind, _table(record.protocol.classes, result.confusion)))
    control = record.result(comparison, comparison.control)
    recalls = control.recalls if control is not None and record.protocol.task == "type" else {}
    pictures = _pictures(folder, comparison.flips)
    changed = [(flip, _changed(flip, pictures)) for flip in comparison.flips]
    return Details(
        title=f"{comparison.shots} images per class, {comparison.model}: {comparison.arm} against {comparison.control}",
        classes=[_class_row(part, recalls.get(part.label)) for part in comparison.classes],
        tables=tables,
        changed=(
            f"In {plural(len(comparison.seeds), 'repeat')}, predictions changed from wrong to right "
            f"{count(comparison.gained)} times and from right to wrong {count(comparison.lost)} times. The images "
            f"below changed in the largest number of repeats."
        ),
        right=[image for flip, image in changed if flip.gained > flip.lost],
        wrong=[image for flip, image in changed if flip.lost > flip.gained],
    )


def _class_row(part: ClassGain, recall: float | None) -> ClassRow:
    """Put a class into words; `recall` is the control's, where that is what is compared."""
    sizes = f"{count(part.images)} / {count(part.groups)}"
    if part.why or part.gain.value is None:
        return ClassRow(part, sizes, f"{NOT_MEASURED}: {part.why}", "", "")
    low, high = (-1.0, 1.0) if recall is None else (-recall, 1.0 - recall)
    room = 1.0 - (recall or 0.0)
    possible = part.detectable is not None and part.detectable <= room
    detectable = points(part.detectable) if possible and part.detectable is not None else "no possible gain"
    return ClassRow(part, sizes, gain_points(part.gain.within(low, high)), number(part.p, 2), detectable)


def _table(classes: list[str], confusion: list[list[int]]) -> Table:
    return [
        (label, [(count(cell), round(cell / max(1, sum(cells)), 3)) for cell in cells])
        for label, cells in zip(classes, confusion, strict=True)
    ]


def _changed(flip: Flip, pictures: dict[str, Picture]) -> ChangedImage:
    times, way = (flip.gained, "right") if flip.gained > flip.lost else (flip.lost, "wrong")
    often = f"{way} in {times}{NBSP}of{NBSP}{flip.seeds} repeats"
    return ChangedImage(pictures.get(flip.picture or ""), flip.label, f"{flip.before} → {flip.after}", often)


def _pictures(folder: Path, flips: list[Flip]) -> dict[str, Picture]:
    images = {}
    for flip in flips:
        image = read_picture(folder, flip.picture) if flip.picture else None
        if flip.picture and image is not None:
            alt = f"Test image {flip.file}, {flip.label}"
            images[flip.picture] = (shrink(image, LONGEST_SIDE / max(image.size)), alt)
    embedded, _ = embed(list(images.values()))
    return dict(zip(images, embedded, strict=True))
