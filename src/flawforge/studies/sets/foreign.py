"""Images from anywhere in the place of a run's: a folder or arrays of generated ones, beside real ones.

Which of the real images the generator was trained on only the user can know. Where he does not say it, each of them
may be one: copies of any are found, but nothing can be said of images that were not seen.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flawforge.core.arrays import Ints
from flawforge.core.errors import DataUnusableError, SettingError
from flawforge.core.images import Mode, Pixels, encode_png
from flawforge.core.plural import plural
from flawforge.core.progress import Progress
from flawforge.core.safe_names import safe_name
from flawforge.data.dataset import Dataset
from flawforge.data.decode import Seen
from flawforge.data.inspection.warnings import lost_in_reading
from flawforge.data.reading.load import load_regardless
from flawforge.data.sampling.joined import join
from flawforge.data.threads import in_threads
from flawforge.runs.records import Levelling
from flawforge.studies.sets.foreseen import Foreseen, PixelShelf, held_of
from flawforge.studies.sets.held_out import Against, HeldOut
from flawforge.studies.sets.level_plan import plan_levels
from flawforge.studies.sets.stored import ForeignSet, StoredDataset, store, without

Stack = NDArray[Any] | Sequence[Any]
Arrays = Stack | Mapping[str, Stack]
Images = Dataset | str | Path | Arrays
"""A dataset, a folder, or images: uint8 or uint16 (n, H, W), uint8 (n, H, W, 3), a list of images, or class to such."""


def open_foreign(
    data: Images,
    synthetic: Images,
    train: Images | None,
    held_out: Images | None,
    memory: float,
    keep: ExitStack,
    progress: Progress,
    *,
    structures: bool,
) -> tuple[HeldOut, ForeignSet, Levelling]:
    """Read both sides and level them.

    Args:
        data: the real images.
        synthetic: the generated ones.
        train: those real images that the generator was trained on; None: not known.
        held_out: real images that it was not trained on; None: not known.
        memory: bytes that the levelled images may take; what is beyond waits in a scratch file.
        keep: closes what must stay open as long as the images are read.
        progress: where to tell how far it is.
        structures: see `plan_levels`.

    Returns:
        The real images, levelled, with what was trained on; the generated ones; and what was done to both.

    Raises:
        DataNotFoundError, DataUnusableError: a folder is missing or holds no image; real and generated images are the
        same folder; an image is both trained on and held out. SettingError: arrays that hold no images.
    """
    foreseen, held = Foreseen((data, synthetic), memory / 4), PixelShelf(memory / 4)

    def both(sha256: str, pixels: Pixels) -> None:
        foreseen.see(sha256, pixels)
        held.put(sha256, pixels)

    whole = held_of(_read(data, "DATA", keep, progress, both), held)
    generated = _read(synthetic, "--synthetic", keep, progress, foreseen.see)
    notes = _told(whole, "real") + _told(generated, "generated")
    if whole.root == generated.root and not _apart(whole, generated):
        raise DataUnusableError(
            f"--synthetic {generated.source} is the folder of the real images. Give the folder of generated ones."
        )
    whole, generated, nested = _untangled(whole, generated)
    parts = [
        None if images is None else _read(images, flag, keep, progress, foreseen.see)
        for images, flag in ((train, "--train"), (held_out, "--held-out"))
    ]
    _refuse_generated_held_out(generated, parts[1])
    real = _roles(whole, parts[0], parts[1], progress)
    own, other, levelling = plan_levels(real.data, generated, progress, structures=structures)
    stored = store(real.data, own, memory / 4, "reading real images", progress, foreseen)
    held.clear()
    made = store(generated, other, memory / 2, "reading generated images", progress, foreseen)
    notes = [*nested, *notes, *real.notes]
    return replace(real, data=stored, notes=tuple(notes)), ForeignSet.of(made), levelling


def training_of(real: HeldOut) -> StoredDataset:
    """Return the images that the generator has seen, or may have seen."""
    found = real.data.take(real.training.tolist())
    assert isinstance(found, StoredDataset)
    return found


def _read(images: Images, flag: str, keep: ExitStack, progress: Progress, seen: Seen) -> Dataset:
    if isinstance(images, Dataset):
        found = load_regardless(images)
    elif isinstance(images, (str, Path)):
        found = load_regardless(images, progress=progress, option=flag, seen=seen, apart=True)
    else:
        folder = Path(keep.enter_context(tempfile.TemporaryDirectory(prefix="flawforge-arrays-")))
        _write(images, flag, folder)
        found = replace(load_regardless(folder, progress=progress), source="arrays")
    return found


def _write(images: Arrays, flag: str, folder: Path) -> None:
    """Write arrays as files, so that all that is known of files holds for them too."""
    stacks = images if isinstance(images, Mapping) else {"images": images}
    try:
        empty = not stacks or not all(len(stack) for stack in stacks.values())
    except TypeError:  # a number, None
        empty = True
    if empty:
        raise SettingError(f"{flag} holds no images; allowed: {ALLOWED}.")
    if any(isinstance(stack, np.ndarray) and stack.ndim == 3 and stack.shape[2] == 3 for stack in stacks.values()):
        raise SettingError(f"{flag} holds one image in colour, (H, W, 3), in place of many; put it into a list.")
    for label, stack in stacks.items():
        below = folder / safe_name(str(label))
        below.mkdir()

        def one(row: int, stack: Stack = stack, below: Path = below) -> None:
            try:
                pixels = np.asarray(stack[row])
            except (TypeError, KeyError, ValueError) as error:  # not a list, or of ragged rows
                raise SettingError(
                    f"{flag} holds what is no image in a {type(stack).__name__}; allowed: {ALLOWED}."
                ) from error
            mode = MODES.get((pixels.dtype.name, pixels.ndim, *pixels.shape[2:]))
            if mode is None or not pixels.size:
                raise SettingError(f"{flag} holds an array of {pixels.dtype} {pixels.shape}; allowed: {ALLOWED}.")
            (below / f"{row:06d}.png").write_bytes(encode_png(pixels.astype(pixels.dtype.name), mode, compression=1))

        for _ in in_threads(one, range(len(stack))):
            pass


ALLOWED = "images of uint8 (H, W) or (H, W, 3) or of uint16 (H, W), stacked or in a list, or class -> such images"
MODES: dict[tuple[str | int, ...], Mode] = {("uint8", 2): "L", ("uint8", 3, 3): "RGB", ("uint16", 2): "I;16"}


def _told(dataset: Dataset, side: str) -> list[str]:
    """Return what was passed over in reading."""
    told = [f"Of the {side} images, {sentence}" for sentence in lost_in_reading(dataset)]
    if dataset.broken:
        first = dataset.broken[0]
        files = plural(len(dataset.broken), "file")
        was = "was" if len(dataset.broken) == 1 else "were"
        told.append(f"{files} of the {side} images {was} passed over (such as {first.file}: {first.reason}).")
    return told


def _apart(whole: Dataset, generated: Dataset) -> bool:
    """Say whether two datasets of one folder have no file in common."""
    return not {sample.path for sample in whole.samples} & {sample.path for sample in generated.samples}


def _untangled(whole: Dataset, generated: Dataset) -> tuple[Dataset, Dataset, list[str]]:
    """Take each side's images out of the other, where one folder lies in the other."""
    for inner, outer, name in ((generated, whole, "real"), (whole, generated, "generated")):
        if outer.root not in inner.root.parents:
            continue
        rest = without(outer, inner.root)
        if len(rest) == len(outer):
            continue
        if not len(rest):
            raise DataUnusableError(f"all images of {outer.source} lie in {inner.source}. Give two folders.")
        count = len(outer) - len(rest)
        note = f"{inner.source} lies in {outer.source}; its {count:,} images were not taken for {name} ones."
        return (rest, generated, [note]) if outer is whole else (whole, rest, [note])
    return whole, generated, []


