"""A synthetic set on the disk: generated images, a manifest that says where each came from, and ``set.json``.

`as_dataset` gives it as a PyTorch dataset, to train one's own model on.
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from flawforge.core.errors import RunBrokenError, RunNotFoundError, RunUnwritableError, SettingError
from flawforge.core.images import Pixels, as_planes, in_channels, resize, to_unit
from flawforge.core.locks import FolderLock
from flawforge.core.progress import SILENT, Progress
from flawforge.data.decode import read_image
from flawforge.runs.folder import Run
from flawforge.runs.folder_errors import not_found
from flawforge.runs.set_files import FACTS, LOCK, MANIFEST, ByHand, ManifestEntry, SetFiles, read_facts, sync_command


@dataclass(frozen=True)
class SyntheticSet:
    """A complete synthetic set: the images of it that are there.

    Attributes:
        folder: where it is.
        n: number of images.
        facts: the content of set.json, with `n` and `classes` as they are there.
        files: what was found in the folder.
    """

    folder: Path
    n: int
    facts: dict[str, Any]
    files: SetFiles

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the manifest's lines of what is there: it names the set in records."""
        return self.files.fingerprint

    @property
    def by_hand(self) -> ByHand:
        """What a person removed or sorted; true where anything was."""
        return self.files.by_hand

    @property
    def notes(self) -> list[str]:
        """What a reader of any judgement of the set must know of it, a sentence each."""
        return [self.by_hand.note] if self.by_hand else []

    @classmethod
    def open(
        cls,
        place: SyntheticSet | Run | str | Path,
        *,
        wait: bool | None = None,
        own: bool = False,
        progress: Progress = SILENT,
    ) -> SyntheticSet:
        """Open the set of a run, or the one in a folder. One that another process is writing now is waited for with
        `wait`; None: the caller has no such option to advise. `own`: the caller itself holds the set's lock.

        Raises:
            RunNotFoundError: there is none, or it is not complete. RunBrokenError: no manifest or no image is left.
            FolderBusyError: it is being written.
        """
        if isinstance(place, SyntheticSet):
            return place
        folder, run = _locate(place)
        files = _look(folder)
        if not own and (files is None or not files.complete):  # perhaps another process is at it
            with suppress(RunUnwritableError):  # where nobody can write, nobody does
                FolderLock(folder, LOCK, "", wait, progress).check()
            files = _look(folder)
        if files is None and run is None:
            raise not_found(folder, "synthetic set")
        if files is None:
            raise RunNotFoundError(
                f"there is no synthetic set in {folder}. "
                f"Generate one with: flawforge generate {shlex.quote(str(run))} -n 64"
            )
        facts = files.facts
        if not facts["complete"]:
            raise RunNotFoundError(
                f"the synthetic set in {folder} is not complete: it was interrupted before all {facts['n']} images "
                f"were written. Run the same command again to resume: {facts['command']}"
            )
        if not (folder / MANIFEST).is_file():
            raise RunBrokenError(f"{folder / MANIFEST} is gone. Make it again with: {sync_command(folder)}")
        if not facts["n"]:
            raise RunBrokenError(
                f"none of the {files.by_hand.generated} images of the synthetic set in {folder} is there. Generate "
                f"them again with: {facts['command']}"
            )
        return cls(folder, int(facts["n"]), facts, files)

    def __len__(self) -> int:
        """Return the number of images."""
        return self.n

    def entries(self) -> Iterator[ManifestEntry]:
        """Read the manifest line by line, in the order of classes and indices; only what is there."""
        return self.files.entries()

    def white(self, entry: ManifestEntry) -> int:
        """Return the pixel value of white in an image's file."""
        return int(self.facts["white"]) if entry.mode == "I;16" else 255

    def read(self, entry: ManifestEntry) -> Pixels:
        """Return an image's pixels, (H, W) gray or (H, W, 3), 0 to `white`: uint8, or uint16 for ``I;16``.

        Raises:
            ImageBrokenError: the file is gone or damaged.
        """
        return read_image(self.folder / entry.file, bits=16 if entry.mode == "I;16" else 8, white=self.white(entry))

    def decoded(self, entry: ManifestEntry, bits: int) -> Pixels:
        """Return an image's pixels with these bits, 8 or 16, whatever its file has; errors as `read`."""
        return read_image(self.folder / entry.file, bits=bits, white=int(self.facts["white"]))


def by_hand_in(folder: Path) -> ByHand:
    """Return what a person changed in a folder of images; nothing where it is no set of ours. Errors as `open`."""
    return SyntheticSet.open(folder).by_hand if (folder / FACTS).is_file() else ByHand(0)


