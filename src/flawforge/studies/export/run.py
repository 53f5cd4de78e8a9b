"""Exporting: what a run generated, with or without what it was trained on, in a format that trainers read."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from flawforge import __version__
from flawforge.core.errors import DataNotFoundError, DataUnusableError, RunBrokenError, SettingError, did_you_mean
from flawforge.core.files import sha256_file
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.data.dataset import Dataset
from flawforge.data.decode import read_image
from flawforge.data.good_names import find_good
from flawforge.data.writing.convert import Exported, find_format, real_pictures, whole_image_note, write_out
from flawforge.data.writing.export_format import ExportFormat
from flawforge.data.writing.exported_image import ExportedImage, Instance
from flawforge.data.writing.patches import parts_of, patch_of
from flawforge.data.writing.real_pictures import Unplaced
from flawforge.data.writing.writing import check_place
from flawforge.runs.folder import Run
from flawforge.runs.set_files import ManifestEntry
from flawforge.studies.sets import SyntheticSet, load_whole, training_rows

PREFIX = "synthetic_"  # of the names of generated images: formats without a place for the origin tell it too


def export(
    run: Run | str | Path,
    out: str | Path,
    format: str = "imagefolder",
    *,
    with_real: bool = False,
    share: float | None = None,
    classes: Sequence[str] | None = None,
    good: str | None = None,
    unplaced: Unplaced = "whole-image",
    val: float = 0.0,
    test: float = 0.0,
    seed: int = 0,
    synthetic: str | Path | None = None,
    data: Dataset | str | Path | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    wait: bool = False,
    progress: Progress = SILENT,
) -> Exported:
    """Write the synthetic set of a run in a format that trainers read; with the images it was trained on, if asked.

    Held-out images never go out: they are what a model is to be judged by. Each image carries its origin (real or
    synthetic, seed, index, checkpoint, version) in the manifest, and in the labels where the format has a place.

    Args:
        run: a run with a synthetic set.
        out: the folder to write; it must be empty or not exist.
        format: a name in `flawforge.data.writing.formats.EXPORT_FORMATS`.
        with_real: add the training images, with the boxes and masks that their labels have.
        share: of the generated images among all images of a class, above 0 and below 1, with `with_real`: so many of
            them go out, the first ones. None takes all.
        classes: the classes to write; None writes all.
        good: the class of images without a defect; None takes the one that is called so.
        unplaced: what becomes, in formats of boxes, of an image with a defect but without a box or a mask (most
            generated images have none): one box over the whole image (``whole-image``), or nothing (``leave-out``).
        val: share of the real images for the part ``val``. Images of one specimen stay in one part, and generated
            images are always trained on.
        test: share for the part ``test``.
        seed: of the split.
        synthetic: the folder of another synthetic set; None takes the run's own.
        data: the training images, if they have moved since; for `with_real`.
        overwrite: replace an export that is in the folder.
        dry_run: write nothing; only say what would be written.
        wait: wait for another process that writes the set; else it is refused.
        progress: where to tell how far it is.

    Returns:
        What was written.

    Raises:
        RunNotFoundError: no run, or no complete synthetic set. RunBrokenError: files of the set have changed.
        SettingError: an argument.
        DataNotFoundError, DataUnusableError: the training images are gone or changed, or no image is left.
        RunExistsError: the folder holds something else, or an export (without `overwrite`).
        RunUnwritableError, DiskFullError: the disk.
        ImageBrokenError: an image can no longer be read.
    """
    check_numbers(share=share, val=val, test=test, seed=seed)
    form, folder = find_format(format), Path(out)
    _check(with_real, share, val, test)
    run = run if isinstance(run, Run) else Run.open(run)
    generated = SyntheticSet.open(synthetic if synthetic is not None else run, wait=wait, progress=progress)
    check_place(folder, overwrite or dry_run)
    entries = _chosen(generated, classes)
    pictures: list[ExportedImage] = []
    notes: list[str] = []
    if with_real:
        whole, rows = training_rows(run, load_whole(run, data, progress), progress)
        real = whole.take(rows).select(None if classes is None else [one for one in classes if one in whole.classes])
        pictures, notes = real_pictures(real, form, good, unplaced, (val, test), seed, progress)
        if val or test:
            notes.append(
                "The generator has learnt from the images in val and test: judge a model by images that it never saw."
            )
    notes += _refuse_held_out_grounds(run, entries, data, progress)
    if share is not None:
        entries = _of_share(entries, Counter(picture.label for picture in pictures), share, run)
    notes += generated.notes
    made, told = _generated_pictures(generated, entries, form, good, unplaced)
    facts = {
        "made": "export", "seed": seed, "val": val, "test": test, "share": share, "with_real": with_real,
        "checkpoint": generated.facts["checkpoint"], "chosen_by_hand": str(generated.by_hand),
    }  # fmt: skip
    return write_out([*pictures, *made], form, folder, facts, [*notes, *told], overwrite, dry_run, progress)


def _refuse_held_out_grounds(
    run: Run, entries: list[ManifestEntry], data: Dataset | str | Path | None, progress: Progress
) -> list[str]:
    """Refuse images whose ground is held out; return a note where that cannot be told, as the real images are gone.

    Raises:
        DataUnusableError: some are such.
    """
    if not any(entry.ground for entry in entries):
        return []
    try:
        part, rows = training_rows(run, load_whole(run, data, progress), progress)
    except DataNotFoundError:
        return ["The training images are gone, so it was not checked whether a ground of these images is held out."]
    taken = set(rows)
    held = {sample.sha256 for row, sample in enumerate(part.samples) if row not in taken}
    if found := [entry for entry in entries if entry.ground_sha256 in held]:
        raise DataUnusableError(
            f"{len(found):,} images of the set show a held-out image beside their defect (such as {found[0].file}, on "
            f"{found[0].ground}): a model trained on them would know what it is judged by. Generate the set again, "
            f"from {run.path}."
        )
    return []


def _check(with_real: bool, share: float | None, val: float, test: float) -> None:
    if share is not None and not with_real:
        raise SettingError("--share is the share of generated images beside real ones; add --with-real.")
    if (val or test) and not with_real:
        raise SettingError(
            "--val and --test divide real images, because a model is never judged by generated ones; add --with-real."
        )


def _chosen(generated: SyntheticSet, classes: Sequence[str] | None) -> list[ManifestEntry]:
    known = generated.facts["classes"]
    for label in classes or ():
        if label not in known:
            raise SettingError(
                f"--classes {label}: the set in {generated.folder} has no such class.{did_you_mean(label, known)} "
                f"It has: {', '.join(known)}."
            )
    return [entry for entry in generated.entries() if classes is None or entry.label in classes]


def _of_share(entries: list[ManifestEntry], real: Counter[str], share: float, run: Run) -> list[ManifestEntry]:
    """Return the first images of each class that make up a share of it."""
    kept: list[ManifestEntry] = []
    for label in dict.fromkeys(entry.label for entry in entries):
        own = [entry for entry in entries if entry.label == label]
        wanted = round(real[label] * share / (1 - share))
        if not wanted:
            raise DataUnusableError(
                f"--share {share}: the run was trained on {real[label]} images of class '{label}', so that no "
                f"generated image fits. Leave --share out, or give a larger one."
            )
        if wanted > len(own):
            raise DataUnusableError(
                f"--share {share}: beside {real[label]} real images of class '{label}' that takes {wanted} generated "
                f"ones, and the set has {len(own)}. Generate more: flawforge generate {shlex.quote(str(run.path))} "
                f"-n {wanted}"
            )
        kept += own[:wanted]
    return kept


def _generated_pictures(
    generated: SyntheticSet, entries: list[ManifestEntry], form: ExportFormat, good: str | None, unplaced: Unplaced
) -> tuple[list[ExportedImage], list[str]]:
    """Return the pictures of generated images; composed ones have the boxes and masks of what they are composed of."""
    found = find_good(tuple(generated.facts["classes"]))
    goods = {good if good is not None else found}
    bare = [one for one in entries if one.label not in goods and not _is_placed(one)] if form.places else []
    notes = []
    if bare and unplaced == "leave-out":
        entries = [entry for entry in entries if entry.label in goods or _is_placed(entry)]
        notes.append(f"{len(bare):,} generated images were left out: they have a class, but no box and no mask.")
    elif bare:
        notes.append(whole_image_note(len(bare), bare[0].file, form))
    pictures = []
    for entry in entries:
        whole = form.places and entry.label not in goods and not _is_placed(entry)
        origin = {
            "origin": "synthetic", "version": __version__, "seed": entry.seed, "index": entry.index,
            "checkpoint": entry.checkpoint, "source": entry.file,
        }  # fmt: skip
        pictures.append(
            ExportedImage(
                name=PREFIX + PurePosixPath(entry.file).stem.replace(".", "_").replace(" ", "_"),
                ending=".png",
                label=entry.label,
                good=entry.label in goods,
                width=entry.width,
                height=entry.height,
                channels=3 if entry.mode == "RGB" else 1,
                origin=origin,
                data=partial(_unchanged, generated, entry),
                instances=partial(_instances, generated, entry, whole),
                marked=frozenset([entry.label] if whole or entry.mask else [label for label, *_ in entry.boxes]),
            )
        )
    return pictures, notes


def _is_placed(entry: ManifestEntry) -> bool:
    return bool(entry.mask or entry.boxes)


def _instances(generated: SyntheticSet, entry: ManifestEntry, whole: bool) -> tuple[Instance, ...]:
    """Return what is marked in an image: the connected parts of its mask, else its boxes."""
    if whole:
        return (Instance(entry.label, (0, 0, entry.width, entry.height)),)
    if entry.mask:
        patch = patch_of(read_image(generated.folder / entry.mask, bits=8) > 0)
        return (
            ()
            if patch is None
            else tuple(Instance(entry.label, part.box, part) for part in parts_of(patch, diagonal=True))
        )
    return tuple(Instance(label, (left, top, right, bottom)) for label, left, top, right, bottom, _ in entry.boxes)


def _unchanged(generated: SyntheticSet, entry: ManifestEntry) -> bytes:
    path = generated.folder / entry.file
    if not path.is_file() or sha256_file(path) != entry.sha256:
        raise RunBrokenError(
            f"{path} is gone or has changed since it was generated. Repair the set with the command that generated "
            f"it: {generated.facts['command']}"
        )
    return path.read_bytes()
