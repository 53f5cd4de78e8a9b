"""Which image files are masks of which images: by their folders and names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.plan import SPLIT_FOLDERS
from flawforge.data.sample import Broken

MASK_FOLDERS = frozenset({"masks", "mask", "ground_truth", "groundtruth"})


@dataclass
class MaskFiles:
    """The masks of a folder.

    Attributes:
        of: image to its masks (several are parts of one).
        files: all mask files, also those that belong to no image.
        broken: masks that belong to no image, each with the reason.
        notes: what is worth knowing about how they were found, a sentence each.
    """

    of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    broken: list[Broken] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_masks(root: Path, tree: Tree) -> MaskFiles:
    """Find the masks among the images of a folder.

    Args:
        root: the folder, to look into files whose names do not decide.
        tree: its files.
    """
    found = MaskFiles({}, {file for file in tree.images if _is_mask(file)})
    if len(found.files) == len(tree.images):  # a folder of masks alone: then they are what is meant
        return MaskFiles()
    by_key: dict[tuple[str, str], str] = {_key(file): file for file in tree.images if file in found.files}
    for image in tree.images:
        if image not in found.files and (mask := by_key.get(_key(image))):
            found.of[image] = (mask,)
    return found


def _is_mask(file: str) -> bool:
    return any(part.lower() in MASK_FOLDERS for part in PurePosixPath(file).parts[:-1])


def _key(file: str) -> tuple[str, str]:
    """Return what an image and its mask share: the folders that tell classes, and the stem."""
    path = PurePosixPath(file)
    passed = MASK_FOLDERS | SPLIT_FOLDERS | {"images", "jpegimages"}
    folders = [part for part in path.parts[:-1] if part.lower() not in passed]
    return "/".join(folders), path.stem.removesuffix("_mask") if _is_mask(file) else path.stem
