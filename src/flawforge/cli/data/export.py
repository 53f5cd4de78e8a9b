"""``flawforge export``."""

from __future__ import annotations

from pathlib import Path

from flawforge.cli.console import drawn_progress
from flawforge.cli.data.exporting import DryRun, FormatName, Good, OutFolder, Overwrite, UnplacedFlag, show_exported
from flawforge.cli.flags import Flag, Json, Wait, Whole, Words


def export(
    run: Path,
    /,
    *,
    format: FormatName,
    out_folder: OutFolder,
    with_real: Flag = False,
    share: float | None = None,
    classes: Words = None,
    good: Good = None,
    unplaced: UnplacedFlag = "whole-image",
    val: float = 0.0,
    test: float = 0.0,
    seed: Whole = 0,
    synthetic: Path | None = None,
    data: str | None = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Write the generated images of RUN in a format that trainers read.

    `flawforge export runs/first --format yolo --out first-yolo --with-real --share 0.3` writes the training images of
    the run and so many generated ones that they are 30% of each class. Held-out images never go out: judge your model
    by them. Only placed and composed images have boxes or masks, others just a class. manifest.jsonl says where each
    image came from: real or synthetic, seed, checkpoint, version.

    Parameters
    ----------
    run
        The run folder, with a synthetic set (see `flawforge generate`).
    format
        How to write it: imagefolder (a folder per class), yolo (boxes), yolo-seg (outlines), coco, voc (Pascal VOC),
        mvtec (MVTec AD), labelme, webdataset (tar files), or hf (Hugging Face `datasets`).
    with_real
        Add the images that the run was trained on, with their boxes and masks.
    share
        Share of the generated images among all images of each class, with --with-real. Default: all generated images.
    classes
        The classes to write, e.g. `--classes scratches`. Default: all.
    val
        Share of the real images for the part `val`, such as 0.2. Generated images are only ever trained on.
    test
        Share of the real images for the part `test`.
    seed
        Seed of the division.
    synthetic
        Export the synthetic set in this folder. Default: RUN/synthetic.
    data
        Where the training images are now, if they have moved since training; for --with-real.
    """
    from flawforge.studies.export import export as export_run

    with drawn_progress() as progress:
        done = export_run(
            run,
            out_folder,
            format,
            with_real=with_real,
            share=share,
            classes=classes,
            good=good,
            unplaced=unplaced,
            val=val,
            test=test,
            seed=seed,
            synthetic=synthetic,
            data=data,
            overwrite=overwrite,
            dry_run=dry_run,
            wait=wait,
            progress=progress,
        )
    show_exported(done, json)
