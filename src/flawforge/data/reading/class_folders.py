"""Folders of images: flat, or one per class, below the parts of a split or not."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from flawforge.core.plural import plural
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.plan import Layout, Plan, is_split, note_split_folders
from flawforge.data.reading.texts.json_files import GLANCE
from flawforge.data.sample import Broken, Entry

IMAGE_FOLDERS = frozenset({"image", "images", "imgs", "img", "jpegimages"})  # say that images are in them, no class
FEW = 20  # files that are looked into, and names that are looked for
TABLE = r"\.(csv|tsv)$|(annotation|instances|coco|label).*\.(json|jsonl|xlsx)$"  # files that often hold labels


def folders(root: Path, tree: Tree) -> Plan:
    """Return the plan of a flat folder or of a folder per class.

    Args:
        root: the folder; a flat one gives its name to the class.
        tree: its files, at least one of them an image.
    """
    images = tree.images
    wrapper = _wrapper(images)
    inner = {file: tuple(file.split("/")[wrapper:]) for file in images}
    above = images[0].split("/")[:wrapper]
    name = above[-1] if above else root.resolve().name or "images"
    plan = Plan("classes")
    splits = _splits(list(inner.values()))
    if splits:
        named = f"the folder{'s' if len(splits) > 1 else ''} {', '.join(splits)}"
        beside = [file for file, parts in inner.items() if parts[0] not in splits]
        plan.broken += [Broken(file, f"lies beside {named}", apart=True) for file in beside]
        inner = {file: parts[1:] for file, parts in inner.items() if parts[0] in splits}
        if len(splits) > 1:
            note_split_folders(plan, splits)
    if all(any(part.lower() in IMAGE_FOLDERS for part in parts[:-1]) for parts in inner.values()):
        inner = {file: tuple(p for p in parts if p.lower() not in IMAGE_FOLDERS) for file, parts in inner.items()}
    direct = [file for file, parts in inner.items() if len(parts) == 1]
    flat = len(direct) * 2 > len(inner)
    plan.layout = "flat" if flat else "classes"
    for file, parts in inner.items():
        if flat == (len(parts) == 1):
            label = name if flat else parts[0]
            plan.entries.append(Entry(file, label))
        elif flat:
            why = "lies in a subfolder, while most images lie directly in the folder"
            plan.broken.append(Broken(file, why, apart=True))
        else:
            plan.broken.append(Broken(file, "lies beside the class folders, so it has no class", apart=True))
    plan.notes += [note for note in (_unread(root, plan, tree), "" if flat else _mixed(inner)) if note]
    return plan


def _unread(root: Path, plan: Plan, tree: Tree) -> str:
    """Say which files beside images of one class seem to hold labels."""
    classes = {entry.label for entry in plan.entries}
    if len(classes) != 1:
        return ""
    stems = {PurePosixPath(entry.file).stem for entry in plan.entries}
    named = [file for file in tree.others if file.lower().endswith((".txt", ".json"))]
    named = [file for file in named if PurePosixPath(file).stem in stems]
    if len(named) * 2 <= len(plan.entries):
        named = []
    tables = [file for file in tree.others if re.search(TABLE, file.lower()) and file not in set(named)]
    names = [PurePosixPath(entry.file).name for entry in plan.entries[:FEW]]
    spoken = [
        file for file in tree.others if file.lower().endswith((".json", ".xml")) and file not in set(tables + named)
    ]
    tables += [file for file in spoken[:FEW] if _names_one(root / file, names)]
    unread = [_some(tables)] if tables else []
    if named:
        unread.append(f"{plural(len(named), 'file')} named like images (such as {named[0]})")
    if not unread:
        return ""
    return (
        f"Not read: {', '.join(unread)}. If these files hold the classes, move the images of each class into a folder "
        f"of its own; now all images belong to one class, {classes.pop()}."
    )


def _names_one(path: Path, names: list[str]) -> bool:
    """Whether a file has the name of an image in its first bytes; Label Studio's and VIA's files do."""
    try:
        with path.open("rb") as file:
            text = file.read(GLANCE).decode("utf-8", "replace")
    except OSError:
        return False
    return any(name in text for name in names)


def _mixed(inner: dict[str, tuple[str, ...]]) -> str:
    """Say which folders below class folders may be the classes."""
    below: dict[str, set[str]] = {}
    for parts in inner.values():
        if len(parts) > 2:
            below.setdefault(parts[0], set()).add(parts[1])
    torn = {label: names for label, names in below.items() if len(names) > 1}
    if not torn:
        return ""
    names = sorted(set().union(*torn.values()))
    return (
        f"The subfolders {_some(names)} of {_some(sorted(torn))} are not separate classes: the class of an image is "
        f"the upper folder. To separate them, give one of the upper folders as DATA, or move each class into a folder "
        f"beside the others."
    )


def _some(names: list[str]) -> str:
    """Return the first three names in a line."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _splits(inner: list[tuple[str, ...]]) -> list[str]:
    """Return the top folders that are parts of a split and no classes.

    Whatever lies beside them, two with such names are. One alone is, where it is the only folder, or where it is
    called train and holds most images in folders of their own: it may as well be a class ("valid" beside "invalid").
    """
    named = sorted({parts[0] for parts in inner if len(parts) > 1 and is_split(parts[0])})
    if len(named) > 1 or all(parts[0] in named for parts in inner):
        return named
    sorted_in = sum(len(parts) > 2 and parts[0].lower().startswith("train") and is_split(parts[0]) for parts in inner)
    return named if sorted_in * 2 > len(inner) else []


def _wrapper(images: list[str]) -> int:
    """Return how many folders all images have in common and that hold nothing but one more folder."""
    folders = [file.split("/")[:-1] for file in images]
    depth = 0
    while all(len(parts) > depth + 1 for parts in folders) and len({parts[depth] for parts in folders}) == 1:
        depth += 1
    return depth


FLAT = Layout("flat", "a flat folder", "`scratches/1.png`, `scratches/2.png`", "the folder's name", folders)
CLASS_FOLDERS = Layout(
    "classes", "a folder per class", "`data/scratches/1.png`, `data/good/7.png`", "its folder's name", folders
)