def _look(folder: Path) -> SetFiles | None:
    """Return what is in a set's folder; None where there is no ``set.json``."""
    try:
        facts = read_facts(folder)
    except FileNotFoundError:
        return None
    return SetFiles.look(folder, facts) if facts["complete"] else SetFiles(folder, facts, ByHand(0), "", changed=True)


def _locate(place: Run | str | Path) -> tuple[Path, Path | None]:
    """Return the set's folder, and the run's when a run was named."""
    run = place if isinstance(place, Run) else Run(place)
    if isinstance(place, Run) or run.settings_file.is_file():
        return run.synthetic, run.path
    return run.path, None


class SyntheticImages(Dataset[tuple[Tensor, int]]):
    """Generated images, decoded when they are asked for; made by `as_dataset`.

    Attributes:
        classes: class names, in the order of their numbers.
        class_to_index: class name to number.
        targets: the number of each image's class.
    """

    def __init__(
        self, source: SyntheticSet, size: tuple[int, int] | None, channels: int | None, class_to_index: dict[str, int]
    ) -> None:
        self.source = replace(source, folder=source.folder.absolute())  # so that it survives os.chdir
        self.size, self.class_to_index = size, class_to_index
        self.entries = list(source.entries())
        self.channels = channels or (3 if any(entry.mode == "RGB" for entry in self.entries) else 1)
        self.classes = sorted(class_to_index, key=lambda label: class_to_index[label])
        self.targets = [class_to_index[entry.label] for entry in self.entries]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> tuple[Tensor, int]: ...
    @overload
    def __getitem__(self, index: slice) -> SyntheticImages: ...
    def __getitem__(self, index: int | slice) -> tuple[Tensor, int] | SyntheticImages:
        """Return the image as float32 (C, H, W) in [-1, 1], and its class's number; of a slice a dataset of them."""
        if isinstance(index, slice):
            part = copy.copy(self)
            part.entries, part.targets = self.entries[index], self.targets[index]
            return part
        entry = self.entries[index]
        pixels = self.source.read(entry)
        if self.channels == 1:
            pixels = in_channels(pixels, 1)
        if self.size is not None:
            pixels = resize(pixels, *self.size)
        white = self.source.white(entry)
        values = to_unit(np.minimum(pixels, white), white)
        planes = as_planes(values)
        if self.channels == 3 and len(planes) == 1:
            planes = planes.repeat(3, axis=0)
        return torch.from_numpy(np.ascontiguousarray(planes)), self.targets[index]


def as_dataset(
    run: SyntheticSet | Run | str | Path,
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    class_to_index: Mapping[str, int] | None = None,
) -> SyntheticImages:
    """Return a synthetic set as a `torch.utils.data.Dataset` of (image, label).

    The image is a float32 tensor (C, H, W) in [-1, 1], the label an `int`. Files are decoded when they are
    asked for, in the loader's workers too. It can be joined with one's own images::

        both = torch.utils.data.ConcatDataset([own, flawforge.as_dataset(run, class_to_index=own.class_to_idx)])

    Args:
        run: a run, a set's folder, or what `flawforge.generate` returned.
        size: (height, width), or one number for both; None keeps each image's own size, which a loader can only batch
            when all are equal.
        channels: 1 takes the luma of colour images, 3 repeats gray; None takes 1 when all files are gray, else 3.
        class_to_index: the number of each class, to agree with one's own; None numbers the classes from 0 in
            alphabetical order.

    Raises:
        RunNotFoundError: there is no complete synthetic set.
        SettingError: a class has no number in `class_to_index`, or `size` or `channels` is outside its range.
    """
    source = SyntheticSet.open(run)
    labels = sorted(source.facts["classes"])
    numbers = dict(class_to_index) if class_to_index is not None else {label: i for i, label in enumerate(labels)}
    missing = [label for label in labels if label not in numbers]
    if missing:
        raise SettingError(
            f"class_to_index has no number for class '{missing[0]}' of {source.folder}; it has "
            f"{', '.join(numbers) or 'none'}. Add one, e.g. class_to_index={{**yours, '{missing[0]}': 0}}"
        )
    if channels not in (None, 1, 3):
        raise SettingError(f"channels is {channels}; allowed: 1, 3, or None for that of the files.")
    sides = (size, size) if isinstance(size, int) else size
    if sides is not None and (len(sides) != 2 or min(sides) < 1):
        raise SettingError(f"size is {size}; it is a number of pixels, or (height, width), each from 1.")
    return SyntheticImages(source, sides, channels, numbers)
