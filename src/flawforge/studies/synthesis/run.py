"""Generating: a trained run in, a synthetic set out."""

from __future__ import annotations

import itertools
import shlex
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from flawforge import __version__
from flawforge.core.arrays import Bools, Floats32
from flawforge.core.errors import DiskFullError, SettingError, did_you_mean
from flawforge.core.files import sha256_file, write_json
from flawforge.core.locks import FolderLock
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.data.dataset import Dataset
from flawforge.data.writing.convert import find_format
from flawforge.data.writing.writing import check_place
from flawforge.runs.checkpoint import BEST, Checkpoint, find_checkpoint, load_weights
from flawforge.runs.folder import Run
from flawforge.runs.set_files import FACTS, LOCK, MANIFEST, SET_FORMAT, ManifestEntry, read_entries, read_facts
from flawforge.runs.versions import now
from flawforge.studies.export import export
from flawforge.studies.sets import SyntheticSet, load_whole
from flawforge.studies.synthesis.composer import ComposedPicture, Composer, flaws
from flawforge.studies.synthesis.copy_filter import CopyFilter, check_yield
from flawforge.studies.synthesis.placing.asked import AskedPlacing, read_asked_placing
from flawforge.studies.synthesis.placing.placer import Placer, declared_of
from flawforge.studies.synthesis.refiner import Refiner
from flawforge.studies.synthesis.resume import LAYOUTS, Layout, following_indices, image_file, prepare_folder
from flawforge.studies.synthesis.sampler import Sampler
from flawforge.studies.synthesis.sync import sync_set
from flawforge.studies.synthesis.writer import FileFormats, Writer
from flawforge.training.processes.device import resolve_device

MIXED = "mixed"  # the class of images from a generator that learnt several without telling them apart


def generate(
    run: Run | str | Path,
    n: int = 64,
    *,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    truncation: float | None = None,
    layout: Layout = "classes",
    out: str | Path | None = None,
    overwrite: bool = False,
    sync: bool = False,
    wait: bool = False,
    compression: int = 4,
    novel: bool = False,
    checkpoint: str | int = BEST,
    data: Dataset | str | Path | None = None,
    grounds: Dataset | str | Path | None = None,
    masks: str | Path | None = None,
    region: str | Path | None = None,
    strength: float | None = None,
    format: str | None = None,
    device: str = "auto",
    command: str = "flawforge.generate(...)",
    progress: Progress = SILENT,
) -> SyntheticSet:
    """Write a synthetic set: lossless PNG files like the real ones, with a manifest.

    Each image has the mode, bit depth and size of a real image of the class, drawn as often as they occur. Image i
    depends on seed, class, i and checkpoint alone: asking for more images later adds to the same set, and interrupted
    work goes on when it is called again. Memory does not grow with `n`.

    Args:
        run: a run with a checkpoint.
        n: images per class, 1 to 10,000,000.
        classes: the classes to make; None makes all that the run can.
        seed: from 0; another seed gives other images.
        truncation: None, or from 0.1: latent numbers beyond ± this are drawn again. Lower (1.5, 1, 0.7) gives more
            typical and less varied images.
        layout: ``classes`` makes a folder per class, ``flat`` puts all files into one.
        out: the set's folder; None takes the run's own, which `audit` and `report` look at.
        overwrite: replace a set that is in the folder where its settings are others, or another version made it.
        sync: generate nothing; let manifest.jsonl and set.json say which images of the set are there: after some were
            deleted or put into another class's folder, or to repair them.
        wait: wait for another process that writes the set; else it is refused.
        compression: zlib level 0 to 9 of the files; the pixels are the same.
        novel: leave out images that are copies of training images, and 1% of the others with them (see `audit`).
            Their indices are skipped, so that image i stays what it was; ``facts["dropped"]`` counts them.
        checkpoint: ``best`` as training judged it, ``newest``, or the number of a step that is there.
        data: the training images, if they have moved since; for `novel`, and for what is composed or placed.
        grounds: good images to put defects on, or a folder of them, where the recipe places defects; None: those in the
            training data. A held-out image, or one of its specimen, is refused.
        masks: a folder of masks, each of its ground's size: the outline of the defect, and where it lies. A ground of
            the same name is taken, else any of that size. None: both are drawn.
        region: a mask image of the part of the grounds where drawn positions may lie; None: anywhere on the part.
        strength: of all defects, 1 as real ones; None: from 0.7 to 1.4 times that of the recipe.
        format: also write the set in a format that trainers read (see `export`), into `out`; the set itself is then
            the run's own.
        device: ``auto``, ``cpu``, ``cuda``, ... Last bits can differ between kinds of device.
        command: what to write into set.json as the way to make it again.
        progress: where to tell how far it is.

    Returns:
        The set; ``entries()`` reads its manifest.

    Raises:
        RunNotFoundError: no run, or no checkpoint in it.
        SettingError: an argument.
        RunExistsError: the folder holds another set or export, or other files. FolderBusyError: another process
            writes the set.
        DataUnusableError: with `novel`, the training images are too few for a scale, or nearly all images are copies;
            a ground is held out, or a mask is empty, inverted or of another size than every ground.
        DataNotFoundError: they are gone.
        DiskFullError, RunUnwritableError: the disk.
        DeviceError: no such device.
    """
    started = time.monotonic()
    _check(layout, n=n, seed=seed, truncation=truncation, compression=compression, defect_strength=strength)
    run = _with_latents(run if isinstance(run, Run) else Run.open(run), truncation)
    exported = _check_export(format, out, overwrite) if format is not None else None
    folder = Path(out) if out is not None and exported is None else run.synthetic
    if sync:
        return sync_set(folder, command, wait, progress)
    whole = load_whole(run, data, progress) if run.recipe.places else None
    asked = read_asked_placing(run, whole, grounds, masks, region, strength, progress)
    labels, formats = makeable_classes(run, classes), FileFormats(run.settings.data, compression)
    where, (weights, tensors) = resolve_device(device), load_weights(run, checkpoint, progress)
    facts = {
        **_facts(labels, n, seed, truncation, layout, novel),
        "checkpoint": weights.name,
        "white": formats.white,
        "compression": compression,
        "command": command,
        "device": str(where),
        **({"placing": told} if (told := asked.facts()) else {}),
    }
    with FolderLock(folder, LOCK, command, wait, progress):
        if prepare_folder(folder, facts, overwrite, progress) == facts["n"] and read_facts(folder)["complete"]:
            progress.say(f"all {facts['n']} images exist already: {folder}")
        else:
            sampler = _sampler(run, weights, tensors, where, data if whole is None else whole, asked, progress)
            copies = CopyFilter(run, data, where, progress) if novel else None
            _write_images(folder, facts, sampler, formats, copies, progress)
            _finish(folder, facts, n, time.monotonic() - started)
            if isinstance(sampler, Placer) and folder == run.synthetic:
                sampler.keep_grounds(folder)
        made = SyntheticSet.open(folder, own=True)
    if format is not None and exported is not None:
        export(run, exported, format, synthetic=made.folder, overwrite=overwrite, progress=progress)
    return made


