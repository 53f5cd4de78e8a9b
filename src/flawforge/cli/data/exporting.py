"""Options that `export` and `convert` share, and how they tell what was written."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from flawforge.cli.console import out, print_json
from flawforge.cli.flags import Flag

if TYPE_CHECKING:
    from flawforge.data.writing.convert import Exported

FormatName = Literal["imagefolder", "yolo", "yolo-seg", "coco", "voc", "mvtec", "labelme", "webdataset", "hf"]
OutFolder = Annotated[
    Path, Parameter(name=["--out", "-o"], help="The folder to write. It must be empty, or not exist yet.")
]
Good = Annotated[
    str | None,
    Parameter(help="The class of images without a defect. Default: the one that is called good, ok, normal, ..."),
]
UnplacedFlag = Annotated[
    Literal["whole-image", "leave-out"],
    Parameter(
        name="--unplaced",
        help="In formats of boxes, what becomes of an image that has a defect but no box and no mask: one box over the "
        "whole image, or it is left out.",
    ),
]
Overwrite = Annotated[Flag, Parameter(help="Replace an export that is in the folder; nothing else is ever replaced.")]
DryRun = Annotated[Flag, Parameter(negative="", help="Only list the files that would be written.")]


def show_exported(done: Exported, json: bool) -> None:
    """Print what was written, or would be."""
    if json:
        print_json(done.as_json())
        return
    if not done.written:
        for file in done.files:
            out.print(file, markup=False)
    counts = ", ".join(f"{count:,} {label}" for label, count in done.classes.items())
    origins = ", ".join(f"{count:,} {origin}" for origin, count in done.origins.items())
    parts = ", ".join(f"{count:,} in {part}" for part, count in done.parts.items())
    verb = "wrote" if done.written else "would write"
    out.print(f"{verb} {done.images:,} images ({origins}) as {done.format}: {counts}; {parts}", markup=False)
    for note in done.notes:
        out.print(f"- {note}", markup=False)
    out.print(f"folder: {quote(str(done.folder))}", markup=False)
