"""WebDataset: samples in tar files, for training on many machines.

The files of a sample lie side by side and have one name without dots: the image, ``.cls`` (number of the class),
``.json`` (class, boxes, origin), ``.mask.png`` where pixels are known.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from flawforge.data.writing.export_format import ExportFormat
from flawforge.data.writing.exported_image import ExportedImage
from flawforge.data.writing.mask_files import mask_png
from flawforge.data.writing.writing import Writing

IN_A_SHARD = 1000  # samples


def write_web_dataset(writing: Writing) -> None:
    """Write shards of up to 1,000 samples, and the names of the classes by their numbers."""
    labels = sorted({picture.label for picture in writing.pictures})
    for part in writing.parts:
        pictures = list(writing.each(part))
        for first in range(0, len(pictures), IN_A_SHARD):
            shard = pictures[first : first + IN_A_SHARD]
            file = f"{part}-{first // IN_A_SHARD:06d}.tar"
            writing.save(file, partial(_fill, shard, labels))
            writing.inside |= {picture.name: f"{file}/{picture.file}" for picture in shard}
    writing.save("classes.txt", "".join(f"{label}\n" for label in labels))


def _fill(pictures: list[ExportedImage], labels: list[str], file: BinaryIO) -> None:
    with tarfile.open(fileobj=file, mode="w") as tar:
        for picture in pictures:
            for ending, data in _members(picture, labels):
                about = tarfile.TarInfo(picture.name + ending)
                about.size = len(data)
                tar.addfile(about, io.BytesIO(data))


def _members(picture: ExportedImage, labels: list[str]) -> Iterator[tuple[str, bytes]]:
    objects = [{"class": instance.label, "box": instance.box} for instance in picture.instances()]
    about = {"class": picture.label, **picture.origin, "objects": objects}
    yield ".cls", str(labels.index(picture.label)).encode()
    yield ".json", json.dumps(about, ensure_ascii=False).encode()
    mask = picture.mask()
    if mask is not None:
        yield ".mask.png", mask_png(mask)
    yield picture.ending, picture.data()


WEB_DATASET_OUT = ExportFormat(
    "webdataset",
    "WebDataset",
    "`train-000000.tar`: for each image `NAME.png`, `NAME.cls`, `NAME.json`, `NAME.mask.png`; `classes.txt`",
    "which of the classes a pixel of a mask is of",
    write_web_dataset,
)