def _facts(
    labels: Sequence[str], n: int, seed: int, truncation: float | None, layout: str, novel: bool
) -> dict[str, Any]:
    """Return what set.json says of a set that is not begun, but for how and where it is made."""
    return {
        "format": SET_FORMAT,
        "version": __version__,
        "n": n * len(labels),
        "seed": seed,
        "truncation": truncation,
        "layout": layout,
        "classes": dict.fromkeys(labels, n),
        "complete": False,
        "manifest_sha256": None,
        "made": now(),
        "seconds": None,
        **({"novel": True, "dropped": {}} if novel else {}),
    }


def _sampler(
    run: Run,
    weights: Checkpoint,
    tensors: dict[str, torch.Tensor],
    where: torch.device,
    data: Dataset | str | Path | None,
    asked: AskedPlacing,
    progress: Progress,
) -> Sampler | Composer:
    if run.recipe.places and isinstance(data, Dataset):
        return Placer(run, weights, data, asked, progress, where, tensors)
    if not run.recipe.composes:
        return Sampler(run, weights, where, tensors)
    if not run.recipe.learns:
        return Composer(run, weights, data, progress)
    return Refiner(run, weights, data, progress, where, tensors)


def _write_images(
    folder: Path,
    facts: dict[str, Any],
    sampler: Sampler | Composer,
    formats: FileFormats,
    copies: CopyFilter | None,
    progress: Progress,
) -> None:
    """Write the images of a set (`facts`: the content of set.json) after those that its manifest names."""
    done = sum(1 for _ in read_entries(folder)) if (folder / MANIFEST).is_file() else 0
    seed, layout, checkpoint = facts["seed"], facts["layout"], facts["checkpoint"]
    following = following_indices(folder) if copies is not None else {}
    try:
        with progress.task("generating", facts["n"], "images") as task:
            task.advance(done)
            with Writer(folder, 2 * sampler.batch, task.advance) as writer:
                for label, n in facts["classes"].items():
                    kept = min(done, n)
                    done -= kept
                    first = kept if copies is None else following.get(label, 0)
                    for index, image in _new_images(sampler, facts, label, first, n - kept, copies):
                        form = image.form if isinstance(image, ComposedPicture) else formats.draw(seed, label, index)
                        file, size = image_file(label, index, layout), (form.width, form.height, form.mode)
                        entry = ManifestEntry(file, label, seed, index, checkpoint, "", *size)
                        if isinstance(image, ComposedPicture):
                            entry = image.described(entry)
                            writer.put(entry, partial(formats.encode, image.planes, form), image.marks(entry))
                        else:
                            writer.put(entry, partial(formats.encode, image, form))
    except DiskFullError as error:
        raise DiskFullError(
            f"the disk of {folder} is full. The images written so far are intact. Free some space, and run the same "
            f"command again to resume; or give --out a folder on another disk."
        ) from error
    for sentence in flaws(read_entries(folder)) if isinstance(sampler, Composer) else ():
        progress.say(sentence)


