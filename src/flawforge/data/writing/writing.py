"""The folder that is being written: made aside, and put in its place when it is whole."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from flawforge import __version__
from flawforge.core.errors import RunExistsError
from flawforge.core.files import ASIDE, explain_os_errors, read_json, read_json_lines, sha256_file
from flawforge.core.folder_kinds import kinds_in, refuse_taken
from flawforge.core.progress import SILENT, Progress
from flawforge.data.writing.exported_image import PARTS, ExportedImage, Part

Content = bytes | str | Callable[[BinaryIO], object]
FACTS, MANIFEST = "export.json", "manifest.jsonl"


@dataclass
class Writing:
    """Pictures on their way into a folder.

    Attributes:
        pictures: what is written.
        folder: where to; None: nothing is written, only `files` is filled.
        progress: where to tell how far it is.
        files: each file that was written, below the folder, with the name of the picture that it belongs to, if any.
        notes: what the format could not say, a sentence each.
        inside: for formats that put images into archives: name of a picture to its path there.
    """

    pictures: Sequence[ExportedImage]
    folder: Path | None
    progress: Progress = SILENT
    files: dict[str, str] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes of defects, sorted: those of the pictures and of what is marked in them."""
        labels = {picture.label for picture in self.pictures if not picture.good}
        return tuple(sorted(labels.union(*(picture.marked for picture in self.pictures))))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the split that have pictures."""
        there = {picture.part for picture in self.pictures}
        return tuple(part for part in PARTS if part in there)

    def each(self, part: Part | None = None) -> Iterator[ExportedImage]:
        """Go through the pictures, of one part or all, and tell how far it is."""
        chosen = [picture for picture in self.pictures if part in (None, picture.part)]
        return self.progress.each("writing", chosen, "images")

    def save(
        self, file: str, data: bytes | str | Callable[[BinaryIO], object], picture: ExportedImage | None = None
    ) -> None:
        """Write one file.

        Args:
            file: its path below the folder.
            data: its content, or a function that writes it; that is called only where something is written.
            picture: the picture that it belongs to.
        """
        self.files[file] = picture.name if picture is not None else ""
        if self.folder is None:
            return
        path = self.folder / file
        with explain_os_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as out:
                if callable(data):
                    data(out)
                else:
                    out.write(data.encode() if isinstance(data, str) else data)

    def save_image(self, file: str, picture: ExportedImage) -> None:
        """Write the image file of a picture; the first of its files."""
        self.save(file, lambda out: out.write(picture.data()), picture)

    def finish(self, facts: dict[str, Any]) -> None:
        """Write the manifest, a line a picture, and the facts about the whole."""
        of: dict[str, list[str]] = {}
        for file, name in self.files.items():
            of.setdefault(name, []).append(file)
        lines = []
        for picture in self.pictures:
            own = of.get(picture.name, [])
            line: dict[str, Any] = {"file": self.inside.get(picture.name) or own[0]}
            line |= {"class": picture.label, "part": picture.part}
            line = {**line, **picture.origin, **self._to_mend(picture, own), "files": own}
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
        self.save(MANIFEST, "".join(lines))
        about = {"flawforge": __version__, **facts, "files": of.get("", [])}
        self.save(FACTS, json.dumps(about, indent=2, ensure_ascii=False) + "\n")

    def _to_mend(self, picture: ExportedImage, own: Sequence[str]) -> dict[str, Any]:
        """Return what a picture's label files hold where nobody drew its masks, so that mended ones are known."""
        if "mask" not in picture.origin or self.folder is None:
            return {}
        return {"labels": {file: sha256_file(self.folder / file) for file in own[1:]}}


def check_place(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that may not be written into.

    Raises:
        RunExistsError: as `refuse_taken`; or it holds files that are not of the export that is there.
    """
    refuse_taken(folder, "dataset export", overwrite, hidden=True)
    if "dataset export" not in kinds_in(folder):
        return
    strangers = sorted(_found(folder) - _known(folder))
    if strangers:
        raise RunExistsError(
            f"{folder} holds an export and {len(strangers):,} files that are not of it (such as {strangers[0]}). "
            f"Replacing it would delete them: move them away first, or give --out another folder."
        )


@contextlib.contextmanager
def written_aside(folder: Path, overwrite: bool) -> Iterator[Path]:
    """Give an empty folder beside `folder`, which takes its place in the end; after an error nothing has changed.

    Raises:
        RunExistsError: as `check_place`. RunUnwritableError, DiskFullError: the disk.
    """
    check_place(folder, overwrite)
    with explain_os_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=ASIDE, dir=folder.parent))
    try:
        yield aside
        check_place(folder, overwrite)
        with explain_os_errors(folder):
            aside.chmod(0o755)
            if folder.is_dir() and any(folder.iterdir()):
                old = aside.with_name(f"{aside.name}.old")
                folder.rename(old)
                aside.rename(folder)
                shutil.rmtree(old)
            else:
                aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _found(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def _known(folder: Path) -> set[str]:
    """Return the files that an export's own lists name."""
    named = [read_json(folder / FACTS), *read_json_lines(folder / MANIFEST)]
    lists = [line.get("files") for line in named if isinstance(line, dict)]
    files = (file for one in lists if isinstance(one, list) for file in one)
    return {FACTS, MANIFEST, *(file for file in files if isinstance(file, str))}
