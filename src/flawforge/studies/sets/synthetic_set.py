"""A synthetic set on the disk: generated images, a manifest that says where each came from, and ``set.json``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.core.files import read_json, sha256_file
from flawforge.core.images import Pixels
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
