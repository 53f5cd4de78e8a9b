"""Warnings: what an expert would point out about a dataset before anything is trained on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import PurePosixPath

from flawforge.core.plural import plural
from flawforge.core.progress import Progress
from flawforge.data.dataset import Dataset
from flawforge.data.inspection.proportions import elongated, small_defects
from flawforge.data.reading.class_names import class_in_name
from flawforge.data.reading.formats import LABEL_FORMATS
from flawforge.data.sample import OUTSIDE, Sample

FEW = 20  # images of a class below which a warning is given: a judgement, twice the 10 shots of the few-shot literature
LABELLED = {known.name for known in LABEL_FORMATS}  # layouts whose classes come from label files


def dataset_warnings(dataset: Dataset) -> tuple[str, ...]:
    """Return the warnings that apply to a dataset, a sentence or two each, the gravest first, then its notes."""
    return (*filter(None, (check(dataset) for check in CHECKS)), *dataset.mended, *dataset.notes)


def grave_warnings(dataset: Dataset) -> tuple[str, ...]:
    """Return the warnings of a dataset that every verb tells which learns from it or judges by it.

    They say that labels or pixels are wrong, or mended. (That images are few is why one is here; the audit answers it.)
    """
    outside = (note for note in dataset.notes if OUTSIDE in note)
    return (*filter(None, (check(dataset) for check in GRAVE)), *dataset.mended, *outside)


def lost_in_reading(dataset: Dataset) -> list[str]:
    """Return what files hold that was not read: a sentence for each kind, which begins with a number."""
    return list(filter(None, (_clear(dataset), _pages(dataset))))


def tell_warnings(dataset: Dataset, progress: Progress) -> list[str]:
    """Warn of what is wrong with a dataset, each thing once however many steps of one job look at it, and return it."""
    told: set[str] = vars(progress).setdefault("told_of_data", set())
    found = list(grave_warnings(dataset))
    for text in found:
        if text not in told:
            told.add(text)
            progress.warn(text)
    return found


def _two_classes(dataset: Dataset) -> str:
    label = {sample.file: sample.label for sample in dataset.samples}
    torn = [files for files in dataset.duplicates if len({label[file] for file in files}) > 1]
    if not torn:
        return ""
    such = " and ".join(torn[0])
    return f"{_are(len(torn), 'image')} in more than one class, for example {such}: a label must be wrong."


def _other_boxes(dataset: Dataset) -> str:
    boxes = [sum(box.label != sample.label for box in sample.boxes) for sample in dataset.samples]
    images = sum(count > 0 for count in boxes)
    if not images:
        return ""
    rule = "the one in its file name, else that of most of its boxes" if dataset.layout in LABELLED else "its folder's"
    count = plural(sum(boxes), "box", "boxes")
    return f"Boxes of another class: {count} in {plural(images, 'image')}. An image's class is {rule}."


def _few(dataset: Dataset) -> str:
    small = [f"{label} {count}" for label, count in dataset.counts.items() if count < FEW]
    if not small:
        return ""
    return (
        f"Few images: {', '.join(small)}. From fewer than {FEW} images of a class a generator tends to copy them: "
        f"check the audit, or take more photographs."
    )


def _names(dataset: Dataset) -> str:
    if dataset.layout != "flat" or len(dataset.classes) > 1:
        return ""
    named = Counter(class_in_name(PurePosixPath(sample.path).stem).casefold() for sample in dataset.samples)
    if not 1 < len(named) <= 50 or "" in named or min(named.values()) < 3:
        return ""
    first = ", ".join(sorted(named)[:3]) + (", ..." if len(named) > 3 else "")
    return (
        f"The file names suggest {len(named)} classes ({first}), but all images are in one folder and belong to one "
        f"class. To take the classes from the names: --classes-from names."
    )


def _gray(dataset: Dataset) -> str:
    gray = [sample for sample in dataset.samples if sample.gray]
    if len(gray) < len(dataset):
        coloured = len(dataset) - len(gray)
        if not gray:
            return ""
        return (
            f"{_are(coloured, 'image')} in colour and {len(gray)} in gray: all are read as colour (3 channels). If "
            f"colour carries no information here, convert them to gray."
        )
    stored = sum(sample.format.mode == "RGB" for sample in gray)
    if not stored:
        return ""
    return (
        f"{_are(stored, 'image')} stored in colour but gray in every pixel: they are read as gray (1 channel), and "
        f"generated images are stored in colour like them."
    )


def _depth(dataset: Dataset) -> str:
    deep = sum(sample.format.mode == "I;16" for sample in dataset.samples)
    if not deep:
        return ""
    scaled = f" and {len(dataset) - deep} of 8 bits; all are scaled to {dataset.bits}" if deep < len(dataset) else ""
    apart = " but hot ones" if _hot(dataset) else ""
    return (
        f"{_are(deep, 'image')} of 16 bits{scaled}. White in 16-bit images is taken to be {dataset.deep_white}, the "
        f"largest value of the fewest bits (10, 12, 14 or 16) that hold every pixel{apart}."
    )


def _hot(dataset: Dataset) -> str:
    hot = [sample for sample in dataset.samples if sample.hot and sample.brightest > dataset.deep_white]
    if not hot:
        return ""
    return (
        f"Hot pixels in {_images(hot)} (such as {hot[0].path}: {hot[0].hot} of up to {hot[0].brightest}): far brighter "
        f"than the pixels beside them, so the camera's fault. They are read as white ({dataset.deep_white})."
    )


def _dead(dataset: Dataset) -> str:
    dead = [sample for sample in dataset.samples if sample.dead]
    if not dead:
        return ""
    return (
        f"Dead pixels in {_images(dead)} (such as {dead[0].path}: {dead[0].dead}): 0 among bright ones. The generator "
        f"learns them; have the camera correct them."
    )


def _blank(dataset: Dataset) -> str:
    blank = [sample for sample in dataset.samples if sample.blank]
    if not blank:
        return ""
    return f"Nothing is to be seen in {_images(blank)} (such as {blank[0].path}): all pixels are equal. Leave such out."


def _sizes(dataset: Dataset) -> str:
    widths, heights = [s.width for s in dataset.samples], [s.height for s in dataset.samples]
    if len(set(zip(widths, heights, strict=True))) == 1:
        return ""
    return (
        f"Image sizes differ: {min(widths)} to {max(widths)} pixels wide, {min(heights)} to {max(heights)} high. "
        f"Training resizes all to one size, which changes proportions."
    )


def _jpeg(dataset: Dataset) -> str:
    count = sum(sample.encoding == "JPEG" for sample in dataset.samples)
    return f"{_are(count, 'image')} JPEG: the generator learns the compression artefacts too." if count else ""


def _clear(dataset: Dataset) -> str:
    count = _count(dataset, lambda sample: sample.mode in ("LA", "PA", "RGBA", "RGBa"))
    return f"{_are(count, 'image')} stored with transparency: transparent pixels are read as black." if count else ""


def _pages(dataset: Dataset) -> str:
    count = _count(dataset, lambda sample: sample.pages > 1)
    return f"{_are(count, 'file')} made of several pages or frames: only the first is read." if count else ""


def _images(samples: list[Sample]) -> str:
    return plural(len({sample.path for sample in samples}), "image")


def _count(dataset: Dataset, holds: Callable[[Sample], bool]) -> int:
    return sum(holds(sample) for sample in dataset.samples)


def _are(count: int, noun: str) -> str:
    return plural(count, f"{noun} is", f"{noun}s are")


CHECKS = (
    _two_classes,
    _other_boxes,
    _few,
    _names,
    _gray,
    _depth,
    _hot,
    _dead,
    _blank,
    elongated,
    small_defects,
    _sizes,
    _jpeg,
    _clear,
    _pages,
)
GRAVE = (_two_classes, _other_boxes, _names, _hot, _dead, _blank)
