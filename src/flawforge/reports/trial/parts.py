"""What lies under each comparison of a trial: class by class, confusion, and the images that changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from flawforge.reports.pictures import Picture, embed, read_picture, shrink
from flawforge.reports.words import NBSP, NOT_MEASURED, count, number, plural
from flawforge.runs.gains import ClassGain, Comparison, Flip
from flawforge.runs.trials import TrialRecord

LONGEST = 128  # pixels of a picture's longest side that the page keeps


@dataclass(frozen=True)
class ClassRow:
    """One class in words."""

    label: str
    n: str
    gain: str
    p: str
    word: str
    seen: str


@dataclass(frozen=True)
class TableRow:
    """One true class: (count, share of the row) over the told ones."""

    label: str
    cells: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Changed:
    """One image that changed."""

    picture: Picture | None
    label: str
    told: str
    often: str


@dataclass(frozen=True)
class Part:
    """All of one comparison; `tables` are (title, kind, rows) of control and arm."""

    title: str
    classes: tuple[ClassRow, ...]
    columns: tuple[str, ...]
    tables: tuple[tuple[str, str, tuple[TableRow, ...]], ...]
    changed: str
    right: tuple[Changed, ...]
    wrong: tuple[Changed, ...]


def parts_of(folder: Path, record: TrialRecord) -> tuple[Part, ...]:
    """Return a part for each comparison that counts; where none does, for all."""
    shown = record.primary or record.comparisons
    return tuple(_part(folder, record, one) for one in shown)


def _part(folder: Path, record: TrialRecord, one: Comparison) -> Part:
    results = {(r.shots, r.model, r.arm): r for r in record.results}
    tables = []
    for arm, kind in ((one.control, "real"), (one.arm, "generated")):
        found = results.get((one.shots, one.model, arm))
        if found is not None:
            title = f"{arm}: true class (rows) and told class, {plural(len(found.seeds), 'seed')} summed"
            tables.append((title, kind, _table(record.protocol.classes, found.confusion)))
    pictures = _pictures(folder, one.flips)
    control = results.get((one.shots, one.model, one.control))
    recalls = control.recalls if control is not None and record.protocol.task == "type" else {}
    seeds = len(one.seeds)
    changed = (
        f"Over {plural(seeds, 'seed')} an image turned from wrong to right {count(one.gained)} times, and from right "
        f"to wrong {count(one.lost)} times. Below are the images that did so in most seeds."
    )
    up = [flip for flip in one.flips if flip.gained > flip.lost]
    down = [flip for flip in one.flips if flip.lost > flip.gained]
    return Part(
        title=f"{one.shots} real images a class, {one.model}: {one.arm} against {one.control}",
        classes=tuple(_class(each, recalls.get(each.label)) for each in one.classes),
        columns=tuple(record.protocol.classes),
        tables=tuple(tables),
        changed=changed,
        right=tuple(_changed(flip, pictures) for flip in up),
        wrong=tuple(_changed(flip, pictures) for flip in down),
    )


def _class(one: ClassGain, base: float | None) -> ClassRow:
    """Put a class into words; `base` is the share of it that the control finds, where that is what is compared."""
    n = f"{count(one.images)} / {count(one.groups)}"
    if one.why or one.gain.value is None or one.gain.low is None or one.gain.high is None:
        return ClassRow(one.label, n, f"{NOT_MEASURED}: {one.why}", "", "", "")
    found = one.gain.within(-1.0, 1.0) if base is None else one.gain.within(-base, 1.0 - base)
    gain = f"{100 * one.gain.value:+z.1f} ({100 * (found.low or 0.0):+z.1f} to {100 * (found.high or 0.0):+z.1f})"
    fits = one.detectable is not None and one.detectable <= 1.0 - (base or 0.0)
    seen = f"{100 * (one.detectable or 0.0):.1f}" if fits else "no gain that is possible"
    return ClassRow(one.label, n, gain, number(one.p, 2), one.word, seen)


def _table(classes: list[str], confusion: list[list[int]]) -> tuple[TableRow, ...]:
    return tuple(
        TableRow(label, tuple((count(cell), round(cell / max(1, sum(cells)), 3)) for cell in cells))
        for label, cells in zip(classes, confusion, strict=True)
    )


def _changed(flip: Flip, pictures: dict[str, Picture]) -> Changed:
    times = max(flip.gained, flip.lost)
    way = "right" if flip.gained > flip.lost else "wrong"
    return Changed(
        pictures.get(flip.picture or ""),
        flip.label,
        f"{flip.before} → {flip.after}",
        f"{way} in {times}{NBSP}of{NBSP}{flip.seeds} seeds",
    )


def _pictures(folder: Path, flips: list[Flip]) -> dict[str, Picture]:
    images: dict[str, tuple[Image.Image, str]] = {}
    for flip in flips:
        image = read_picture(folder, flip.picture) if flip.picture else None
        if flip.picture and image is not None:
            alt = f"Test image {flip.file}, {flip.label}"
            images[flip.picture] = (shrink(image, LONGEST / max(image.size)), alt)
    embedded, _ = embed(list(images.values()))
    return dict(zip(images, embedded, strict=True))
