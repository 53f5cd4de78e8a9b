"""Plans: what a layout makes of a folder's files, before any image is opened."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from flawforge.data.reading.file_tree import Tree
from flawforge.data.sample import Box, Broken

MASK_FOLDERS = frozenset({"masks", "mask", "ground_truth", "groundtruth"})


@dataclass(frozen=True)
class Entry:
    """One image of a layout, not opened yet; the fields are those of `flawforge.data.dataset.Sample`."""

    file: str
    label: str
    mask: str | None = None
    boxes: tuple[Box, ...] = ()


@dataclass
class Plan:
    """What a layout makes of a folder: its images, what it passes over and why, what is worth telling."""

    layout: str
    entries: list[Entry] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_mask(file: str) -> bool:
    """Whether a file lies in a folder of masks."""
    return any(part.lower() in MASK_FOLDERS for part in PurePosixPath(file).parts[:-1])


def mask_key(file: str) -> tuple[str, str]:
    """Return what an image and its mask share: their folder without the mask folder's name, and the stem."""
    path = PurePosixPath(file)
    folders = [part for part in path.parts[:-1] if part.lower() not in MASK_FOLDERS]
    return "/".join(folders), path.stem.removesuffix("_mask") if is_mask(file) else path.stem


def tell_rest(plan: Plan, tree: Tree) -> None:
    """Note the images that this layout has no use for, by folder."""
    used = {entry.file for entry in plan.entries} | {entry.mask for entry in plan.entries}
    spare = [file for file in tree.images if file not in used and not is_mask(file)]
    for folder, count in sorted(Counter(str(PurePosixPath(file).parent) for file in spare).items()):
        these = "1 image" if count == 1 else f"{count:,} images"
        plan.notes.append(f"Not read, as no part of the layout '{plan.layout}': {these} in {folder}.")