def _refuse_generated_held_out(generated: Dataset, held: Dataset | None) -> None:
    """Refuse held-out images that are among the generated ones: they would be compared with themselves."""
    made = {sample.sha256: sample.file for sample in generated.samples}
    both = [sample for sample in (() if held is None else held.samples) if sample.sha256 in made]
    if held is not None and both:
        raise DataUnusableError(
            f"--held-out {held.source} holds {len(both)} of the images of --synthetic {generated.source} (for example "
            f"{both[0].file} = {made[both[0].sha256]}). Either it is the wrong folder, or the generator has seen them."
        )


def _roles(whole: Dataset, train: Dataset | None, held: Dataset | None, progress: Progress) -> HeldOut:
    """Say of each real image whether it was trained on, was not, or cannot be used as either."""
    learnt = set() if train is None else {sample.sha256 for sample in train.samples}
    unseen = set() if held is None else {sample.sha256 for sample in held.samples}
    if both := learnt & unseen:
        assert held is not None
        first = next(sample.file for sample in held.samples if sample.sha256 in both)
        raise DataUnusableError(
            f"--held-out {held.source} holds {len(both)} of the {len(learnt)} images of --train (for example {first}). "
            f"Compared with images that training has seen, copies look good: take them out."
        )
    every, known = whole, {sample.sha256 for sample in whole.samples}
    for part in (train, held):
        if part is None:
            continue
        new = [row for row, sample in enumerate(part.samples) if sample.sha256 not in known]
        known |= {part.samples[row].sha256 for row in new}
        every = join(every, part.take(new), whole.source) if new else every
    groups = every.groups(progress)
    contents = np.array([sample.sha256 for sample in every.samples])
    held_rows = np.isin(contents, list(unseen))
    trained = np.isin(contents, list(learnt)) if train is not None else ~held_rows
    if held is not None and not trained.any():
        raise DataUnusableError(
            f"--held-out {held.source} holds all real images, so none is left that the generator may have seen. Give "
            f"as DATA, or with --train DIR, those that it was trained on."
        )
    rest = held_rows if held is not None else ~trained
    rows = np.flatnonzero(rest & ~np.isin(groups, groups[trained]))
    against, notes = _words(train, held, trained, rest, rows)
    source = " ".join(part.fingerprint for part in (whole, train, held) if part is not None)
    return HeldOut(every, groups, np.flatnonzero(trained), rows, against, source, tuple(notes))


