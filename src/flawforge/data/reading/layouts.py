"""Layouts: from a list of files to images with a class each. Every way of arranging a folder that is known is here.

================ =============================================================================================
``flat``         images in one folder; the class is the folder's name
``classes``      a folder per class; ``masks/<class>`` beside them holds masks of the same stems and is no class;
                 ``train``, ``test`` or ``val`` above the class folders are put together, whatever lies beside them
``voc``          Pascal VOC: ``images`` or ``JPEGImages`` beside ``annotations``, or an XML file beside each image
``mvtec``        MVTec AD: ``train/good``, ``test/good``, ``test/<defect>``, ``ground_truth/<defect>/*_mask.png``;
                 ``validation`` where there is one
================ =============================================================================================

A folder that only wraps another one, as archives leave them, is looked through.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from flawforge.data.reading.class_folders import SPLIT_FOLDERS, folders
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.plan import Entry, Plan, tell_rest
from flawforge.data.reading.voc import voc


def recognise(root: Path, tree: Tree) -> Plan:
    """Find the layout of a folder and the class of each of its images.

    Args:
        root: the folder, for its name and to read annotations.
        tree: its files, at least one of them an image.
    """
    return voc(root, tree) or _mvtec(tree) or folders(root, tree)


def _mvtec(tree: Tree) -> Plan | None:
    split = [PurePosixPath(file).parts for file in tree.images]
    trained = {p[:i] for p in split for i in range(len(p) - 2) if p[i : i + 2] == ("train", "good")}
    tested = {p[:i] for p in split for i in range(len(p) - 2) if p[i] == "test"}
    products = trained & tested
    if not products:
        return None
    plan = Plan("mvtec")
    found: set[str] = set()
    masks: dict[tuple[str, ...], str] = {}
    for file, parts in zip(tree.images, split, strict=True):
        if "ground_truth" in parts:
            stem = PurePosixPath(file).stem.removesuffix("_mask")
            at = parts.index("ground_truth")
            masks[(*parts[:at], *parts[at + 1 : -1], stem)] = file
    for file, parts in zip(tree.images, split, strict=True):
        home = next((p for p in products if parts[: len(p)] == p and parts[len(p)].lower() in SPLIT_FOLDERS), None)
        if home is None or len(parts) < len(home) + 3:
            continue
        found.add(parts[len(home)])
        defect = parts[len(home) + 1]
        label = f"{home[-1]}-{defect}" if len(products) > 1 and home else defect
        plan.entries.append(Entry(file, label, masks.get((*home, defect, PurePosixPath(file).stem))))
    named = ", ".join(["train", "test", *sorted(found - {"train", "test"})])
    plan.notes.append(f"The folders {named} were put together; the split proposed here is made anew.")
    tell_rest(plan, tree)
    return plan
