"""Making a set's manifest and ``set.json`` say what is in its folder: after a choice by hand, or to repair them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

from flawforge.core.errors import RunBrokenError
from flawforge.core.files import list_files, sha256_file, write_json, write_text
from flawforge.core.locks import FolderLock
from flawforge.core.plural import plural
from flawforge.core.progress import Progress
from flawforge.core.safe_names import safe_name
from flawforge.data.decode import examine
from flawforge.runs.set_files import BY_HAND, FACTS, LOCK, MANIFEST, ByHand, ManifestEntry, read_facts
from flawforge.studies.sets import SyntheticSet
from flawforge.studies.synthesis.resume import is_image_file


def sync_set(folder: Path, command: str, wait: bool, progress: Progress) -> SyntheticSet:
    """Write the manifest anew, a line for each image that is there, also for those that had none; and say what it is.

    Raises:
        RunNotFoundError: there is no complete set. RunBrokenError: no image of it is left. FolderBusyError: another
            process writes it, and `wait` is False.
    """
    if not (folder / FACTS).is_file():
        return SyntheticSet.open(folder)  # which says what is missing
    with FolderLock(folder, LOCK, command, wait, progress):
        return _sync(folder, progress)


def _sync(folder: Path, progress: Progress) -> SyntheticSet:
    if not (folder / MANIFEST).is_file():
        write_text(folder / MANIFEST, "")
    facts, torn, unlisted = read_facts(folder), 0, list[ManifestEntry]()
    if facts.get("complete"):
        lines, torn = _readable(folder)
        unlisted = _unlisted(folder, facts, lines)
        if unlisted or torn:
            write_text(
                folder / MANIFEST, "".join([*(f"{line}\n" for line in lines), *(one.line() for one in unlisted)])
            )
    found = SyntheticSet.open(folder, own=True)
    entries = list(found.files.listed())
    if not found.files.changed and len(entries) == facts["n"]:
        progress.say(f"{folder}: the manifest lists all {len(entries)} images that are there")
        return found
    counts = Counter(entry.label for entry in entries)
    order = list(dict.fromkeys([*facts["classes"], *counts]))
    if unlisted:  # they stand at the end, and belong between the others
        entries.sort(key=lambda entry: (order.index(entry.label), entry.index))
    text = "".join(entry.line() for entry in entries)
    by_hand = replace(found.by_hand, generated=max(found.by_hand.generated, len(entries)), rejected=0)
    classes = {label: counts[label] for label in order if counts[label]}
    manifest = hashlib.sha256(text.encode()).hexdigest()
    facts = {**found.facts, "n": len(entries), "classes": classes, "manifest_sha256": manifest}
    if by_hand:
        facts[BY_HAND] = {key: count for key, count in asdict(by_hand).items() if key != "rejected"}  # in its own file
    write_text(folder / MANIFEST, text)
    write_json(folder / FACTS, facts)
    progress.say(
        f"{folder}: the manifest lists the {len(entries)} images that are there" + _told(by_hand, len(unlisted), torn)
    )
    return SyntheticSet.open(folder, own=True)


def _told(by_hand: ByHand, unlisted: int, torn: int) -> str:
    told = f"; chosen by hand: {by_hand}" if by_hand else ""
    told += f"; {unlisted} had no line" if unlisted else ""
    return told + (f"; {plural(torn, 'line')} could not be read" if torn else "")


def _readable(folder: Path) -> tuple[list[str], int]:
    """Return the manifest's lines without those that cannot be read, and how many these are.

    Raises:
        RunBrokenError: there are such, and the images are composed: of what, only the manifest says.
    """
    kept, torn = list[str](), list[tuple[int, str]]()
    composed = False
    text = (folder / MANIFEST).read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
        try:
            entry = ManifestEntry.read(line)
        except ValueError as error:
            torn.append((number, str(error)))
            continue
        composed = composed or (entry is not None and bool(entry.sources or entry.ground))
        kept.append(line)
    if torn and composed:
        number, why = torn[0]
        raise RunBrokenError(
            f"{folder / MANIFEST}, line {number} cannot be read: {why}. What its image was composed of stands nowhere "
            f"else: mend the line, or delete both the line and the image."
        )
    return kept, len(torn)


def _unlisted(folder: Path, facts: dict[str, object], lines: list[str]) -> list[ManifestEntry]:
    """Return an entry for each image file of the set that no line of the manifest names."""
    listed = {entry.file for entry in map(ManifestEntry.parse, lines) if entry is not None}
    entries = []
    for label in facts["classes"]:  # type: ignore[attr-defined]
        home = folder / safe_name(label) if facts["layout"] == "classes" else folder
        for path in list_files(home, "*.png"):
            file = path.relative_to(folder).as_posix()
            if file in listed or not is_image_file(path.name, label):
                continue
            image, index = examine(path), int(re.findall(r"\d+", path.stem)[-1])
            mode = "I;16" if image.mode.startswith("I") else image.mode
            origin = int(str(facts["seed"])), index, str(facts["checkpoint"])
            entries.append(ManifestEntry(file, label, *origin, sha256_file(path), image.width, image.height, mode))
    return entries
