"""``flawforge generate``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.data.exporting import FormatName
from flawforge.cli.flags import DRAWN, Device, Flag, Json, PlacingFlags, Wait, Whole, Words, given


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
    sync: Flag = False,
    wait: Wait = False,
    compression: Whole = 4,
    novel: Flag = False,
    checkpoint: str = "best",
    data: str | None = None,
    placing: Annotated[PlacingFlags, Parameter(name="*")] = DRAWN,
    format: FormatName | None = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Generate images with the trained generator of RUN: a synthetic set.

    The files are lossless PNG with the mode, bit depth and sizes of the real images; manifest.jsonl lists them. The
    same seed gives the same files. A larger -n later adds images to the set. Interrupted? Run the same command again to
    resume.

    Parameters
    ----------
    run
        The run folder that `flawforge train` made.
    n
        Images per class.
    classes
        The classes to generate. Default: all classes that RUN was trained on.
    seed
        Another seed gives other images.
    truncation
        Generate more typical and less varied images: 1.5 a little, 1 more, 0.7 much. Default: off.
    layout
        Of the set itself: `classes` makes a folder per class, `flat` puts all files into one folder.
    out_folder
        The set's folder. Default: RUN/synthetic, which `audit`, `score` and `report` use. With --format, the folder of
        the export; the set is then RUN/synthetic.
    overwrite
        Replace an existing synthetic set that was generated with other settings, or by another version of Flawforge.
    sync
        Generate nothing; count what is there. After you deleted images that you dislike, or moved some into the
        folder of another class, the manifest then lists your choice, marked as made by hand. It also repairs a damaged
        manifest.
    compression
        Of the PNG files, 0 (fast) to 9 (small); the pixels are the same.
    novel
        Leave out images that are copies of training images (and about 1% of the others), and report how many. Slower.
    checkpoint
        Which weights: best (selected during training), newest, or the number of a step in RUN/checkpoints.
    data
        Where the training images are now, if they have moved since training; for --novel, and for recipes that
        compose or place.
    format
        Also write the set in a format that trainers read, into --out, as `flawforge export` does.
    """
    from flawforge.runs.versions import command
    from flawforge.studies.synthesis import generate as generate_images

    with drawn_progress() as progress:
        made = generate_images(
            run,
            n,
            classes=classes,
            seed=seed,
            truncation=truncation,
            layout=layout,
            out=out_folder,
            overwrite=overwrite,
            sync=sync,
            wait=wait,
            compression=compression,
            novel=novel,
            checkpoint=checkpoint,
            data=data,
            **given(placing),
            format=format,
            device=device,
            command=command(),
            progress=progress,
        )
    if json:
        print_json({"folder": str(made.folder), **made.facts})
        return
    counts = ", ".join(f"{count} {label}" for label, count in made.facts["classes"].items())
    out.print(f"{'there are' if sync else 'generated'} {counts}: {made.folder}", markup=False)
    if made.by_hand:
        out.print(made.by_hand.note, markup=False)
    if novel and not sync:
        dropped = sum(made.facts["dropped"].values())
        out.print(f"left out as copies: {dropped} of {dropped + made.n}", markup=False)
    _tell_what_follows(run, out_folder, format)


def _tell_what_follows(run: Path, out_folder: Path | None, format: str | None) -> None:
    if format is not None:
        out.print(f"exported as {format}: {out_folder}", markup=False)
    which = "" if out_folder is None or format is not None else f" --synthetic {quote(str(out_folder))}"
    out.print(f"next: flawforge audit {quote(str(run))}{which}", markup=False)