def _words(
    train: Dataset | None, held: Dataset | None, trained: NDArray[np.bool_], rest: NDArray[np.bool_], rows: Ints
) -> tuple[Against, list[str]]:
    """Return what the generated images are compared with, and what it costs not to know more, a sentence each."""
    total = int(trained.sum())
    if train is None and held is None:
        return "unknown", [
            f"Which of the {total:,} real images the generator was trained on was not said, so each may be one. Copies "
            f"of any of them are looked for. Not tested: whether the set as a whole lies nearer to its training images "
            f"than new images do; and copies would look good in the score. To know more, give the images that it was "
            f"trained on with --train DIR, or others with --held-out DIR."
        ]
    given = f"--train: {total:,}" if train is not None else f"all but the held-out ones: {total:,}"
    notes = [f"Images that the generator was trained on, as you say it ({given})."]
    if not len(rows):
        why = "all real images were trained on" if not rest.any() else "all others show the same specimens"
        return "training", [*notes, f"No held-out images: {why}. Give others with --held-out DIR."]
    notes.append(f"Held-out images: {len(rows):,} real images that were not used for training, as you say it.")
    if left := int(rest.sum()) - len(rows):
        notes.append(f"{left:,} more show the same specimens as training images and are left out.")
    return "given" if held is not None else "held-out", notes
