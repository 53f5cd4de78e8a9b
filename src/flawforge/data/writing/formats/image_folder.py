"""A folder for each class, as torchvision and Keras read; masks beside them where there are any."""

from __future__ import annotations

from flawforge.data.writing.export_format import ExportFormat
from flawforge.data.writing.mask_files import mask_png
from flawforge.data.writing.writing import Writing


def write_image_folder(writing: Writing) -> None:
    """Write the images by part and class, and their masks into a folder of the same shape."""
    for picture in writing.each():
        writing.save_image(f"{picture.part}/{picture.folder}/{picture.file}", picture)
        mask = picture.mask()
        if mask is not None:
            writing.save(f"masks/{picture.part}/{picture.folder}/{picture.name}.png", mask_png(mask), picture)


IMAGE_FOLDER_OUT = ExportFormat(
    "imagefolder",
    "ImageFolder",
    "`train/<class>/`, `val/<class>/`; masks in `masks/train/<class>/`",
    "boxes; which of the classes a pixel of a mask is of",
    write_image_folder,
)
