"""Layouts: from a list of files to images with a class each. Every way of arranging a folder that is known is here.

================ =============================================================================================
``flat``         images in one folder; the class is the folder's name
``classes``      a folder per class; ``masks/<class>`` beside them holds masks of the same stems and is no class;
                 ``train``, ``test`` or ``val`` above the class folders are put together, whatever lies beside them
``voc``          Pascal VOC: ``images`` or ``JPEGImages`` beside ``annotations``, or an XML file beside each image
``mvtec``        MVTec AD: ``train/good``, ``test/good``, ``test/<defect>``, ``ground_truth/<defect>/*_mask.png``
================ =============================================================================================

A folder that only wraps another one, as archives leave them, is looked through.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from flawforge.core.errors import ImageBrokenError
from flawforge.data.dataset import Box, Broken
from flawforge.data.tree import Tree
from flawforge.data.voc import class_of, read_boxes

MASK_FOLDERS = frozenset({"masks", "mask", "ground_truth", "groundtruth"})
VOC_IMAGE_FOLDERS = frozenset({"images", "jpegimages"})
SPLIT_FOLDERS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation"})


@dataclass(frozen=True)
class Entry:
    """One image of a layout, not opened yet; the fields are those of `flawforge.data.dataset.Sample`."""

    file: str
    label: str
    mask: str | None = None
    boxes: tuple[Box, ...] = ()


@dataclass
class Plan:
    """What a layout makes of a folder: its images, what it passes over and why, what is worth telling."""

    layout: str
    entries: list[Entry] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def recognise(root: Path, tree: Tree) -> Plan:
    """Find the layout of a folder and the class of each of its images.

    Args:
        root: the folder, for its name and to read annotations.
        tree: its files, at least one of them an image.
    """
    return _voc(root, tree) or _mvtec(tree) or _folders(root, tree)


# Pascal VOC


def _voc(root: Path, tree: Tree) -> Plan | None:
    annotations = _annotations(tree)
    images = [file for file in tree.images if _voc_home(file, annotations) is not None]
    if not images:
        return None
    plan = Plan("voc")
    boxes: dict[str, tuple[Box, ...]] = {}
    for (_, stem), file in annotations.items():
        try:
            boxes[file] = read_boxes(root / file)
        except ImageBrokenError as error:
            plan.broken.append(Broken(file, f"annotation of {stem}: {error.reason}"))
    known = {box.label for found in boxes.values() for box in found}
    masks = {_key(file): file for file in tree.images if _is_mask(file)}
    used = set()
    for image in images:
        path = PurePosixPath(image)
        home = _voc_home(image, annotations)
        annotation = annotations.get((home or "", path.stem), "")
        used.add(annotation)
        found = boxes.get(annotation, ())
        label = class_of(path.stem, found, known)
        plan.entries.append(Entry(image, label, masks.get((home or "", path.stem)), found))
    lost = [file for file in annotations.values() if file not in used]
    plan.broken += [Broken(file, "is an annotation without an image of the same name") for file in lost]
    _tell_rest(plan, tree)
    return plan


def _annotations(tree: Tree) -> dict[tuple[str, str], str]:
    """Map (home, stem) to the XML file; home is the folder that holds ``annotations``, or the XML file itself."""
    found = {}
    for file in tree.others:
        path = PurePosixPath(file)
        if path.suffix.lower() == ".xml":
            names = [part.lower() for part in path.parts[:-1]]
            cut = names.index("annotations") if "annotations" in names else len(names)
            found["/".join(path.parts[:cut]), path.stem] = file
    return found


def _voc_home(image: str, annotations: dict[tuple[str, str], str]) -> str | None:
    """Return the home whose annotations speak of this image, None when it is in no image folder of VOC."""
    path = PurePosixPath(image)
    beside = str(path.parent) if len(path.parts) > 1 else ""
    if (beside, path.stem) in annotations:
        return beside
    homes = {home for home, _ in annotations}
    for depth, part in enumerate(path.parts[:-1]):
        if part.lower() in VOC_IMAGE_FOLDERS and "/".join(path.parts[:depth]) in homes:
            return "/".join(path.parts[:depth])
    return None


# MVTec AD


def _mvtec(tree: Tree) -> Plan | None:
    split = [PurePosixPath(file).parts for file in tree.images]
    trained = {p[:i] for p in split for i in range(len(p) - 2) if p[i : i + 2] == ("train", "good")}
    tested = {p[:i] for p in split for i in range(len(p) - 2) if p[i] == "test"}
    products = trained & tested
    if not products:
        return None
    plan = Plan("mvtec")
    masks: dict[tuple[str, ...], str] = {}
    for file, parts in zip(tree.images, split, strict=True):
        if "ground_truth" in parts:
            stem = PurePosixPath(file).stem.removesuffix("_mask")
            at = parts.index("ground_truth")
            masks[(*parts[:at], *parts[at + 1 : -1], stem)] = file
    for file, parts in zip(tree.images, split, strict=True):
        home = next((p for p in products if parts[: len(p)] == p and parts[len(p)] in ("train", "test")), None)
        if home is None or len(parts) < len(home) + 3:
            continue
        defect = parts[len(home) + 1]
        label = f"{home[-1]}-{defect}" if len(products) > 1 and home else defect
        plan.entries.append(Entry(file, label, masks.get((*home, defect, PurePosixPath(file).stem))))
    plan.notes.append("The folders train, test were put together; the split proposed here is made anew.")
    _tell_rest(plan, tree)
    return plan


# folders of images


def _folders(root: Path, tree: Tree) -> Plan:
    masks = {_key(file): file for file in tree.images if _is_mask(file)}
    images = [file for file in tree.images if not _is_mask(file)]
    if not images:  # a folder of masks alone: then they are what is meant
        images, masks = list(tree.images), {}
    wrapper = _wrapper(images)
    inner = {file: PurePosixPath(file).parts[wrapper:] for file in images}
    above = PurePosixPath(images[0]).parts[:wrapper]
    name = above[-1] if above else root.resolve().name or "images"
    plan = Plan("classes")
    splits = _splits(list(inner.values()))
    if splits:
        named = f"the folder{'s' if len(splits) > 1 else ''} {', '.join(splits)}"
        beside = [file for file, parts in inner.items() if parts[0] not in splits]
        plan.broken += [Broken(file, f"lies beside {named}") for file in beside]
        inner = {file: parts[1:] for file, parts in inner.items() if parts[0] in splits}
        if len(splits) > 1:
            plan.notes.append(f"T{named[1:]} were put together; the split proposed here is made anew.")
    direct = [file for file, parts in inner.items() if len(parts) == 1]
    flat = len(direct) * 2 > len(inner)
    plan.layout = "flat" if flat else "classes"
    for file, parts in inner.items():
        if flat == (len(parts) == 1):
            label = name if flat else parts[0]
            plan.entries.append(Entry(file, label, masks.get(_key(file))))
        elif flat:
            plan.broken.append(Broken(file, "lies in a folder below, while most images have no folder of their class"))
        else:
            plan.broken.append(Broken(file, "lies beside the class folders, so it has no class"))
    return plan


def _splits(inner: list[tuple[str, ...]]) -> list[str]:
    """Return the top folders that are parts of a split and no classes.

    Whatever lies beside them, two with such names are. One alone is, where it is the only folder, or where it is
    called train and holds most images in folders of their own: it may as well be a class ("valid" beside "invalid").
    """
    named = sorted({parts[0] for parts in inner if len(parts) > 1 and parts[0].lower() in SPLIT_FOLDERS})
    if len(named) > 1 or all(parts[0] in named for parts in inner):
        return named
    sorted_in = sum(len(parts) > 2 and parts[0].lower() in ("train", "training") for parts in inner)
    return named if sorted_in * 2 > len(inner) else []


def _wrapper(images: list[str]) -> int:
    """Return how many folders all images have in common and that hold nothing but one more folder."""
    folders = [PurePosixPath(file).parts[:-1] for file in images]
    depth = 0
    while all(len(parts) > depth + 1 for parts in folders) and len({parts[depth] for parts in folders}) == 1:
        depth += 1
    return depth


# masks


def _is_mask(file: str) -> bool:
    return any(part.lower() in MASK_FOLDERS for part in PurePosixPath(file).parts[:-1])


def _key(file: str) -> tuple[str, str]:
    """Return what an image and its mask share: their folder without the mask folder's name, and the stem."""
    path = PurePosixPath(file)
    folders = [part for part in path.parts[:-1] if part.lower() not in MASK_FOLDERS]
    return "/".join(folders), path.stem.removesuffix("_mask") if _is_mask(file) else path.stem


def _tell_rest(plan: Plan, tree: Tree) -> None:
    """Note the images that this layout has no use for, by folder."""
    used = {entry.file for entry in plan.entries} | {entry.mask for entry in plan.entries}
    spare = [file for file in tree.images if file not in used and not _is_mask(file)]
    for folder, count in sorted(Counter(str(PurePosixPath(file).parent) for file in spare).items()):
        these = "1 image" if count == 1 else f"{count:,} images"
        plan.notes.append(f"Not read, as no part of the layout '{plan.layout}': {these} in {folder}.")
