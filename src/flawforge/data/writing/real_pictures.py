"""The pictures of a dataset: files as they are where every reader sees them alike, defects one by one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from flawforge import __version__
from flawforge.core.files import read_json_lines
from flawforge.core.folder_kinds import READ_ENDINGS, kinds_in
from flawforge.core.images import encode_png
from flawforge.core.safe_names import safe_name
from flawforge.data.dataset import Dataset
from flawforge.data.decode import read_image, read_part
from flawforge.data.estimates import estimated_from
from flawforge.data.regions import MaskImage, Region, RunLengths, draw_region
from flawforge.data.sample import Mark, Sample
from flawforge.data.writing.exported_image import ExportedImage, Instance, Part
from flawforge.data.writing.patches import parts_of, patch_of

Unplaced = Literal["whole-image", "leave-out"]
COPIED = ("L", "RGB", "I;16")  # modes of PNG and JPEG that every reader takes for the same pixels
OURS = ("origin", "seed", "index", "checkpoint", "version")  # of a manifest, what stays with an image


@dataclass(frozen=True)
class Exportable:
    """A dataset with what decides how it goes out.

    Attributes:
        data: the images.
        good: the classes of images without a defect.
        parts: of each image.
        whole_image: defects without a box or a mask get a box over the whole image.
    """

    data: Dataset
    good: frozenset[str]
    parts: Sequence[Part]
    whole_image: bool

    def pictures(self) -> Iterator[ExportedImage]:
        """Give a picture for each image."""
        known = _origins(self.data.root)
        samples = self.data.samples
        for index, (name, sample) in enumerate(zip(unique_names(list(map(_file, samples))), samples, strict=True)):
            copied = is_plain(sample)
            good = sample.label in self.good
            whole = self.whole_image and not good and not is_placed(sample)
            label = "defect" if good else sample.label  # of marks that name no class
            yield ExportedImage(
                name=name,
                ending=".jpg" if copied and sample.encoding == "JPEG" else ".png",
                label=sample.label,
                good=good,
                width=sample.width,
                height=sample.height,
                channels=1 if sample.format.mode != "RGB" else 3,
                origin=known.get(sample.path, {"origin": "real", "version": __version__})
                | {"source": sample.file}
                | ({"mask": f"estimated from {estimated}"} if (estimated := estimated_from(sample)) else {}),
                data=(self.data.root / sample.path).read_bytes if copied else partial(_encoded, self.data.root, sample),
                instances=partial(_instances, self.data, sample, label, whole),
                marked=frozenset({sample.label} if whole else {mark.label or label for mark in _placed(sample)}),
                part=self.parts[index],
            )


def is_plain(sample: Sample) -> bool:
    """Whether every reader sees in the file what we see: no camera's note, palette, alpha or second page; no tile."""
    return (
        sample.encoding in ("PNG", "JPEG")
        and sample.mode in COPIED
        and (sample.turned, sample.pages, sample.tile) == (1, 1, None)
    )


def is_placed(sample: Sample) -> bool:
    """Whether its labels say where a defect is."""
    return any(_placed(sample))


def _placed(sample: Sample) -> Iterator[Mark]:
    return (mark for mark in sample.marks if mark.corners or mark.regions)


def unique_names(files: Sequence[str]) -> list[str]:
    """Return a name without ending for each file, as near to its stem as can be: each once, whatever the letters' case.

    Dots and blanks become ``_``: WebDataset ends a sample's name at the first dot, lists of VOC at a blank.
    """
    plain = [safe_name(re.sub(r"[.\s]+", "_", PurePosixPath(file).stem)) for file in files]
    counted = Counter(name.casefold() for name in plain)
    used: set[str] = set()
    names = []
    for file, name in zip(files, plain, strict=True):
        if counted[name.casefold()] > 1:  # with its folders, where that tells them apart
            path = PurePosixPath(file)
            name = safe_name(re.sub(r"[.\s]+", "_", "_".join([*path.parts[:-1], path.stem])))
        base, number = name, 1
        while name.casefold() in used:
            number += 1
            name = f"{base}_{number}"
        used.add(name.casefold())
        names.append(name)
    return names


def _file(sample: Sample) -> str:
    """Return its file's path, and for a part of a picture the corner in the name."""
    if sample.tile is None:
        return sample.file
    path = PurePosixPath(sample.path)
    return str(path.with_name(f"{path.stem}_{sample.tile.left}_{sample.tile.top}.png"))


def _encoded(root: Path, sample: Sample) -> bytes:
    """Return a PNG of what we see in a file, in the depth that it has."""
    mode, tile, path = sample.format.mode, sample.tile, root / sample.path
    bits = 16 if mode == "I;16" else 8
    if tile is None:
        return encode_png(read_image(path, bits=bits), mode)
    return encode_png(read_part(path, (tile.left, tile.top, tile.right, tile.bottom), bits=bits), mode)


def _instances(data: Dataset, sample: Sample, label: str, whole: bool) -> tuple[Instance, ...]:
    if whole:
        return (Instance(label, (0, 0, sample.width, sample.height)),)
    return tuple(instance for mark in _placed(sample) for instance in _of_mark(data, sample, mark, label))


def _of_mark(data: Dataset, sample: Sample, mark: Mark, label: str) -> Iterator[Instance]:
    """Give the defects of a mark: a mask image does not say which pixels are one defect, so each connected part is."""
    label = mark.label or label
    mask = np.zeros((sample.height, sample.width), dtype=bool)
    for region in mark.regions:
        mask |= draw_region(region, sample.height, sample.width, data.root)
    patch = patch_of(mask)
    corners = None if mark.corners is None else tuple(int(corner) for corner in mark.corners)
    if corners is not None:
        left, top, right, bottom = corners
        yield Instance(label, (left, top, right, bottom), patch)
    elif patch is not None:
        apart = any(map(_is_of_mask_image, mark.regions))
        for part in parts_of(patch, diagonal=True) if apart else [patch]:
            yield Instance(label, part.box, part)


def _is_of_mask_image(region: Region) -> bool:
    """Whether it is a mask image, or what a tile shows of one."""
    if isinstance(region, RunLengths):
        return PurePosixPath(region.file).suffix.lower() in READ_ENDINGS
    return isinstance(region, MaskImage)


def _origins(root: Path) -> dict[str, dict[str, Any]]:
    """Return what the manifest of a synthetic set or an export says about the origin of its images, by file."""
    kinds = kinds_in(root)
    if not {"synthetic set", "dataset export"} & set(kinds):
        return {}
    found, manifest = {}, root / "manifest.jsonl"
    for line in read_json_lines(manifest) if manifest.is_file() else ():
        if "file" in line:
            values = {"origin": "synthetic", "version": __version__} | line
            found[str(line["file"])] = {key: values[key] for key in OURS if key in values}
    return found
