"""Pascal VOC: which images have an XML annotation, its boxes, and the class that follows from them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from flawforge.core.errors import ImageBrokenError
from flawforge.data.reading.class_folders import folders
from flawforge.data.reading.file_tree import Tree
from flawforge.data.reading.plan import Layout, Plan, is_mask, masks_by_key, note_unused
from flawforge.data.sample import Box, Broken, Entry

IMAGE_FOLDERS = frozenset({"images", "jpegimages"})
Marked = dict[str, tuple[Box, ...]]  # image to its boxes

TAG = "annotation"  # the root of the XML files
HEAD = 1 << 16  # bytes in which the root begins: comments and declarations before it are short
BACKGROUND = "background"  # the class of an image in which nothing is marked


def voc(root: Path, tree: Tree) -> Plan | None:
    """Return the plan of a folder with annotations of Pascal VOC, None where there are none.

    Where XML files lie beside the images, some images may have none: they keep the class of their folder, and where
    most have none, all do. XML of other kinds, as cameras and microscopes write it, is no annotation.

    Args:
        root: the folder, to read the annotations.
        tree: its files, at least one of them an image.
    """
    gathered, beside = _annotations(root, tree)
    homes = {home for home, _ in gathered}
    inside = {file: home for file in tree.images if (home := _home(file, homes)) is not None}
    found = _matched(tree.images, gathered | beside, inside)
    if not inside:
        found = {file: annotation for file, annotation in found.items() if not is_mask(file)}
    if not inside and not found:
        return None
    plan = Plan("voc")
    files = {*gathered.values(), *beside.values()}
    boxes = _read_all(root, files, plan)
    known = {box.label for several in boxes.values() for box in several}
    plan.broken += [
        Broken(file, "is an annotation without an image of the same name") for file in files - {*found.values()}
    ]
    marked = {file: boxes.get(annotation, ()) for file, annotation in found.items()}
    if inside:
        _enter(plan, tree, {file: marked.get(file, ()) for file in [*inside, *found]}, known, inside)
        note_unused(plan, tree)
        return plan
    return _beside(root, tree, plan, marked, known)


def _annotations(root: Path, tree: Tree) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
    """Map (home, stem) to the XML file: those in folders ``annotations``, whose home holds that folder, and the
    others, whose home is their own folder.

    Files of another root are left out, in ``annotations`` where all are. Damaged ones stay for their damage to be told.
    """
    gathered: dict[tuple[str, str], str] = {}
    beside: dict[tuple[str, str], str] = {}
    for file in tree.others:
        path = PurePosixPath(file)
        if path.suffix.lower() == ".xml":
            names = [part.lower() for part in path.parts[:-1]]
            inside = "annotations" in names
            cut = names.index("annotations") if inside else len(names)
            (gathered if inside else beside)["/".join(path.parts[:cut]), path.stem] = file
    tags = {file: _tag(root / file) for file in (*gathered.values(), *beside.values())}
    homes = {home for (home, _), file in gathered.items() if tags[file] == TAG}
    wanted = {TAG, ""} if TAG in tags.values() else {TAG}
    return (
        {key: file for key, file in gathered.items() if key[0] in homes},
        {key: file for key, file in beside.items() if tags[file] in wanted},
    )


def _tag(path: Path) -> str:
    """Return the name of an XML file's root, in small letters; empty where none can be seen."""
    try:
        with path.open("rb") as file:
            data = file.read(HEAD)
    except OSError:  # it is told when it is read
        return ""
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
    found = re.search(r"<([^\W\d][\w.:-]*)", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    return found[1].lower() if found else ""


def _home(image: str, homes: Collection[str]) -> str | None:
    """Return the home whose folder of images holds this one, None when there is none."""
    parts = PurePosixPath(image).parts
    for depth, part in enumerate(parts[:-1]):
        if part.lower() in IMAGE_FOLDERS and "/".join(parts[:depth]) in homes:
            return "/".join(parts[:depth])
    return None


def _matched(images: Iterable[str], annotations: dict[tuple[str, str], str], inside: dict[str, str]) -> dict[str, str]:
    """Map each image that has one to its annotation: that of its own folder, else that of its home."""
    found = {}
    for image in images:
        own, stem = _folder(image), PurePosixPath(image).stem
        key = (own, stem) if (own, stem) in annotations else (inside.get(image, own), stem)
        if key in annotations:
            found[image] = annotations[key]
    return found


def _folder(image: str) -> str:
    return "/".join(PurePosixPath(image).parts[:-1])


def _read_all(root: Path, files: Iterable[str], plan: Plan) -> dict[str, tuple[Box, ...]]:
    boxes = {}
    for file in files:
        try:
            boxes[file] = read_boxes(root / file)
        except ImageBrokenError as error:
            plan.broken.append(Broken(file, f"annotation of {PurePosixPath(file).stem}: {error.reason}"))
    return boxes


def _enter(plan: Plan, tree: Tree, marked: Marked, known: Collection[str], homes: dict[str, str]) -> None:
    """Enter images with the classes of their names and boxes."""
    masks = masks_by_key(tree)
    for image, boxes in marked.items():
        stem = PurePosixPath(image).stem
        mask = masks.get((homes.get(image, _folder(image)), stem))
        plan.entries.append(Entry(image, class_of(stem, boxes, known), mask, boxes))


def _beside(root: Path, tree: Tree, plan: Plan, marked: Marked, known: Collection[str]) -> Plan:
    """Complete a plan where the XML files lie beside the images, with the images that have none."""
    whole = folders(root, tree)
    bare = [entry.file for entry in whole.entries if entry.file not in marked]
    sorted_in = whole.layout == "classes" and (len(whole.entries) - len(bare)) * 2 > len(marked)
    if not sorted_in:
        places = {_folder(file) for file in marked}
        others = [file for file in tree.images if file not in marked and not is_mask(file)]
        bare = [file for file in others if _folder(file) in places]
    count = len(bare) + len(marked)
    if len(marked) * 2 < count:
        only = f"Only {len(marked)} of {count} images {'has' if len(marked) == 1 else 'have'} an annotation (XML)"
        whole.notes.append(
            f"{only} beside them: their boxes were read, and the class of each image is that of its folder."
        )
        whole.entries = [replace(entry, boxes=marked.get(entry.file, ())) for entry in whole.entries]
        whole.broken += plan.broken
        return whole
    _enter(plan, tree, marked if sorted_in else marked | dict.fromkeys(bare, ()), known, {})
    if bare:
        these = "1 image has" if len(bare) == 1 else f"{len(bare)} images have"
        theirs = "that of their folder" if sorted_in else f"that in their name, else '{BACKGROUND}'"
        plan.notes.append(f"{these} no annotation (XML) while the others have one: their class is {theirs}.")
    if sorted_in:
        plan.entries += [entry for entry in whole.entries if entry.file not in marked]
        plan.broken += [one for one in whole.broken if one.file not in marked]
    else:
        note_unused(plan, tree)
    return plan


def read_boxes(path: Path) -> tuple[Box, ...]:
    """Return the boxes of one annotation file.

    VOC counts pixels from 1 and includes the last one; our corners count from 0 and exclude it.

    Raises:
        ImageBrokenError: the file is no such annotation; `reason` says why.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageBrokenError(path, f"cannot be read: {error.strerror or error}") from None
    if b"<!ENTITY" in data:  # the way to make a small file expand to gigabytes; no annotation tool writes it
        raise ImageBrokenError(path, "declares XML entities, which no annotation needs")
    try:
        objects = ElementTree.fromstring(data).findall("object")
    except ElementTree.ParseError as error:
        raise ImageBrokenError(path, f"is no XML: {error}") from None
    return tuple(_box(path, number, item) for number, item in enumerate(objects, start=1))


def _box(path: Path, number: int, item: ElementTree.Element) -> Box:
    label = (item.findtext("name") or "").strip()
    try:
        values = [round(float(item.findtext(f"bndbox/{name}") or "")) for name in ("xmin", "ymin", "xmax", "ymax")]
    except (ValueError, OverflowError):
        raise ImageBrokenError(path, f"object {number} has no box of four numbers") from None
    left, top, right, bottom = values
    if not label:
        raise ImageBrokenError(path, f"object {number} has no name")
    if right < left or bottom < top:
        raise ImageBrokenError(path, f"the box of object {number} ends before it begins")
    return Box(label, max(left - 1, 0), max(top - 1, 0), right, bottom)


def class_of(stem: str, boxes: Collection[Box], known: Collection[str]) -> str:
    """Return the class of an image.

    It is the file name's, where that reads ``<class>_<number>`` and the dataset has boxes of this class; else that of
    most boxes (of the first one among equals); else ``background``.
    """
    named = re.fullmatch(r"(.+?)[_-]\d+", stem)
    if named and named[1] in known:
        return named[1]
    counted = Counter(box.label for box in boxes)
    return counted.most_common(1)[0][0] if counted else BACKGROUND


VOC = Layout(
    "voc",
    "Pascal VOC",
    "`images/` or `JPEGImages/` beside `annotations/` with an XML file for each image, or the XML beside the image",
    "the one in its file name (`scratches_12.jpg`) where the dataset has boxes of this class, else that of most of its "
    "boxes; `background` without any. Images without XML beside others with it: that of their folder",
    voc,
)
