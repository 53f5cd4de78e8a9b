"""Which image files are masks of which images, and which are masks of none."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from flawforge.core.plural import plural
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.masks.groups import MaskGroup, by_ending, by_name, by_sister, maybe_masks
from flawforge.data.reading.masks.names import CERTAIN, INSTANCES
from flawforge.data.reading.masks.owners import MaskOwners
from flawforge.data.sample import Broken


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
    """Find the masks among the images of a folder. A folder of masks alone is what is meant: its files are images.

    A mask lies beside its image or in a sister folder, under a usual name; where names do not decide, a few files are
    looked into.

    Args:
        root: the folder.
        tree: its files.
    """
    groups, images, owners = by_name(root, tree.images)
    for find in (by_ending, by_sister):
        more = find(root, images)
        groups += more
        taken = {file for group in more for file in group.files}
        images = [file for file in images if file not in taken]
    found = MaskFiles(files={file for group in groups for file in group.files})
    if not images:
        return MaskFiles()
    found.notes += [
        f"All images in {folder or 'the folder itself'} are black and white, those of other folders are not. If they "
        f"are masks, give them the names of their images, else they are images of a class."
        for folder in maybe_masks(root, images)
    ]
    if not groups:
        return found
    folders = frozenset(group.folder for group in groups if group.folder)
    if folders or owners.count != len(images):
        owners = MaskOwners(images, folders)
    parts: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for group in sorted(groups, key=_rank):
        if group.shown:
            shown = plural(len(group.files), "picture")
            found.notes.append(f"Not used: {shown} {_place(group.token)} of masks laid over images.")
        else:
            owned, spare = owners.of_all(group.files)
            found.broken += [Broken(file, reason) for file, reason in spare.items()]
            for file, image in owned.items():
                parts[image].setdefault(group.token, []).append(file)
    unused: Counter[tuple[str, str]] = Counter()
    for image, by_token in parts.items():
        token, *others = by_token
        found.of[image] = tuple(by_token[token])
        unused.update({(token, other): len(by_token[other]) for other in others})
    for (token, other), count in unused.items():
        found.notes.append(
            f"Not used: {count:,} mask{'s' if count > 1 else ''} {_place(other)}, because those {_place(token)} are of "
            f"the same images."
        )
    return found


def _rank(group: MaskGroup) -> tuple[bool, int, bool]:
    """Sort groups by which is followed where several have masks of an image."""
    word = group.token.rstrip("/").lower()
    return word in INSTANCES, -len(group.files), word not in CERTAIN


def _place(token: str) -> str:
    return f"in {token}" if token.endswith("/") else f"called {token}"
