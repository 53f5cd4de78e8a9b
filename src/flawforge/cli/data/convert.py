"""``flawforge convert``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress
from flawforge.cli.data.exporting import DryRun, FormatName, Good, OutFolder, Overwrite, UnplacedFlag, show_exported
from flawforge.cli.flags import USUAL, Flag, Json, ReadingFlags, Whole, Words

if TYPE_CHECKING:
    from flawforge.core.progress import Progress
    from flawforge.data.dataset import Dataset


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
    estimate_masks: Flag = False,
    reading: Annotated[ReadingFlags, Parameter(name="*")] = USUAL,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Write the images of DATA, with their classes, boxes and masks, in another format.

    `flawforge convert photos --format coco --out photos-coco` reads any folder that `flawforge inspect` reads. PNG and
    JPEG files are copied; files that readers see differently (turned by the camera, palettes, other containers) become
    PNG. Images without a class are left out. manifest.jsonl says where each image came from.

    With --estimate-masks, images without a mask get one for you to mend: what differs from the ground in their boxes;
    without boxes, what differs from good images. Open what `flawforge convert photos --estimate-masks --format labelme
    --out to-mend` wrote in LabelMe, mend the outlines, and train on `to-mend`.

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
    estimate_masks
        Estimate the masks of images that have none. Drawn ones stay as they are.
    """
    from flawforge.data.writing.convert import convert as convert_data

    with drawn_progress() as progress:
        done = convert_data(
            _with_masks(data, reading, classes, good, progress) if estimate_masks else data,
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


def _with_masks(data: str, reading: ReadingFlags, classes: Words, good: str | None, progress: Progress) -> Dataset:
    """Return the images, masks estimated where there are none, and say what could not be."""
    from flawforge.data.good_names import find_good
    from flawforge.data.reading.load import load
    from flawforge.training.estimated_masks import estimate_masks

    whole = load(data, reading.choices, progress=progress)
    name, chosen = good or find_good(whole.classes), whole.select(classes)
    beside = None if name is None or name in chosen.classes else whole.select([name])
    found = estimate_masks(chosen, beside, name, progress)
    if found.lacking:
        progress.warn(found.lacking)
    elif not found.sentences:
        progress.say("No mask is estimated: each image of a defect has drawn ones, or nothing to estimate them from.")
    return found.data
