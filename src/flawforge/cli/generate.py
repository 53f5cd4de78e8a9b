"""``flawforge generate``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import Device, Flag, Json, Whole, Words


def generate(
    run: Path,
    /,
    *,
    n: Annotated[Whole, Parameter(name=["-n", "--number"])] = 64,
    classes: Words = None,
    seed: Whole = 0,
    truncation: float | None = None,
    layout: Literal["classes", "flat"] = "classes",
    out_folder: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    overwrite: Flag = False,
    compression: Whole = 4,
    novel: Flag = False,
    checkpoint: str = "best",
    data: str | None = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Make new images with the generator of RUN: a synthetic set.

    The files are lossless PNG with the mode, bit depth and sizes of the real images; manifest.jsonl says where each
    came from. The same seed gives the same files. Asking for more later adds to the set; after an interruption the same
    command goes on.

    Parameters
    ----------
    run
        The run folder that `flawforge train` made.
    n
        Images per class.
    classes
        The classes to make. Default: all that RUN has learnt.
    seed
        Another seed gives other images.
    truncation
        Stay nearer to the typical image: 1.5 a little, 1 more, 0.7 much, for less variety. Default: off.
    layout
        `classes` makes a folder per class, `flat` puts all files into one folder.
    out_folder
        The set's folder. Default: RUN/synthetic, where audit and report look.
    overwrite
        Replace the synthetic set that is there, if it was made with other settings.
    compression
        Of the PNG files, 0 (fast) to 9 (small); the pixels are the same.
    novel
        Leave out images that are copies of training images (and 1 % of the honest ones); says how many. Slower.
    checkpoint
        best (as training judged it), newest, or the number of a step that is in RUN/checkpoints.
    data
        The training images, if they have moved since the training; for --novel.
    """
    from flawforge.runs.versions import command
    from flawforge.studies.synthesis import generate as generate_images

    with drawn_progress() as progress:
        made = generate_images(
            run, n, classes=classes, seed=seed, truncation=truncation, layout=layout, out=out_folder,
            overwrite=overwrite, compression=compression, novel=novel, checkpoint=checkpoint, data=data, device=device,
            command=command(), progress=progress,
        )  # fmt: skip
    if json:
        print_json({"folder": str(made.folder), **made.facts})
        return
    counts = ", ".join(f"{count} {label}" for label, count in made.facts["classes"].items())
    out.print(f"generated {counts}: {made.folder}", markup=False)
    if novel:
        dropped = sum(made.facts["dropped"].values())
        out.print(f"left out as copies: {dropped} of {dropped + made.n}", markup=False)
    which = "" if out_folder is None else f" --synthetic {quote(str(out_folder))}"
    out.print(f"next: flawforge audit {quote(str(run))}{which}", markup=False)
