"""Converting: any dataset that can be read, written in a format that trainers read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flawforge.core.errors import DataUnusableError, SettingError, did_you_mean
from flawforge.core.plural import plural
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.data.dataset import Dataset
from flawforge.data.estimates import estimated_sentences
from flawforge.data.good_names import find_good
from flawforge.data.reading.load import load
from flawforge.data.reading_choices import AS_USUAL, ReadingChoices
from flawforge.data.sampling.splits import propose_split
from flawforge.data.writing.export_format import ExportFormat
from flawforge.data.writing.exported_image import ExportedImage, Part
from flawforge.data.writing.formats import EXPORT_FORMATS
from flawforge.data.writing.real_pictures import Exportable, Unplaced, is_placed
from flawforge.data.writing.writing import Writing, check_place, written_aside


@dataclass(frozen=True)
class Exported:
    """What was written, or would be.

    Attributes:
        folder: where.
        format: its name.
        images: how many.
        classes: images of each class.
        origins: images that are ``real`` and ``synthetic``.
        parts: images in each part of the split.
        notes: what is worth knowing, a sentence each.
        files: all files, below the folder.
        written: False after a dry run.
    """

    folder: Path
    format: str
    images: int
    classes: dict[str, int]
    origins: dict[str, int]
    parts: dict[str, int]
    notes: tuple[str, ...]
    files: tuple[str, ...]
    written: bool

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``; the files only after a dry run, else they are in the manifest."""
        values = asdict(self) | {"folder": str(self.folder), "notes": list(self.notes), "files": len(self.files)}
        return values if self.written else values | {"files": list(self.files)}


def convert(
    data: str | Path | Dataset,
    out: str | Path,
    format: str = "imagefolder",
    *,
    classes: Sequence[str] | None = None,
    good: str | None = None,
    unplaced: Unplaced = "whole-image",
    val: float = 0.0,
    test: float = 0.0,
    seed: int = 0,
    overwrite: bool = False,
    dry_run: bool = False,
    choices: ReadingChoices = AS_USUAL,
    progress: Progress = SILENT,
) -> Exported:
    """Write a dataset in another format, with its boxes and masks as far as the format holds them.

    PNG and JPEG files that every reader sees alike are copied byte for byte; all others (turned by the camera,
    palettes, alpha, other containers) are written as PNG of the pixels that Flawforge sees. Images without a class are
    left out. The same input gives the same bytes.

    Args:
        data: a folder in any layout that `load` reads, or a dataset.
        out: the folder to write; it must be empty or not exist.
        format: a name in `flawforge.data.writing.formats.EXPORT_FORMATS`.
        classes: the classes to write; None writes all.
        good: the class of images without a defect; None takes the one that is called so.
        unplaced: what becomes, in formats of boxes, of an image with a defect but without a box or a mask: one box
            over the whole image (``whole-image``), or nothing (``leave-out``).
        val: share of the images for the part ``val``, 0 to 1. Images of one specimen stay in one part.
        test: share for the part ``test``.
        seed: of the split.
        overwrite: replace an export that is in the folder.
        dry_run: write nothing; only say what would be written.
        choices: what the files leave open about how they are read.
        progress: where to tell how far it is.

    Returns:
        What was written.

    Raises:
        DataNotFoundError, DataUnusableError: there is no image, or none is left.
        SettingError: an argument.
        RunExistsError: the folder holds something else, or an export (without `overwrite`).
        RunUnwritableError, DiskFullError: the disk.
        ImageBrokenError: an image or a mask can no longer be read.
    """
    check_numbers(val=val, test=test, seed=seed)
    form, folder = find_format(format), Path(out)
    check_place(folder, overwrite or dry_run)
    whole = load(data, choices, progress=progress)
    chosen = whole.select(classes)
    notes = [_left_out(len(whole.unlabelled), "without a class")] if whole.unlabelled and classes is None else []
    pictures, told = real_pictures(chosen, form, good, unplaced, (val, test), seed, progress)
    facts = {"made": "convert", "seed": seed, "val": val, "test": test}
    return write_out(pictures, form, folder, facts, [*notes, *told], overwrite, dry_run, progress)


def find_format(name: str) -> ExportFormat:
    """Return a format by its name.

    Raises:
        SettingError: there is none of this name.
    """
    if name not in EXPORT_FORMATS:
        raise SettingError(
            f"--format is '{name}'; there are {', '.join(EXPORT_FORMATS)}.{did_you_mean(name, EXPORT_FORMATS)}"
        )
    return EXPORT_FORMATS[name]


