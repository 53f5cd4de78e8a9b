"""The folder of a synthetic set, and the names in it: empty, to be resumed, or of another set."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

from flawforge.core.errors import RunExistsError
from flawforge.core.files import explain_os_errors, remove_parts, sha256_file, write_json
from flawforge.core.progress import Progress
from flawforge.core.rejections import REJECTIONS
from flawforge.core.safe_names import safe_name
from flawforge.runs.set_files import (
    BY_HAND,
    FACTS,
    MANIFEST,
    MASKS,
    SUPPORTS,
    ByHand,
    ManifestEntry,
    read_entries,
    read_facts,
)

Layout = Literal["classes", "flat"]
LAYOUTS: tuple[Layout, ...] = ("classes", "flat")


def image_file(label: str, index: int, layout: Layout) -> str:
    """Return an image's path below the set's folder: ``scratches/scratches_000012.png``; flat: without the folder."""
    name = safe_name(label)
    file = f"{name}_{index:06d}.png"
    return f"{name}/{file}" if layout == "classes" else file


def is_image_file(file: str, label: str) -> bool:
    """Say whether a file's name (without folders) is one that `image_file` gives to images of this class."""
    return re.fullmatch(re.escape(safe_name(label)) + r"_\d{6,}\.png", file) is not None


# What two sets must share.
SAME = ("seed", "checkpoint", "truncation", "layout", "compression", "white", "novel", "placing")


def prepare_folder(folder: Path, wanted: dict[str, Any], overwrite: bool, progress: Progress) -> int:
    """Make a folder ready for the set that is `wanted` (the content of set.json); return how many images it has.

    A set of the same settings with as many images or fewer is resumed, once its files are checked: `wanted` is then
    given the version that made it. With `overwrite`, one that another version made is replaced.

    Raises:
        RunExistsError: the folder holds another set (without `overwrite`), or files that are no set's.
        RunUnwritableError: it cannot be written.
    """
    with explain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    done = _keep_set(folder, wanted, overwrite, progress) if (folder / FACTS).is_file() else _keep_none(folder)
    if done < wanted["n"]:  # before anything else: without it, what lies here after a full disk belongs to no set
        write_json(folder / FACTS, wanted)
    with explain_os_errors(folder):
        files = [folder / image_file(label, 0, wanted["layout"]) for label in wanted["classes"]]
        for home in {folder, *(file.parent for file in files)}:
            home.mkdir(exist_ok=True)
            remove_parts(home)
        if done == 0:
            (folder / MANIFEST).unlink(missing_ok=True)
    return done


def _keep_none(folder: Path) -> int:
    strangers = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if strangers:
        raise RunExistsError(
            f"{folder} holds files that belong to no synthetic set ({', '.join(strangers[:3])}). "
            f"Give --out a folder that is empty or does not exist yet."
        )
    return 0


def _keep_set(folder: Path, wanted: dict[str, Any], overwrite: bool, progress: Progress) -> int:
    """Keep the set in the folder as far as it is the one that is wanted, or remove it; return how many images stay."""
    found = read_facts(folder)
    differences, version = _differences(found, wanted), found.get("version")
    if differences and not overwrite:
        raise RunExistsError(
            f"{folder} already holds a synthetic set made with other settings ({'; '.join(differences)}). "
            f"To replace it, use flawforge generate with --overwrite; to keep both, give another --out."
        )
    if overwrite and not differences and version != wanted["version"]:
        by = f"version {version}" if version else "an earlier version"
        progress.say(
            f"{folder} was made by {by} of Flawforge; its images are made again by version {wanted['version']}"
        )
        differences = [by]
    if differences:
        _clear(folder, found)
        return 0
    if done := _keep_whole(folder, wanted, progress):
        wanted["version"] = version
    return done


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    out = [f"{key} {found.get(key)} instead of {wanted.get(key)}" for key in SAME if found.get(key) != wanted.get(key)]
    if found.get(BY_HAND):
        out.append(f"chosen by hand: {ByHand(**found[BY_HAND])}")
        return out
    classes, asked = found["classes"], wanted["classes"]
    if list(classes) != list(asked):
        out.append(f"classes {', '.join(classes)} instead of {', '.join(asked)}")
    elif any(classes[label] > asked[label] for label in classes):
        out.append(f"{found['n']} images instead of {wanted['n']}")
    return out


def _keep_whole(folder: Path, wanted: dict[str, Any], progress: Progress) -> int:
    """Cut the manifest before the first line that is not as expected or whose file is not; return how many are left."""
    if not (folder / MANIFEST).is_file():
        return 0
    expected = ((label, index) for label, count in wanted["classes"].items() for index in range(count))
    kept = size = 0
    edited = ""
    last: tuple[str, int] | None = None
    checking = progress.task("checking the existing images", wanted["n"], "images")
    with checking as task, (folder / MANIFEST).open("rb") as lines:
        for (label, index), line in zip(expected, lines, strict=False):
            entry = None
            try:
                entry = ManifestEntry.read(line.decode("utf-8", "replace")) if line.endswith(b"\n") else None
            except ValueError as error:
                edited = str(error)
            if entry is not None and wanted.get("novel"):  # copies were passed over, so indices only rise
                after = last[1] if last is not None and last[0] == label else -1
                index = max(entry.index, after + 1)
            file = image_file(label, index, wanted["layout"])
            as_planned = entry is not None and (entry.label, entry.index, entry.file) == (label, index, file)
            path = folder / file
            if entry is None or not (as_planned and path.is_file() and sha256_file(path) == entry.sha256):
                break
            last = (label, index)
            kept += 1
            size += len(line)
            task.advance()
    if edited:
        progress.warn(
            f"{folder / MANIFEST}, line {kept + 1} cannot be read: {edited}; the images from there on are made again"
        )
    if kept < wanted["n"] or size != (folder / MANIFEST).stat().st_size:
        with explain_os_errors(folder / MANIFEST):
            os.truncate(folder / MANIFEST, size)
    return kept


def following_indices(folder: Path) -> dict[str, int]:
    """Return the index after the last one that the manifest names, for each class in it."""
    if not (folder / MANIFEST).is_file():
        return {}
    return {entry.label: entry.index + 1 for entry in read_entries(folder)}


def _clear(folder: Path, found: dict[str, Any]) -> None:
    """Remove a set's images, then its manifest, then set.json; files of other names stay."""
    layout: Layout = found["layout"]
    beside = folder / MASKS, folder / SUPPORTS
    with explain_os_errors(folder):
        write_json(folder / FACTS, {**found, "complete": False})  # killed from here on, it is no complete set
        for label in found["classes"]:
            for base in (folder, *beside):
                home = base / safe_name(label) if layout == "classes" else base
                for path in list(home.glob("*.png")):
                    if is_image_file(path.name, label):
                        path.unlink()
                if home not in (folder, *beside) and home.is_dir() and not any(home.iterdir()):
                    home.rmdir()
        for base in beside:
            if base.is_dir() and not any(base.iterdir()):
                base.rmdir()
        (folder / REJECTIONS).unlink(missing_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        (folder / FACTS).unlink()
