"""Layouts and their plans: what a way of arranging a folder makes of its files, before any image is opened."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from flawforge.core.plural import plural
from flawforge.data.reading.file_tree import Tree
from flawforge.data.sample import Broken, Entry, Remark

GOOD = "good"  # the class of an image of which the labels say that nothing is wrong
UNLABELLED = frozenset(
    {"unlabelled", "unlabeled", "not labelled", "not labeled", "nan", "n/a"}
)  # what tools and people call none
SPLIT_FOLDERS = frozenset({"train", "training", "test", "testing", "test_public", "val", "valid", "validation"})


def is_split(folder: str) -> bool:
    """Whether a folder is part of a split by its name: ``train``, ``test_images``, ``val2017``."""
    name = folder.lower()
    words = set(re.split(r"[\W_]+", re.sub(r"(19|20)\d\d$", "", name))) - {"", "image", "images", "img", "imgs"}
    return name in SPLIT_FOLDERS or (bool(words) and words <= SPLIT_FOLDERS)


@dataclass
class Plan:
    """What a layout makes of a folder.

    Attributes:
        layout: name of the layout, as `Dataset.layout` and the records have it.
        entries: its images with their classes.
        broken: files that are passed over, each with the reason.
        notes: what is worth knowing about how the folder was read, a sentence each.
        remarks: what was mended or passed over.
    """

    layout: str
    entries: list[Entry] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """A way of arranging images and their classes in a folder.

    Attributes:
        name: one word, as `Dataset.layout`, records and ``--json`` have it.
        title: as `flawforge inspect` prints it.
        arrangement: how the files lie, for the guide (Markdown).
        classes: what the class of an image follows from, for the guide (Markdown).
        recognise: takes the folder and the list of its files, at least one of them an image and none a mask, and
            returns the plan, or None where the folder is arranged another way. None: the layout is opened by a word,
            and never recognised.
    """

    name: str
    title: str
    arrangement: str
    classes: str
    recognise: Callable[[Path, Tree], Plan | None] | None = None


def note_split_folders(plan: Plan, names: list[str]) -> None:
    """Note that the parts of a split were put together."""
    plan.notes.append(f"The folders {', '.join(names)} were read as one dataset; Flawforge makes its own split.")


def note_unused(plan: Plan, tree: Tree) -> None:
    """Note the images that this layout has no use for, by folder."""
    used = {entry.file for entry in plan.entries}
    spare = [file for file in tree.images if file not in used]
    for folder, count in sorted(Counter(file.rpartition("/")[0] or "." for file in spare).items()):
        these = plural(count, "image")
        plan.notes.append(f"Not read, because the layout '{plan.layout}' has no place for it: {these} in {folder}.")
