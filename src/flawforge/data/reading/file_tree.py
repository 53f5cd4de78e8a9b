"""A folder as a list: which files below it are images, and which are passed over and why."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from flawforge.core.files import ASIDE
from flawforge.core.folder_kinds import MARKS, READ_ENDINGS, an_image_in, kinds_in
from flawforge.data.sample import Broken

# Endings of files that mean to be images. Those of other kinds are here too, so that they are named and not lost.
IMAGE_ENDINGS = READ_ENDINGS | {".gif", ".heic", ".heif", ".avif", ".jp2", ".pgm", ".ppm", ".pnm"}
TEXT_ENDINGS = {".xml", ".json", ".jsonl", ".csv", ".tsv", ".txt", ".md", ".html", ".yaml", ".yml", ".toml", ".py"}
UNNAMEABLE = "has a name that is not UTF-8: rename it"  # run.json, manifests and reports cannot say it
FIRST_MARKS = frozenset(marks[0] for marks in MARKS.values())  # a folder without any of them is none of ours
SYSTEM_NAMES = {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"}

HIDDEN = "is a hidden folder, passed over with its images: its name begins with a dot. If it is a class, rename it"
PROGRAM_FOLDERS = {
    "git",
    "svn",
    "hg",
    "dvc",
    "cache",
    "venv",
    "env",
    "idea",
    "vscode",
    "ipynb_checkpoints",
    "thumbnails",
}
PROGRAM_FOLDERS |= {"trash", "trashes", "thumb", "thumbs", "tmp", "temp", "spotlight", "fseventsd", "comments"}


@dataclass
class Tree:
    """All files below a folder, as paths with forward slashes below it, sorted.

    Attributes:
        images: files that end like an image or begin like one that can be read.
        others: all other files (annotations, notes, tables).
        broken: folders and files that cannot even be looked at.
        masks: image to its masks, once they were found and taken out of `images`.
    """

    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    masks: dict[str, tuple[str, ...]] = field(default_factory=dict)


def walk(root: Path) -> Tree:
    """List a folder and all folders in it. Links are followed, but not round in a circle.

    Flawforge's own runs, trials, searches, synthetic sets and exports below it are named and passed over: a
    generator must not learn from its own images by accident. Names that begin with a dot and what operating systems
    leave behind (``Thumbs.db``, ``__MACOSX``) are passed over in silence, but a hidden folder of images is named.
    """
    tree = Tree()
    _walk(root, "", (), tree)
    tree.images.sort()
    tree.others.sort()
    tree.broken.sort(key=lambda broken: broken.file)
    return tree


def _walk(folder: Path, below: str, above: tuple[tuple[int, int], ...], tree: Tree) -> None:
    try:
        info = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError:
        tree.broken.append(Broken(below or ".", "is a folder that may not be read (no permission)"))
        return
    here = (info.st_dev, info.st_ino)
    if here in above:  # a link to a folder that we are in
        return
    names = {entry.name for entry in entries}
    kinds = () if FIRST_MARKS.isdisjoint(names) else kinds_in(folder) or (("run",) if "run.json" in names else ())
    if kinds and below:
        tree.broken.append(Broken(below.rstrip("/"), f"is a Flawforge {kinds[0]}, not part of the dataset"))
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower() in SYSTEM_NAMES:
            if _may_be_a_class(entry):
                tree.broken.append(Broken(printable(f"{below}{entry.name}"), HIDDEN))
            continue
        name = f"{below}{entry.name}"
        if not _is_folder(entry):
            _sort_in(entry, name, tree)
        elif is_utf_8(name):
            _walk(Path(entry.path), f"{name}/", (*above, here), tree)
        else:
            tree.broken.append(Broken(printable(name), UNNAMEABLE))


def _may_be_a_class(entry: os.DirEntry[str]) -> bool:
    """Whether a folder that is passed over for its name holds images and is none of those that programs make."""
    name = entry.name.lower()
    programs = name in SYSTEM_NAMES or name.endswith(ASIDE) or name.strip(".").split("-")[0] in PROGRAM_FOLDERS
    return not programs and _is_folder(entry) and an_image_in(Path(entry.path)) is not None


def is_utf_8(name: str) -> bool:
    """Whether a name can be written into a file; one in Latin-1 on an old share cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    """Return a name with a backslash and the number in place of each byte that is not UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _sort_in(entry: os.DirEntry[str], name: str, tree: Tree) -> None:
    """Put one file where it belongs."""
    ending = PurePosixPath(entry.name).suffix.lower()
    shown = printable(name)
    try:
        mode = entry.stat().st_mode
    except OSError:
        if ending in IMAGE_ENDINGS:
            tree.broken.append(Broken(shown, "is a link that leads nowhere"))
        return
    if not stat.S_ISREG(mode):  # a pipe or a device: opening it could wait for ever
        if ending in IMAGE_ENDINGS:
            tree.broken.append(Broken(shown, "is no regular file"))
        return
    looks_like_one = ending in IMAGE_ENDINGS or (ending not in TEXT_ENDINGS and _begins_like_one(Path(entry.path)))
    if shown == name:
        (tree.images if looks_like_one else tree.others).append(name)
    elif looks_like_one:
        tree.broken.append(Broken(shown, UNNAMEABLE))


def _begins_like_one(path: Path) -> bool:
    """Whether the first bytes are those of PNG, JPEG, TIFF, WebP or BMP."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:  # a file without an image's ending that cannot be opened is none of our business
        return False
    return (
        head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[:2] == b"BM" and head[6:10] == b"\x00\x00\x00\x00")
    )
