"""MVTec AD, its relatives and VisA: good parts to train on, good and defective ones to test, masks beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.plan import GOOD, SPLIT_FOLDERS, Layout, Plan, note_split_folders, note_unused
from flawforge.data.sample import Entry

BTAD_GOOD = "ok"  # all that its training set has; other sets have such a class among others
HEIGHTS = "xyz"  # MVTec 3D's folder of coordinates, beside `rgb`
Parts = tuple[str, ...]


def mvtec(_: Path, tree: Tree) -> Plan | None:
    """Return the plan of a folder with ``train/good`` beside ``test``, or of several such products; else None."""
    split = [tuple(file.split("/")) for file in tree.images]
    trained: dict[Parts, set[str]] = defaultdict(set)  # product to what its folder train has
    for p in split:
        for i in range(len(p) - 2):
            if p[i] == "train":
                trained[p[:i]].add(p[i + 1])
    tested = {p[:i] for p in split for i in range(len(p) - 2) if p[i] == "test"}
    products = {home for home, kinds in trained.items() if home in tested and (GOOD in kinds or kinds == {BTAD_GOOD})}
    if not products:
        return None
    plan, spare = Plan("mvtec"), Tree()
    split_folders: set[str] = set()
    heights = 0
    for file, parts in zip(tree.images, split, strict=True):
        home = next((parts[:i] for i in range(len(parts)) if parts[:i] in products), None)
        if home is None or len(parts) < len(home) + 3 or parts[len(home)].lower() not in SPLIT_FOLDERS:
            spare.images.append(file)
        elif parts[-2].lower() == HEIGHTS:
            heights += 1
        else:
            split_folders.add(parts[len(home)])
            plan.entries.append(Entry(file, _class(home, parts[len(home) + 1], several=len(products) > 1)))
    note_split_folders(plan, ["train", "test", *sorted(split_folders - {"train", "test"})])
    if heights:
        plan.notes.append(f"Not read: {heights:,} files in folders {HEIGHTS}, which hold heights and no pictures.")
    note_unused(plan, spare)
    return plan


def visa(_: Path, tree: Tree) -> Plan | None:
    """Return the plan of products with ``Data/Images`` and a folder of each kind below it, else None."""
    found = dict(_of_visa(tree.images))
    if len(found) * 2 <= len(tree.images):
        return None
    several = len({home for home, _ in found.values()}) > 1
    plan = Plan("visa", [Entry(file, _class(home, kind, several)) for file, (home, kind) in found.items()])
    note_unused(plan, tree)
    return plan


def _of_visa(files: list[str]) -> Iterator[tuple[str, tuple[Parts, str]]]:
    for file in files:
        parts = tuple(file.split("/"))
        if len(parts) >= 4 and [part.lower() for part in parts[-4:-2]] == ["data", "images"]:
            yield file, (parts[:-4], parts[-2])


def _class(home: Parts, kind: str, several: bool) -> str:
    """Return the class of a kind of defect, which has its product in front where there are several."""
    return f"{home[-1]}-{kind}" if several and home else kind


MVTEC = Layout(
    "mvtec",
    "MVTec AD",
    "`train/good/`, `test/good/`, `test/<defect>/`, `ground_truth/<defect>/*_mask.png`; `validation/` or `val/` where "
    "there is one. So do MVTec 3D (its pictures in `rgb/`), LOCO, AD 2 and BTAD (`ok/`, `ko/`)",
    "its folder's name; with several products `<product>-<defect>`",
    mvtec,
)
VISA = Layout(
    "visa",
    "VisA",
    "`<product>/Data/Images/Normal/`, `Anomaly/`; masks in `Data/Masks/Anomaly/`",
    "its folder's name; with several products `<product>-<kind>`",
    visa,
)
