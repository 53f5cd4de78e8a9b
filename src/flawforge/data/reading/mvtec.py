"""MVTec AD and its successor: good parts to train on, good and defective ones to test, masks beside them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.plan import SPLIT_FOLDERS, Layout, Plan, note_split_folders, note_unused
from flawforge.data.sample import Entry


def mvtec(_: Path, tree: Tree) -> Plan | None:
    """Return the plan of a folder with ``train/good`` beside ``test``, or of several such products; else None."""
    split = [PurePosixPath(file).parts for file in tree.images]
    trained = {p[:i] for p in split for i in range(len(p) - 2) if p[i : i + 2] == ("train", "good")}
    tested = {p[:i] for p in split for i in range(len(p) - 2) if p[i] == "test"}
    products = trained & tested
    if not products:
        return None
    plan = Plan("mvtec")
    split_folders: set[str] = set()
    for file, parts in zip(tree.images, split, strict=True):
        home = next((p for p in products if parts[: len(p)] == p and parts[len(p)].lower() in SPLIT_FOLDERS), None)
        if home is None or len(parts) < len(home) + 3:
            continue
        split_folders.add(parts[len(home)])
        defect = parts[len(home) + 1]
        label = f"{home[-1]}-{defect}" if len(products) > 1 and home else defect
        plan.entries.append(Entry(file, label))
    note_split_folders(plan, ["train", "test", *sorted(split_folders - {"train", "test"})])
    note_unused(plan, tree)
    return plan


MVTEC = Layout(
    "mvtec",
    "MVTec AD",
    "`train/good/`, `test/good/`, `test/<defect>/`, `ground_truth/<defect>/*_mask.png`; `validation/` or `val/` where "
    "there is one",
    "its folder's name; with several products `<product>-<defect>`",
    mvtec,
)
