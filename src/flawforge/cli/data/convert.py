"""``flawforge convert``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress
from flawforge.cli.data.exporting import DryRun, FormatName, Good, OutFolder, Overwrite, UnplacedFlag, show_exported
from flawforge.cli.flags import USUAL, Json, ReadingFlags, Whole, Words


def convert(
    data: str,
    /,
    *,
    format: FormatName,
    out_folder: OutFolder,
    classes: Words = None,
    good: Good = None,
    unplaced: UnplacedFlag = "whole-image",
    val: float = 0.0,
    test: float = 0.0,
    seed: Whole = 0,
    reading: Annotated[ReadingFlags, Parameter(name="*")] = USUAL,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Write the images of DATA, with their classes, boxes and masks, in another format.

    `flawforge convert photos --format coco --out photos-coco` reads any folder that `flawforge inspect` reads. PNG and
    JPEG files are copied; files that readers see differently (turned by the camera, palettes, other containers) become
    PNG. Images without a class are left out. manifest.jsonl says where each image came from.

    With --val and --test the images are divided; images of one specimen stay together.

    Parameters
    ----------
    data
        A folder of images in any layout that `flawforge inspect` reads, or the word `elpv`.
    format
        How to write it: imagefolder (a folder per class), yolo (boxes), yolo-seg (outlines), coco, voc (Pascal VOC),
        mvtec (MVTec AD), labelme, webdataset (tar files), or hf (Hugging Face `datasets`).
    classes
        The classes to write, e.g. `--classes scratches`. Default: all.
    val
        Share of the images for the part `val`, such as 0.2.
    test
        Share of the images for the part `test`.
    seed
        Seed of the division.
    """
    from flawforge.data.writing.convert import convert as convert_data

    with drawn_progress() as progress:
        done = convert_data(
            data,
            out_folder,
            format,
            classes=classes,
            good=good,
            unplaced=unplaced,
            val=val,
            test=test,
            seed=seed,
            choices=reading.choices,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=progress,
        )
    show_exported(done, json)
