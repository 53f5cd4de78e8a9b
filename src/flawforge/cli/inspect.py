"""``flawforge inspect``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import Json, Whole, Words
from flawforge.core.errors import RunUnwritableError, SettingError

if TYPE_CHECKING:
    from flawforge.data.inspection.inspect import ClassFacts, Inspection

SHOWN = 10  # lines of a list before it is cut; --json gives all


def inspect(
    data: str,
    /,
    *,
    classes: Words = None,
    groups: bool = True,
    sheet: Annotated[Path | None, Parameter(name=["--contact-sheet", "--sheet"])] = None,
    seed: Whole = 0,
    json: Json = False,
) -> None:
    """Say what is in DATA: classes, sizes, broken files, duplicates, overlaps, and what a fair split looks like.

    Nothing is changed or copied. Files that cannot be read are named with their reason, and the rest goes on.

    DATA may be a flat folder of images (one class, named after the folder); a folder per class, with masks in
    `masks/CLASS` if there are any; Pascal VOC (`images` or `JPEGImages` beside `annotations`); the MVTec AD layout
    (`train/good`, `test/DEFECT`, `ground_truth`); or the word `elpv`. PNG, JPEG, BMP, TIFF and WebP are read, whatever
    the files' endings.

    A group is a set of images that show the same piece of material, such as crops of one photograph. Images of one
    group must never be split between training and test: a model, or a generator, would be tested on what it has seen.

    Parameters
    ----------
    data
        A folder of images, or the word `elpv` (the solar cells of the extra `elpv`; `elpv-mono` and `elpv-poly` read
        those of one kind of crystal).
    classes
        Look at these classes only, e.g. `--classes scratches patches`. Default: all.
    groups
        Look for overlaps (the slow part: seconds for a thousand images). Without them no split is proposed.
    sheet
        Also draw a contact sheet into this PNG file: a row of images for each class.
    seed
        Of the proposed split.
    """
    from flawforge.data.inspection.inspect import inspect as inspect_data

    if sheet is not None:
        _check_sheet(sheet)
    with drawn_progress() as progress:
        found = inspect_data(data, classes=classes, groups=groups, seed=seed, progress=progress)
        if sheet is not None:
            _draw_sheet(found, sheet)
    if json:
        print_json(found.as_json())
        return
    _show_classes(found)
    _show_groups(found)
    _show_duplicates(found)
    _show_split(found)
    _show_broken(found)
    _show_notes(found)
    if sheet is not None:
        out.print(f"\ncontact sheet: {escape(str(sheet))}")


def _check_sheet(path: Path) -> None:
    """Refuse a name or a folder that cannot be before the work is done."""
    if path.suffix.lower() != ".png":
        raise SettingError(f"--sheet cannot be '{path}': the contact sheet is a PNG; give it a name that ends in .png.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunUnwritableError(
            f"cannot make the folder {path.parent}: {error.strerror}. Give --sheet a file in a folder that you may "
            f"write to."
        ) from error


def _draw_sheet(found: Inspection, path: Path) -> None:
    from flawforge.core.files import write_bytes
    from flawforge.core.images import encode_png
    from flawforge.data.inspection.contact_sheet import contact_sheet

    pixels = contact_sheet(found.dataset)
    write_bytes(path, encode_png(pixels, "L" if pixels.ndim == 2 else "RGB"), durable=False)


def _show_classes(found: Inspection) -> None:
    from flawforge.data.reading.layouts import title_of

    dataset = found.dataset
    layout = title_of(dataset.layout)
    several = "es" if len(dataset.classes) > 1 else ""
    out.print(
        f"[bold]{escape(dataset.source)}[/bold]: {layout}, {_count(len(dataset), 'image')} in {len(dataset.classes)} "
        f"class{several}\n"
    )
    extras = [name for name in ("masks", "boxes") if any(getattr(facts, name) for facts in found.classes.values())]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("class", overflow="fold")
    for name in ("images", *(["groups"] if found.groups is not None else []), *extras):
        table.add_column(name, justify="right")
    table.add_column("width x height")
    table.add_column("stored as")
    for label, facts in found.classes.items():
        numbers = [facts.images, *([facts.groups] if facts.groups is not None else [])]
        numbers += [getattr(facts, name) for name in extras]
        table.add_row(escape(label), *(f"{number:,}" for number in numbers), _size(facts), _stored(facts))
    out.print(table)


def _size(facts: ClassFacts) -> str:
    if facts.sizes == 1:
        return f"{facts.size[0]} x {facts.size[1]}"
    return f"{_range(facts.widths)} x {_range(facts.heights)}"


def _range(ends: tuple[int, int]) -> str:
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}"


def _stored(facts: ClassFacts) -> str:
    return f"{', '.join(facts.modes)}; {', '.join(facts.encodings)}"


def _show_groups(found: Inspection) -> None:
    if found.groups is None:
        return
    sizes = Counter(found.groups.tolist())
    shared = sum(size for size in sizes.values() if size > 1)
    out.print("\n[bold]overlap groups[/bold]")
    if not shared:
        out.print("No two images were found to show the same piece of material.")
        return
    out.print(
        f"{shared:,} of {_count(len(found.dataset), 'image')} share material with another one; the largest group has "
        f"{max(sizes.values())}."
    )
    fewer = {label: facts for label, facts in found.classes.items() if (facts.groups or 0) < facts.images}
    if fewer:
        label, facts = min(fewer.items(), key=lambda item: (item[1].groups or 0) / item[1].images)
        start = "Most of all: " if len(fewer) > 1 else ""
        out.print(
            f"{start}{_count(facts.images, 'image')} of {escape(label)} show {_count(facts.groups or 0, 'piece')} of "
            f"material."
        )


def _show_duplicates(found: Inspection) -> None:
    if not found.duplicates:
        return
    out.print("\n[bold]exact duplicates[/bold] (the same pixels)")
    _list([" = ".join(files) for files in found.duplicates])


def _show_split(found: Inspection) -> None:
    split = found.split
    if split is None:
        return
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    out.print("\n[bold]a fair split[/bold] (each group on one side; --json lists the files)")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("class", overflow="fold")
    for name in parts:
        table.add_column(name, justify="right")
    labels = found.dataset.labels
    for code, label in enumerate(found.dataset.classes):
        table.add_row(escape(label), *(f"{int((labels[indices] == code).sum()):,}" for indices in parts.values()))
    if len(found.dataset.classes) > 1:
        table.add_row("[bold]all[/bold]", *(f"{len(indices):,}" for indices in parts.values()))
    out.print(table)


def _show_broken(found: Inspection) -> None:
    if not found.broken:
        return
    out.print(f"\n[bold red]passed over[/bold red] ({_count(len(found.broken), 'file')})")
    _list([f"{one.file}: {one.reason}" for one in found.broken])


def _show_notes(found: Inspection) -> None:
    if not found.notes:
        return
    out.print("\n[bold]worth knowing[/bold]")
    for note in found.notes:
        out.print(f"- {escape(note)}")


def _list(lines: list[str]) -> None:
    for line in lines[:SHOWN]:
        out.print(f"  {escape(line)}")
    if len(lines) > SHOWN:
        out.print(f"  and {len(lines) - SHOWN:,} more (--json lists all)")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
