"""What a synthetic set's folder holds: ``set.json``, a manifest with a line for each image, and the images.

What is there counts. People delete the images that they dislike, or put one into the folder of another class; then the
set is `ByHand`, and all that judges it says so. Nothing here needs torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from flawforge.core.errors import RunBrokenError
from flawforge.core.files import read_json
from flawforge.core.rejections import read_rejections
from flawforge.core.safe_names import safe_name
from flawforge.runs.manifests.fields import read_fields

SET_FORMAT = 1
MANIFEST = "manifest.jsonl"
FACTS = "set.json"
MASKS = "masks"  # folder in a set's: of what is marked in composed images, white on black, named as these are
SUPPORTS = "supports"  # likewise: of all pixels that were changed where a defect was placed
LOCK = "synthetic set"  # the part of its folder that whoever writes it locks
BY_HAND = "chosen_by_hand"  # key in set.json, from `flawforge generate --sync`


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
        sources: of a composed image, the files of the training images whose details it shows: it is made of them by
            design, and being like them is no copying.
        light: of a composed image, the file of the image whose light it shows; empty: its sources' own.
        clipped: of a composed image, the share of its pixels that came out darker than black or lighter than white.
        mask: path of the mask image, below the set's folder; empty: there is none.
        boxes: of what is in it, each (class, left, top, right, bottom in pixels, whether a part was cut away).
        ground: of a placed defect, the file of the real image that it was put on: outside `support` it is unchanged.
        ground_sha256: of the ground's pixels, as `flawforge.data.sample.ImageFacts` has it.
        support: path of the image of all changed pixels, below the set's folder.
        placed: how the defect was placed: strength, corner and what else was drawn.
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
    sources: tuple[str, ...] = ()
    light: str = ""
    clipped: float = 0.0
    mask: str = ""
    boxes: tuple[tuple[str, int, int, int, int, bool], ...] = ()
    ground: str = ""
    ground_sha256: str = ""
    support: str = ""
    placed: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Return the manifest's line, with its newline."""
        usual = {field.name: field.default for field in fields(self)}
        values = {key: value for key, value in vars(self).items() if value != usual[key] and value != {}}
        values = {("class" if key == "label" else key): value for key, value in values.items()}
        return json.dumps(values, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, line: str) -> ManifestEntry | None:
        """Read a line; None where it is none of ours. Raises ValueError where it is and cannot be read: why."""
        values = read_fields(line)
        if values is None:
            return None
        boxes = tuple((name, *corners) for name, *corners in values.pop("boxes", ()))
        values |= {"label": values.pop("class"), "sources": tuple(values.get("sources", ())), "boxes": boxes}
        return cls(**values)

    @classmethod
    def parse(cls, line: str) -> ManifestEntry | None:
        """Read a line; None when it is not whole."""
        try:
            return cls.read(line)
        except ValueError:
            return None


@dataclass(frozen=True)
class ByHand:
    """How a person changed a set.

    Attributes:
        generated: images that the generator made.
        removed: of them that are no longer where they were.
        moved: of them that lie in the folder of another class of the set, and count for that class.
        rejected: of them that are there and were rejected (`flawforge curate`).
    """

    generated: int
    removed: int = 0
    moved: int = 0
    rejected: int = 0

    def __bool__(self) -> bool:
        """Whether anything was changed."""
        return bool(self.removed or self.moved or self.rejected)

    def __str__(self) -> str:
        """Say it in half a sentence: ``3 of 64 images were removed``."""
        parts = [(self.rejected, "rejected"), (self.removed, "removed"), (self.moved, "put into another class")]
        return " and ".join(
            f"{count} of {self.generated} images {'was' if count == 1 else 'were'} {word}"
            for count, word in parts
            if count
        )

    @property
    def note(self) -> str:
        """What a reader of any judgement must know; empty where nothing was changed."""
        if not self:
            return ""
        return f"Chosen by hand: {self}. What follows holds for this choice, not for all that the generator makes."