def real_pictures(
    data: Dataset,
    form: ExportFormat,
    good: str | None,
    unplaced: Unplaced,
    shares: tuple[float, float],
    seed: int,
    progress: Progress,
) -> tuple[list[ExportedImage], list[str]]:
    """Return the pictures of a dataset for a format, and what is worth knowing about them.

    Raises:
        SettingError: as `convert`.
    """
    goods = _good_classes(data, good)
    notes = estimated_sentences(data.samples)
    bare = [row for row, one in enumerate(data.samples) if one.label not in goods and not is_placed(one)]
    if form.places and bare:
        if unplaced == "leave-out":
            notes.append(
                _left_out(
                    len(bare), f"with a defect but without a box or a mask (such as {data.samples[bare[0]].file})"
                )
            )
            data = data.take(set(range(len(data))) - set(bare))
        else:
            notes.append(whole_image_note(len(bare), data.samples[bare[0]].file, form))
    if not len(data):
        return [], notes
    if form.places and goods & set(data.classes):
        notes.append(
            f"Images of class {', '.join(sorted(goods & set(data.classes)))} are written as images without a defect."
        )
    export = Exportable(data, goods, _parts(data, shares, seed, progress), form.places)
    return list(export.pictures()), notes


def whole_image_note(count: int, example: str, form: ExportFormat) -> str:
    """Say that images got a box that nobody drew."""
    have = plural(count, "image has", "images have")
    return (
        f"{have} a class but no box and no mask (such as {example}), and {form.title} has no other place for a class: "
        f"each got one box over the whole image. --unplaced leave-out leaves such images out."
    )


def write_out(
    pictures: Sequence[ExportedImage],
    form: ExportFormat,
    folder: Path,
    facts: dict[str, Any],
    notes: Sequence[str],
    overwrite: bool,
    dry_run: bool,
    progress: Progress,
) -> Exported:
    """Write pictures into a folder, or only list the files.

    Raises:
        DataUnusableError: there are none. RunExistsError, RunUnwritableError, DiskFullError, ImageBrokenError: as
        `convert`.
    """
    if not pictures:
        raise DataUnusableError(f"no image is left to write as {form.title}. {' '.join(notes)}".rstrip())

    def counted(of: Callable[[ExportedImage], str]) -> dict[str, int]:
        return dict(sorted(Counter(map(of, pictures)).items()))

    def write(place: Path | None) -> tuple[dict[str, Any], Writing]:
        writing = Writing(pictures, place, progress)
        form.write(writing)
        summary = {
            "classes": counted(lambda picture: picture.label),
            "origins": counted(lambda picture: str(picture.origin["origin"])),
            "parts": counted(lambda picture: picture.part),
            "notes": (*notes, *writing.notes),
        }
        writing.finish({"format": form.name, "images": len(pictures), **facts, **summary})
        return summary, writing

    if dry_run:
        summary, done = write(None)
    else:
        with written_aside(folder, overwrite) as aside:
            summary, done = write(aside)
    return Exported(folder, form.name, len(pictures), files=tuple(done.files), written=not dry_run, **summary)


def _good_classes(data: Dataset, good: str | None) -> frozenset[str]:
    if good is not None:
        if good not in data.classes:
            raise SettingError(
                f"--good is '{good}'; it names the class of images without a defect, and {data.source} has "
                f"{', '.join(data.classes)}.{did_you_mean(good, data.classes)}"
            )
        return frozenset({good})
    products = {label for label in data.classes if data.layout == "mvtec" and label.endswith("-good")}
    found = find_good(data.classes)
    return frozenset(products | ({found} if found else set()))


def _parts(data: Dataset, shares: tuple[float, float], seed: int, progress: Progress) -> list[Part]:
    val, test = shares
    if val + test >= 1:
        raise SettingError(f"--val {val} and --test {test} leave no image to train on; together they are below 1.")
    parts: list[Part] = ["train"] * len(data)
    if val or test:
        fractions = (1 - val - test, val, test)
        split = propose_split(data.labels, data.groups(progress), fractions=fractions, seed=seed)
        for row in split.validation.tolist():
            parts[row] = "val"
        for row in split.test.tolist():
            parts[row] = "test"
    return parts


def _left_out(count: int, which: str) -> str:
    return f"{plural(count, 'image')} {which} {'was' if count == 1 else 'were'} left out."
