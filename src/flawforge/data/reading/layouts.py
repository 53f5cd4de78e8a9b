"""The layouts that are known, in the order in which they are tried. A new one takes a file of its own and a line here.

A folder that only wraps another one, as archives leave them, is looked through.
"""

from __future__ import annotations

from pathlib import Path

from flawforge.data.reading.class_folders import CLASS_FOLDERS, FLAT
from flawforge.data.reading.elpv import ELPV
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.formats import LABEL_FORMATS
from flawforge.data.reading.mvtec import MVTEC, VISA
from flawforge.data.reading.plan import Layout, Plan

LAYOUTS: tuple[Layout, ...] = (MVTEC, VISA, FLAT, CLASS_FOLDERS, ELPV)


def layout_plan(root: Path, tree: Tree) -> Plan:
    """Return the plan of the first layout that a folder has; the last ones read any folder of images.

    Args:
        root: the folder, for its name.
        tree: its files without masks, at least one of them an image.
    """
    plans = (layout.recognise(root, tree) for layout in LAYOUTS if layout.recognise is not None)
    return next(plan for plan in plans if plan is not None)


def title_of(name: str) -> str:
    """Return how a layout or a format of labels is called where people read."""
    titles = {layout.name: layout.title for layout in LAYOUTS} | {known.name: known.title for known in LABEL_FORMATS}
    return titles[name]
