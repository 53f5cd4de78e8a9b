"""MVTec AD: good images to train on, good and defective ones to test on, and masks of the defects."""

from __future__ import annotations

from flawforge.data.writing.export_format import ExportFormat
from flawforge.data.writing.mask_files import mask_png
from flawforge.data.writing.writing import Writing

GOOD_FOLDERS = {"train": "train", "val": "validation", "test": "test"}  # of the parts, for good images


def write_mvtec(writing: Writing) -> None:
    """Write images and masks. Defective images are tested on, whatever part they are of: nothing trains on them."""
    if not any(picture.good and picture.part == "train" for picture in writing.pictures):
        writing.notes.append(
            "There is no good image to train on, and MVTec AD's train/good is missing: add good images before use. "
            "(--good NAME says which class is good.)"
        )
    for picture in writing.each():
        if picture.good:
            writing.save_image(f"{GOOD_FOLDERS[picture.part]}/good/{picture.file}", picture)
            continue
        writing.save_image(f"test/{picture.folder}/{picture.file}", picture)
        mask = picture.mask()
        if mask is not None:
            writing.save(f"ground_truth/{picture.folder}/{picture.name}_mask.png", mask_png(mask), picture)


MVTEC_OUT = ExportFormat(
    "mvtec",
    "MVTec AD",
    "`train/good/`, `test/<class>/`, `ground_truth/<class>/*_mask.png`; with `--val` also `validation/good/`",
    "boxes; the part of defective images, which all lie in `test`; the name of the good class",
    write_mvtec,
)
