"""``flawforge inspect``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import USUAL, Json, ReadingFlags, Whole, Words
from flawforge.core.errors import RunUnwritableError, SettingError
from flawforge.core.plural import plural

if TYPE_CHECKING:
    from flawforge.data.inspection.inspect import Inspection

SHOWN = 10  # lines of a list before it is cut; --json gives all


def inspect(
    data: str,
    /,
    *,
    classes: Words = None,
    groups: bool = True,
    sheet: Annotated[Path | None, Parameter(name=["--contact-sheet", "--sheet"])] = None,
    picture: Path | None = None,
    seed: Whole = 0,
    reading: Annotated[ReadingFlags, Parameter(name="*")] = USUAL,
    json: Json = False,
) -> None:
    """Show what is in DATA: classes, sizes, unreadable files, duplicates, overlaps, and a proposed split.

    Nothing is changed or copied. Files that cannot be read are listed with the reason; the others are inspected all the
    same.

    DATA may be a flat folder of images (one class, named after the folder); a folder per class; what labelling tools
    write (COCO, YOLO, Pascal VOC, LabelMe, CVAT, Datumaro, Supervisely, tables); a published set (MVTec AD, VisA,
    DAGM, ...); or the word `elpv`. Masks are found beside the images or in a folder such as `masks`. PNG, JPEG, BMP,
    TIFF and WebP are read, whatever the file extension.

    A group is a set of images that show the same specimen, such as crops of one photograph. Images of one group must
    stay together, in training or in test: else a model, or a generator, would be tested on what it has seen.

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
    picture
        Also draw a sheet with boxes, masks and labels over the images into this PNG file, to check by eye that the
        labels were read as they are meant.
    seed
        Seed of the proposed split.
    """
    from flawforge.data.inspection.inspect import inspect as inspect_data

    for flag, path in (("--contact-sheet", sheet), ("--picture", picture)):
        if path is not None:
            _check_sheet(flag, path)
    with drawn_progress() as progress:
        result = inspect_data(
            data, classes=classes, groups=groups, seed=seed, choices=reading.choices, progress=progress
        )
        _draw_sheets(result, sheet, picture)
    if json:
        print_json(result.as_json())
        return
    _show_classes(result)
    _show_unlabelled(result)
    _show_groups(result)
    _list("[bold]exact duplicates[/bold] (the same pixels)", [" = ".join(files) for files in result.duplicates])
    _show_split(result)
    skipped = [f"{file.file}: {file.reason}" for file in result.broken]
    _list(f"[bold red]skipped[/bold red] ({plural(len(skipped), 'file')})", skipped)
    if result.notes:
        out.print("\n[bold]notes[/bold]")
    for note in result.notes:
        out.print(f"- {escape(note)}")
    for name, path in (("contact sheet", sheet), ("sheet with labels", picture)):
        if path is not None:
            out.print(f"\n{name}: {escape(str(path))}")


def _check_sheet(flag: str, path: Path) -> None:
    """Refuse a name or a folder that cannot be before the work is done."""
    if path.suffix.lower() != ".png":
        raise SettingError(f"{flag} cannot be '{path}': the picture is a PNG; give it a name that ends in .png.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunUnwritableError(
            f"cannot make the folder {path.parent}: {error.strerror}. Give {flag} a file in a folder that "
            f"you may write to."
        ) from error


def _draw_sheets(result: Inspection, sheet: Path | None, picture: Path | None) -> None:
    from flawforge.core.files import write_bytes
    from flawforge.core.images import encode_png
    from flawforge.data.inspection.contact_sheet import contact_sheet
    from flawforge.data.inspection.labelled_sheet import labelled_sheet

    for path, draw in ((sheet, contact_sheet), (picture, labelled_sheet)):
        if path is not None:
            pixels = draw(result.dataset)
            write_bytes(path, encode_png(pixels, "L" if pixels.ndim == 2 else "RGB"), durable=False)


def _show_unlabelled(result: Inspection) -> None:
    images = [f"{sample.file}: {sample.label_source}" for sample in result.dataset.unlabelled]
    _list(f"[bold]not labelled[/bold] ({plural(len(images), 'image')}, left out of all that uses labels)", images)


def _show_classes(result: Inspection) -> None:
    from flawforge.core.images import in_words
    from flawforge.data.reading.layouts import title_of

    dataset = result.dataset
    out.print(
        f"[bold]{escape(dataset.source)}[/bold]: {title_of(dataset.layout)}, {plural(len(dataset), 'image')} in "
        f"{plural(len(dataset.classes), 'class', 'classes')}\n"
    )
    numbers = ["images", *(["groups"] if result.groups is not None else [])]
    numbers += [name for name in ("masks", "boxes") if any(getattr(facts, name) for facts in result.classes.values())]
    table = _table(*numbers)
    table.add_column("width x height")
    table.add_column("stored as")
    for label, facts in result.classes.items():
        size = f"{_range(facts.widths)} x {_range(facts.heights)}"
        stored = f"{', '.join(map(in_words, facts.modes))}; {', '.join(facts.encodings)}"
        table.add_row(escape(label), *(f"{getattr(facts, name):,}" for name in numbers), size, stored)
    out.print(table)


def _table(*numbers: str) -> Table:
    """Return a table with a class in each row, and columns of numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("class", overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _range(ends: tuple[int, int]) -> str:
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}"


def _show_groups(result: Inspection) -> None:
    if result.groups is None:
        return
    sizes = Counter(result.groups.tolist())
    shared = sum(size for size in sizes.values() if size > 1)
    out.print("\n[bold]overlap groups[/bold]")
    if not shared:
        out.print("No two images were found to show the same specimen.")
        return
    out.print(
        f"{shared:,} of {plural(len(result.dataset), 'image')} show the same specimen as another image; the largest "
        f"group has {max(sizes.values())} images."
    )
    fewer = {label: facts for label, facts in result.classes.items() if (facts.groups or 0) < facts.images}
    if fewer:
        label, facts = min(fewer.items(), key=lambda item: (item[1].groups or 0) / item[1].images)
        start = "Most affected: " if len(fewer) > 1 else ""
        out.print(
            f"{start}{plural(facts.images, 'image')} of {escape(label)} show {plural(facts.groups or 0, 'specimen')}."
        )


def _show_split(result: Inspection) -> None:
    if result.split is None:
        return
    parts = vars(result.split)
    out.print("\n[bold]proposed split[/bold] (each group stays in one part; --json lists the files)")
    table = _table(*parts)
    labels = result.dataset.labels
    for code, label in enumerate(result.dataset.classes):
        table.add_row(escape(label), *(f"{int((labels[indices] == code).sum()):,}" for indices in parts.values()))
    if len(result.dataset.classes) > 1:
        table.add_row("[bold]all[/bold]", *(f"{len(indices):,}" for indices in parts.values()))
    out.print(table)


def _list(title: str, lines: list[str]) -> None:
    """Print lines below a title, the first ones where they are many; nothing where there are none."""
    if lines:
        out.print(f"\n{title}")
    for line in lines[:SHOWN]:
        out.print(f"  {escape(line)}")
    if len(lines) > SHOWN:
        out.print(f"  and {len(lines) - SHOWN:,} more (--json lists all)")
