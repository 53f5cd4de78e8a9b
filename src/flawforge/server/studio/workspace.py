"""The folder that a studio shows: what of ours lies in it, and the one way from a name to a path below it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal, cast, get_args

from flawforge.core.folder_kinds import READ_ENDINGS, kinds_in
from flawforge.server.guards import Refused

ItemKind = Literal["run", "trial", "search"]
READ_OF_SETS = ("set.json", "manifest.jsonl")
LABELS = "labels"  # folder of the tables of mended classes
HERE = "."  # name of the folder itself
DEPTH = 5  # folders in folders that are looked into
MOST_FOLDERS = 3000  # that are looked into
MOST_ENTRIES = 3000  # of one folder that are looked at
LONGEST_NAME = 1000  # letters
STRANGE = {"\\", "/"} | ({":"} if os.name == "nt" else set())  # in a name


@dataclass(frozen=True, order=True)
class Item:
    """A run, trial or search. `name` is its path below the studio's folder, with forward slashes; ``.`` is that."""

    name: str
    kind: ItemKind


@dataclass(frozen=True)
class Contents:
    """What one look has found.

    Attributes:
        items: sorted by name.
        images: names of the folders that may be datasets, sorted; those that `export` or `convert` wrote last.
        seen: folders that were looked into, with the time of their last change: a later one means to look again.
        cut: whether there was more than is looked at.
    """

    items: tuple[Item, ...]
    images: tuple[str, ...]
    seen: dict[Path, int]
    cut: bool


@dataclass
class Workspace:
    """The folder of a studio.

    Attributes:
        folder: resolved.
        data: folders of images elsewhere that jobs may read, by the name that they have here; the user names them when
            the studio is started.
    """

    folder: Path
    data: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Follow links to the folder itself, once."""
        self.folder = self.folder.resolve()

    def path(self, name: str, *below: str) -> Path:
        """Return the path of a name below the folder.

        Args:
            name: with forward slashes, as an `Item` has it.
            below: further names below that one; a path may not leave it either.

        Raises:
            Refused: 404. It is not a plain name (``..``, absolute, hidden, a letter that no name has), or a link on
                the way leads out.
        """
        root = self._step(self.folder, name)
        return self._step(root, *below) if below else root

    def item(self, name: str, kind: ItemKind) -> Path:
        """Return the folder of an item.

        Raises:
            Refused: 404. As `path`; or there is no such item of that kind.
        """
        path = self.path(name)
        if kind not in kinds_in(path):
            raise Refused(404, f"There is no {kind} of this name in the folder of this studio.")
        if self._leads_out(path):
            raise Refused(404, f"A link in this {kind} leads out of the folder of this studio.")
        return path

    def tables(self) -> list[str]:
        """Return the names of the tables of mended classes."""
        folder = self.folder / LABELS
        try:
            return sorted(f"{LABELS}/{entry.name}" for entry in os.scandir(folder) if entry.name.endswith(".csv"))
        except OSError:
            return []

    def look(self) -> Contents:
        """Find what is there. Links are not followed, folders of items not looked into, and below images, as of a
        dataset, only items are looked for; an image in the studio's own folder makes it no dataset alone.
        """
        items: list[Item] = []
        images: set[str] = set()
        exports: list[str] = []
        seen: dict[Path, int] = {}
        waiting, cut = [(self.folder, 0, False)], False  # a folder, how deep it lies, whether below images
        while waiting:
            here, depth, below = waiting.pop(0)
            if len(seen) == MOST_FOLDERS:
                cut = True
                break
            try:
                seen[here] = here.stat().st_mtime_ns
                all_kinds = kinds_in(here)
                folders, has_image, more = _entries(here)
            except OSError:  # gone, or not to be read
                continue
            cut |= more and not has_image
            name = here.relative_to(self.folder).as_posix()
            kinds = [kind for kind in all_kinds if kind in get_args(ItemKind)]
            if kinds and self._leads_out(here):
                continue
            if kinds:
                items.append(Item(name, cast("ItemKind", kinds[0])))
            elif "dataset export" in all_kinds:
                exports.append(name)
            elif all_kinds:
                continue
            else:
                if has_image and not below:
                    images.add(name)
                if depth < DEPTH:
                    below = below or (has_image and here != self.folder)
                    waiting += [(folder, depth + 1, below) for folder in folders]
        return Contents(tuple(sorted(items)), (*_datasets(images), *sorted(exports)), seen, cut)

    def _leads_out(self, item: Path) -> bool:
        """Say whether what the pages read of an item is elsewhere, by a link."""
        links = [item / "synthetic" / name for name in READ_OF_SETS]
        for folder in (item, item / "records"):
            with suppress(OSError), os.scandir(folder) as entries:
                links += [Path(entry.path) for entry in entries if entry.is_symlink()]
        return any(not link.resolve().is_relative_to(self.folder) for link in links if link.is_symlink())

    def _step(self, root: Path, *names: str) -> Path:
        path = root
        for name in names:
            parts = [] if name == HERE else name.split("/")
            if len(name) > LONGEST_NAME or any(not _is_plain(part) for part in parts):
                raise Refused(404, "There is no such name in the folder of this studio.")
            path = path.joinpath(*parts)
        try:
            inside = path.resolve().is_relative_to(root.resolve())
        except (OSError, RuntimeError, ValueError):
            inside = False
        if not inside:
            raise Refused(404, "A link leads out of the folder of this studio.")
        return path


def _datasets(images: set[str]) -> list[str]:
    """Return the folders that may be datasets, of those that hold images: of several beside each other, which may be
    classes, the one that they lie in.
    """
    above = Counter(name.rpartition("/")[0] for name in images)
    alone = {name for name in images if above[name.rpartition("/")[0]] == 1 or "/" not in name}
    return sorted(alone | {name for name in above if name and (above[name] > 1 or name in images)})


def _is_plain(part: str) -> bool:
    return bool(part) and part[0] != "." and part.isprintable() and not set(part) & STRANGE


def _entries(folder: Path) -> tuple[list[Path], bool, bool]:
    """Return the folders in a folder, whether an image is in it, and whether it has more entries than are looked at."""
    folders, image = [], False
    with os.scandir(folder) as found:
        entries: Iterator[os.DirEntry[str]] = found
        seen = list(islice(entries, MOST_ENTRIES + 1))
    for entry in seen:
        if not _is_plain(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            folders.append(Path(entry.path))
        else:
            image |= Path(entry.name).suffix.lower() in READ_ENDINGS
    return sorted(folders), image, len(seen) > MOST_ENTRIES
