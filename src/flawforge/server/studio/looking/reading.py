"""A folder of images as the page of data shows it, read in a process of its own: files may come from anyone."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flawforge.data.dataset import Dataset
    from flawforge.data.sample import Sample

MOST = 100_000  # images that a page is told of


def describe_folder(folder: str, within: str, labels: str | None, stamp: str) -> dict[str, Any]:
    """Return what `flawforge inspect --no-groups` says of a folder, and its images.

    Keys: ``layout``, ``classes`` (name to images, masks, boxes, colour), ``notes``, ``broken`` (file, reason),
    ``images`` (file, class or empty, what its class comes from, marks, what these were estimated from or empty).

    Args:
        folder: of images. within: folder that links may lead to: images elsewhere are not shown.
        labels: file of mended classes, or None. stamp: another one when that file has changed.

    Raises:
        DataNotFoundError, DataUnusableError, SettingError: it cannot be read.
    """
    from flawforge.data.estimates import estimated_from
    from flawforge.data.inspection.inspect import inspect
    from flawforge.data.inspection.labelled_sheet import colours_of
    from flawforge.data.reading.layouts import title_of

    data, _ = _dataset(folder, within, labels, stamp)
    labelled = replace(data, samples=tuple(sample for sample in data.samples if sample.label))
    found = inspect(labelled, groups=False) if labelled.samples else None
    facts = {} if found is None else {label: vars(one) for label, one in found.classes.items()}
    colours = colours_of(labelled)
    return {
        "layout": title_of(data.layout),
        "classes": {
            label: {"colour": colours[label], **{key: one[key] for key in ("images", "masks", "boxes")}}
            for label, one in facts.items()
        },
        "notes": list(data.notes if found is None else found.notes),
        "broken": [[one.file, one.reason] for one in data.broken[:MOST]],
        "images": [
            [one.file, one.label, one.label_source, len(one.marks), estimated_from(one)] for one in data.samples[:MOST]
        ],
    }


def picture(folder: str, within: str, labels: str | None, stamp: str, file: str, side: int) -> bytes | None:
    """Return a PNG of one image with what its labels mark, in a square of `side` pixels; None: there is no such
    image. Others as `describe_folder`.
    """
    from flawforge.core.images import encode_png
    from flawforge.data.inspection.labelled_sheet import colours_of, marked_picture

    data, rows = _dataset(folder, within, labels, stamp)
    row = rows.get(file)
    return None if row is None else encode_png(marked_picture(data, row, side, colours_of(data)), "RGB")


def _is_inside(data: Dataset, sample: Sample, places: tuple[Path, ...]) -> bool:
    files = [(data.root / file).resolve() for file in (sample.path, *sample.mask_files)]
    return all(any(file.is_relative_to(place) for place in places) for file in files)


@lru_cache(maxsize=1)
def _dataset(folder: str, within: str, labels: str | None, stamp: str) -> tuple[Dataset, dict[str, int]]:
    from flawforge.data.reading.load import load_regardless
    from flawforge.data.reading_choices import ReadingChoices

    data = load_regardless(Path(folder), ReadingChoices(labels=labels))
    inside = tuple(one for one in data.samples if _is_inside(data, one, (Path(folder).resolve(), Path(within))))
    if out := len(data.samples) - len(inside):
        note = f"Links that lead out of the studio's folder are not shown: {out:,}."
        data = replace(data, samples=inside, notes=(note, *data.notes))
    return data, {sample.file: row for row, sample in enumerate(data.samples)}
