"""A synthetic set on the disk: generated images, a manifest that says where each came from, and ``set.json``.

`as_dataset` gives it as a PyTorch dataset, to train one's own model on.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from flawforge.core.errors import RunBrokenError, RunNotFoundError, SettingError
from flawforge.core.files import read_json, sha256_file
from flawforge.core.images import Pixels, resize, to_gray, to_unit
from flawforge.data.decode import read_image
from flawforge.runs.folder import Run
from flawforge.runs.folder_errors import not_found

SET_FORMAT = 1
MANIFEST = "manifest.jsonl"
FACTS = "set.json"


@dataclass(frozen=True)
class ManifestEntry:
    """One generated image.

    Attributes:
        file: path below the set's folder, with forward slashes.
        label: its class (``class`` in the manifest).
        seed: of the set.
        index: of the image within its class; with class and seed it names the latent.
        checkpoint: name of the weights: the file's stem and the first 12 digits of its SHA-256.
        sha256: of the file.
        width: in pixels.
        height: in pixels.
        mode: ``L``, ``RGB`` or ``I;16``.
    """

    file: str
    label: str
    seed: int
    index: int
    checkpoint: str
    sha256: str
    width: int
    height: int
    mode: str

    def line(self) -> str:
        """Return the manifest's line, with its newline."""
        values = {("class" if key == "label" else key): value for key, value in vars(self).items()}
        return json.dumps(values, ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, line: str) -> ManifestEntry | None:
        """Read a line; None when it is not whole."""
        try:
            values = json.loads(line)
            return cls(**{("label" if key == "class" else key): value for key, value in values.items()})
        except (json.JSONDecodeError, TypeError, AttributeError):
            return None


@dataclass(frozen=True)
class SyntheticSet:
    """A complete synthetic set.

    Attributes:
        folder: where it is.
        n: number of images.
        facts: the content of set.json.
    """

    folder: Path
    n: int
    facts: dict[str, Any]

    @classmethod
    def open(cls, place: SyntheticSet | Run | str | Path) -> SyntheticSet:
        """Open the set of a run, or the one in a folder.

        Raises:
            RunNotFoundError: there is none, or it is not complete. RunBrokenError: its manifest was changed.
        """
        if isinstance(place, SyntheticSet):
            return place
        folder, run = _locate(place)
        if run is None and not (folder / FACTS).is_file():
            raise not_found(folder, "synthetic set")
        if not (folder / FACTS).is_file():
            raise RunNotFoundError(
                f"there is no synthetic set in {folder}. "
                f"Generate one with: flawforge generate {shlex.quote(str(run))} -n 64"
            )
        facts = read_facts(folder)
        if not facts["complete"]:
            raise RunNotFoundError(
                f"the synthetic set in {folder} is not complete: it was interrupted before all {facts['n']} images "
                f"were written. Run the same command again to resume: {facts['command']}"
            )
        manifest = folder / MANIFEST
        if not manifest.is_file() or sha256_file(manifest) != facts["manifest_sha256"]:
            raise RunBrokenError(
                f"{manifest} has changed since the set was generated. Repair the set with the command that generated "
                f"it: {facts['command']}"
            )
        return cls(folder, int(facts["n"]), facts)

    def __len__(self) -> int:
        """Return the number of images."""
        return self.n

    def entries(self) -> Iterator[ManifestEntry]:
        """Read the manifest line by line, in the order of classes and indices."""
        return read_entries(self.folder)

    def white(self, entry: ManifestEntry) -> int:
        """Return the pixel value of white in an image's file."""
        return int(self.facts["white"]) if entry.mode == "I;16" else 255

    def read(self, entry: ManifestEntry) -> Pixels:
        """Return an image's pixels, (H, W) gray or (H, W, 3), 0 to `white`: uint8, or uint16 for ``I;16``.

        Raises:
            ImageBrokenError: the file is gone or damaged.
        """
        return read_image(self.folder / entry.file, bits=16 if entry.mode == "I;16" else 8, white=self.white(entry))


def read_facts(folder: Path) -> dict[str, Any]:
    """Read a set's ``set.json``.

    Raises:
        RunBrokenError: it is damaged, or of a format that this version does not know.
    """
    path = folder / FACTS
    facts = read_json(path)
    if not isinstance(facts, dict) or facts.get("format") != SET_FORMAT:
        found = facts.get("format") if isinstance(facts, dict) else None
        raise RunBrokenError(f"{path} has format {found!r}; this version of Flawforge reads format {SET_FORMAT}.")
    return facts


def read_entries(folder: Path) -> Iterator[ManifestEntry]:
    """Read a set's manifest up to the first line that is not whole."""
    with (folder / MANIFEST).open(encoding="utf-8", errors="replace") as file:
        for line in file:
            entry = ManifestEntry.parse(line) if line.endswith("\n") else None
            if entry is None:
                return
            yield entry


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
        self.source, self.size, self.class_to_index = source, size, class_to_index
        self.entries = list(source.entries())
        self.channels = channels or (3 if any(entry.mode == "RGB" for entry in self.entries) else 1)
        self.classes = sorted(class_to_index, key=lambda label: class_to_index[label])
        self.targets = [class_to_index[entry.label] for entry in self.entries]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.entries)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return the image as float32 (C, H, W) in [-1, 1], and its class's number."""
        entry = self.entries[index]
        pixels = self.source.read(entry)
        if self.channels == 1 and pixels.ndim == 3:
            pixels = to_gray(pixels)
        if self.size is not None:
            pixels = resize(pixels, *self.size)
        white = self.source.white(entry)
        values = to_unit(np.minimum(pixels, white), white)
        planes = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
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
