"""Records: the JSON results that a report is drawn from. One class a kind, frozen and checked like settings."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from flawforge.core.errors import RunNotFoundError, RunUnwritableError
from flawforge.core.files import FORMAT, explain_os_errors, read_model, write_json
from flawforge.core.locks import FolderLock
from flawforge.core.progress import SILENT, Progress
from flawforge.runs.folder import Run

Z = 1.959963984540054  # 97.5 % quantile of the normal distribution


class Record(BaseModel):
    """Base of all records: when, with which version and command, from which inputs.

    Attributes:
        made: UTC time in ISO 8601.
        versions: package name to version.
        command: the command line that made it, or the call.
        inputs: name to content hash of what the result depends on; equal inputs and settings mean that the study
            need not be done again.
        data_warnings: what is wrong with the labels or pixels of the images, a sentence or two each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    made: str
    versions: dict[str, str]
    command: str
    inputs: dict[str, str]
    data_warnings: list[str] = []


class RecordPart(BaseModel):
    """Base of the parts of a record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Levelled(RecordPart):
    """One thing about files, not surfaces, in which real and generated images may differ.

    Attributes:
        what: size, file format, colour, depth, ...
        real: how it is with the real images.
        generated: how it is with the generated ones.
        done: what was done to both so that it decides nothing; empty where they agree.
    """

    what: str
    real: str
    generated: str
    done: str


class Levelling(RecordPart):
    """What reading and storing did to the images, and how that was levelled on both sides before they were compared.

    Attributes:
        resolution: (height, width) at which they are compared.
        channels: 1: gray, 3: colour.
        quality: of the JPEG encoding that both sides passed; None: none.
        coarser: ``real`` or ``generated``: structure finer than `resolution` shows is weak or missing on that side, and
            on the other it is not; empty: neither.
        differences: what was looked at.
        steps: what a reader must know of it, a sentence each.
    """

    resolution: tuple[int, int]
    channels: int
    quality: int | None = None
    coarser: Literal["", "real", "generated"] = ""
    differences: list[Levelled] = []
    steps: list[str] = []


class Share(RecordPart):
    """A count of images with the 95% interval of the share behind it (Wilson 1927), which holds at 0 and at 1 too."""

    count: int
    total: int
    low: float
    high: float

    @classmethod
    def of(cls, count: int | None, total: int) -> Share | None:
        """Return `count` of `total` images with the interval; None where nothing was measured."""
        if count is None or total == 0:
            return None
        share, squared = count / total, Z**2 / total
        middle = share + squared / 2
        reach = sqrt(squared * share * (1 - share) + squared**2 / 4)
        low, high = (middle - reach) / (1 + squared), (middle + reach) / (1 + squared)
        return cls(count=count, total=total, low=low if count else 0.0, high=high if count < total else 1.0)


R = TypeVar("R", bound=Record)


def record_file(run: Run, kind: str) -> Path:
    """Return the path of a record, e.g. ``records/audit.json``."""
    return run.records / f"{kind}.json"


def save_record(run: Run, kind: str, record: Record) -> Path:
    """Write a record of a run atomically and return its path."""
    return write_record(record_file(run, kind), record)


@contextlib.contextmanager
def record_place(
    run: Run, kind: str, out: str | Path | None, command: str, wait: bool, progress: Progress = SILENT
) -> Iterator[Run]:
    """Make sure, before the work, that a record can be kept, and give the run with the outputs where they are kept.

    Args:
        run: the run that is judged.
        kind: of the record; one is written at a time.
        out: folder for it; None is the run's own. Where that cannot be written, the outputs go into a folder that is
            removed at the end, and a warning says so.
        command: what others are told that wait for it.
        wait: wait for another process that writes such a record there.
        progress: where to warn.

    Raises:
        FolderBusyError: another process writes such a record there. RunUnwritableError: `out` cannot be written.
    """
    with contextlib.ExitStack() as stack:
        here = run.with_outputs(run.path if out is None else out)
        try:
            stack.enter_context(FolderLock(here.outputs, kind, command, wait, progress))
        except RunUnwritableError:
            if out is not None:
                raise
            progress.warn(
                f"{run.path} cannot be written: the {kind} will be shown, but not kept. To keep it, give a folder "
                f"with --out."
            )
            here = run.with_outputs(stack.enter_context(tempfile.TemporaryDirectory(prefix="flawforge-")))
        yield here


def write_record(path: Path, record: Record) -> Path:
    """Write a record atomically into a file, whose folder is made, and return the path."""
    with explain_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record.model_dump(mode="json"))
    return path


def load_record(run: Run, kind: str, cls: type[R]) -> R:
    """Read a record.

    Raises:
        RunNotFoundError: the run has none. RunBrokenError: it is damaged or of another format.
    """
    command = f"flawforge {kind} {shlex.quote(str(run.path))}"
    missing = f"{run.path} has no {kind} record. Make it with: {command}"
    return read_record(record_file(run, kind), cls, missing, f"Make it again with: {command}")


def read_record(path: Path, cls: type[R], missing: str, again: str) -> R:
    """Read the file of a record.

    Args:
        path: the file.
        cls: class of the record.
        missing: what to say when there is no such file.
        again: how to make the record again, a sentence.

    Raises:
        RunNotFoundError: there is none. RunBrokenError: it is damaged or of another format.
    """
    if not path.is_file():
        raise RunNotFoundError(missing)
    return read_model(path, cls, again)