@dataclass(frozen=True)
class SetFiles:
    """The images of a complete set that are there and not rejected.

    Attributes:
        folder: of the set.
        facts: the content of set.json, with `n` and `classes` as they are there.
        by_hand: what a person changed.
        fingerprint: SHA-256 of the manifest's lines of what is there.
        changed: whether the manifest says something else than what is there; `flawforge generate --sync` writes it
            anew.
        rejected: images that are there and were rejected.
    """

    folder: Path
    facts: dict[str, Any]
    by_hand: ByHand
    fingerprint: str
    changed: bool
    rejected: frozenset[str] = frozenset()
    _doubled: bool = field(default=False, repr=False)

    @classmethod
    def look(cls, folder: Path, facts: dict[str, Any]) -> SetFiles:
        """Compare the lines of the manifest with the files and with the number in `facts`, and count what is there.

        Memory does not grow with the number of images, unless lines are doubled.

        Raises:
            RunBrokenError: a line of a complete set was edited and cannot be read.
        """
        doubled = sum(1 for _ in _lines(folder, facts)) != facts["n"]
        asked, rejected = read_rejections(folder), set()
        listed, digest, classes, moved = hashlib.sha256(), hashlib.sha256(), Counter[str](), 0
        for entry, elsewhere in _there(folder, facts, doubled):
            line = entry.line().encode()
            listed.update(line)
            if entry.file in asked:
                rejected.add(entry.file)
                continue
            digest.update(line)
            classes[entry.label] += 1
            moved += elsewhere
        before = facts.get(BY_HAND) or {}
        generated = int(before.get("generated", facts["n"]))
        n, moved = sum(classes.values()), moved + int(before.get("moved", 0))
        by_hand = ByHand(generated, max(0, generated - n - len(rejected)), moved, len(rejected))
        known = {label: classes[label] for label in facts.get("classes", {}) if classes[label]}
        there = {
            **facts,
            "n": n,
            "classes": {**known, **{label: n for label, n in classes.items() if label not in known}},
        }
        changed = listed.hexdigest() != facts.get("manifest_sha256")
        return cls(folder, there, by_hand, digest.hexdigest(), changed, frozenset(rejected), doubled)

    @property
    def complete(self) -> bool:
        """Whether all is there that was generated, where it was."""
        return bool(self.facts["complete"] and self.facts["n"]) and not self.by_hand

    def entries(self) -> Iterator[ManifestEntry]:
        """Read the entries of the images that are there and not rejected, in the manifest's order."""
        return (entry for entry in self.listed() if entry.file not in self.rejected)

    def listed(self) -> Iterator[ManifestEntry]:
        """Read the entries of all images that are there, rejected ones too."""
        return (entry for entry, _ in _there(self.folder, self.facts, self._doubled))


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


def sync_command(folder: Path) -> str:
    """Return the command that writes the manifest anew from what is there."""
    run = folder.parent if folder.name == "synthetic" else Path("RUN")
    out = "" if folder.name == "synthetic" else f" --out {shlex.quote(str(folder))}"
    return f"flawforge generate {shlex.quote(str(run))} --sync{out}"


def _lines(folder: Path, facts: dict[str, Any]) -> Iterator[ManifestEntry]:
    """Read every line that is one of ours, whatever stands between them and however lines end."""
    with (
        contextlib.suppress(FileNotFoundError),  # it is being replaced
        (folder / MANIFEST).open(encoding="utf-8", errors="replace") as file,
    ):
        for number, line in enumerate(file, 1):
            try:
                entry = ManifestEntry.read(line)
            except ValueError as error:
                if not facts.get("complete"):  # the last one is being written
                    continue
                raise RunBrokenError(
                    f"{folder / MANIFEST}, line {number} cannot be read: {error}. Mend it. Or, unless images are "
                    f"composed, write the manifest anew with: {sync_command(folder)}"
                ) from None
            if entry is not None:
                yield entry


def _there(folder: Path, facts: dict[str, Any], doubled: bool) -> Iterator[tuple[ManifestEntry, bool]]:
    """Give each image that is there once, with whether it lies in the folder of another class."""
    seen: set[str] = set()
    homes = {safe_name(label): label for label in facts.get("classes", {})}
    for entry in _lines(folder, facts):
        if doubled:
            if entry.file in seen:
                continue
            seen.add(entry.file)
        if (folder / entry.file).is_file():
            yield entry, False
            continue
        home, _, name = entry.file.rpartition("/")
        moved = (f"{other}/{name}" for other in homes if home and other != home)
        if found := next((file for file in moved if (folder / file).is_file()), None):
            yield replace(entry, file=found, label=homes[found.rpartition("/")[0]]), True