def _new_images(
    sampler: Sampler | Composer, facts: dict[str, Any], label: str, first: int, wanted: int, copies: CopyFilter | None
) -> Iterator[tuple[int, Floats32 | ComposedPicture]]:
    """Give `wanted` more images of a class with their indices, from `first` on, batch by batch, without the copies."""
    dropped = kept = 0
    for number in itertools.count(first // sampler.batch):
        if kept >= wanted:
            return
        images, start = sampler.images(facts["seed"], label, number, facts["truncation"]), number * sampler.batch
        new = np.ones(len(images), dtype=bool) if copies is None else _novel(copies, images, sampler)
        begin = max(0, first - start)
        rows = begin + np.flatnonzero(new[begin:])[: wanted - kept]
        yield from ((start + row, images[row]) for row in rows.tolist())
        kept += len(rows)
        dropped += len(images) - begin - len(rows)
        if kept < wanted:
            check_yield(label, kept, dropped)


def _novel(copies: CopyFilter, images: Floats32 | list[ComposedPicture], sampler: Sampler | Composer) -> Bools:
    composed = [image for image in images if isinstance(image, ComposedPicture)]
    if isinstance(sampler, Composer):
        sources = [image.sources for image in composed]
        return copies.novel(sampler.compared(composed), sources, declared_of(composed))
    return copies.novel(np.asarray(images))


def makeable_classes(run: Run, classes: Sequence[str] | None) -> list[str]:
    """Return the classes to make: of `classes`, or all that a run's generator can.

    Raises:
        SettingError: the run cannot make one of `classes`.
    """
    learnt, recipe = list(run.settings.data.classes), run.recipe
    can = learnt if len(learnt) == 1 or recipe.knows_classes else [MIXED]
    if recipe.places:
        can = list(find_checkpoint(run).facts["composition"]["symmetries"])
    if classes is None or list(classes) == can:
        return can
    for label in classes:
        if recipe.places and label not in can and label in learnt:
            raise SettingError(
                f"--classes {label}: the run puts no defect of this class on grounds, so it makes no images of this "
                f"class. It makes: {', '.join(can)}."
            )
        if label not in can and label in learnt:
            raise SettingError(
                f"--classes {label}: recipe {recipe.name} learnt {len(learnt)} classes ({', '.join(learnt)}) as one "
                f"mixture and cannot generate one of them alone. Leave --classes out (the images get the class "
                f"'{MIXED}'), or train a run on that class: flawforge train DATA --classes {shlex.quote(label)} "
                f"--out RUN"
            )
        if label not in can:
            raise SettingError(
                f"--classes {label}: the run was not trained on this class.{did_you_mean(label, learnt)} "
                f"It was trained on: {', '.join(learnt)}."
            )
    return [label for label in can if label in classes]


def _finish(folder: Path, facts: dict[str, Any], n: int, seconds: float) -> None:
    """Write into set.json that all images are there; with ``novel``, how many indices were skipped."""
    if "novel" in facts:
        facts["dropped"] = {label: index - n for label, index in following_indices(folder).items()}
    facts |= {
        "complete": True,
        "manifest_sha256": sha256_file(folder / MANIFEST),
        "made": now(),
        "seconds": round(seconds, 3),
    }
    write_json(folder / FACTS, facts)


def _with_latents(run: Run, truncation: float | None) -> Run:
    """Return the run; refuse a truncation where its recipe has no latents."""
    if truncation is not None and run.recipe.composes:
        raise SettingError(
            f"--truncation draws typical latents, and recipe {run.recipe.name} has no latent that decides an image: it "
            f"joins real images. Leave it out."
        )
    return run


def _check_export(format: str, out: str | Path | None, overwrite: bool) -> Path:
    """Return the folder of an export that is asked for; refuse it before anything is generated.

    Raises:
        SettingError: there is no such format, or no folder is given. RunExistsError: the folder holds something else.
    """
    find_format(format)
    if out is None:
        raise SettingError(f"--format {format} writes an export beside the set; give it a folder with --out.")
    check_place(Path(out), overwrite)
    return Path(out)


def _check(layout: str, **given: float | None) -> None:
    check_numbers(**given)
    if layout not in LAYOUTS:
        raise SettingError(f"--layout is '{layout}'; allowed: {', '.join(LAYOUTS)}.{did_you_mean(layout, LAYOUTS)}")
