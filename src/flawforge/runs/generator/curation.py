"""Rejecting images of a synthetic set, and keeping them again. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from flawforge.core.errors import RunBrokenError, RunNotFoundError, SettingError, did_you_mean
from flawforge.core.locks import FolderLock
from flawforge.core.rejections import write_rejections
from flawforge.runs.folder import Run
from flawforge.runs.folder_errors import not_found
from flawforge.runs.set_files import FACTS, LOCK, ManifestEntry, SetFiles, read_facts

ALL = "all"


def curate(
    run: Run | str | Path,
    *,
    reject: Sequence[str | int] = (),
    keep: Sequence[str | int] = (),
    wait: bool | None = None,
    command: str = "flawforge.curate(...)",
) -> SetFiles:
    """Reject images of a synthetic set, or keep rejected ones again.

    The files stay; ``rejected.json`` beside the manifest names them. `as_dataset`, `export`, `audit`, `score`, `trial`
    and `report` pass over rejected images, and say that the set was chosen by hand.

    Args:
        run: a run with a set, or a set's folder.
        reject: images, as ``class/number``, by their path or name below the set's folder, or by the number alone where
            only one class has it.
        keep: likewise; ``all`` keeps every image again. It goes first.
        wait: wait for another process that writes the set, instead of an error.
        command: what others are told who want to write meanwhile.

    Returns:
        The set as it is now: ``facts`` with the images that are left, ``by_hand`` with what was changed, ``rejected``.

    Raises:
        RunNotFoundError: there is no complete set. SettingError: an image that it does not have or that may be several,
            or none would be left. FolderBusyError: another process writes it. RunUnwritableError, DiskFullError: the
            disk.
    """
    run = run if isinstance(run, Run) else Run(Path(run))
    folder = run.synthetic if run.settings_file.is_file() else run.path
    before = _look(folder)
    if not (reject or keep):
        return before
    with FolderLock(folder, LOCK, command, wait):
        before = _look(folder)
        names = _names(before.listed())
        back = before.rejected if ALL in keep else {_find(str(word), names, folder) for word in keep}
        gone = {_find(str(word), names, folder) for word in reject}
        if ALL not in keep and (both := sorted(back & gone)):
            raise SettingError(f"{both[0]} is both to be rejected and to be kept.")
        rejected = (before.rejected - back) | gone
        if not any(entry.file not in rejected for entry in before.listed()):
            raise SettingError(f"that would reject all {len(rejected)} images in {folder}: keep at least one.")
        write_rejections(folder, rejected)
        return _look(folder)


def _look(folder: Path) -> SetFiles:
    if not (folder / FACTS).is_file():
        raise not_found(folder, "synthetic set")
    facts = read_facts(folder)
    if not facts["complete"]:
        raise RunNotFoundError(f"the synthetic set in {folder} is not complete. Resume it with: {facts['command']}")
    files = SetFiles.look(folder, facts)
    if next(files.listed(), None) is None:
        raise RunBrokenError(f"no image of the synthetic set in {folder} is there. Generate: {facts['command']}")
    return files


def _names(entries: Iterator[ManifestEntry]) -> dict[str, list[str]]:
    """Return the names that an image may be given by, each with the images that have it."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        path = PurePosixPath(entry.file)
        own = {entry.file, path.name, path.stem, f"{entry.label}/{entry.index}", str(entry.index)}
        for name in own:
            names.setdefault(name, []).append(entry.file)
    return names


def _find(word: str, names: dict[str, list[str]], folder: Path) -> str:
    found = names.get(word, [])
    if len(found) == 1:
        return found[0]
    if found:
        raise SettingError(f"'{word}' may be {found[0]} or {found[1]}. Name it as class/number, or by its path.")
    raise SettingError(f"there is no image '{word}' in {folder}.{did_you_mean(word, names)} Name it as class/number.")
