"""Records: the JSON results that a report is drawn from. One class a kind, frozen and checked like settings."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.core.files import read_json, write_json
from flawforge.runs.copying import Alignment, Copying, Diversity, SetTest, Share
from flawforge.runs.folder import Run

RECORD_FORMAT = 1


class Record(BaseModel):
    """Base of all records: when, with which version and command, from which inputs.

    Attributes:
        made: UTC time in ISO 8601.
        versions: package name to version.
        command: the command line that made it, or the call.
        inputs: name to content hash of what the result depends on; equal inputs and settings mean that the study
            need not be done again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = RECORD_FORMAT
    made: str
    versions: dict[str, str]
    command: str
    inputs: dict[str, str]


class RecordPart(BaseModel):
    """Base of the parts of a record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Neighbour(RecordPart):
    """One training image near to a generated one.

    Attributes:
        file: path below the dataset's root.
        distance: Euclidean, over the compared channels at the compared size, values in [-1, 1].
        transform: what was done to the training image: ``identity``, ``flip-horizontal``, ``flip-vertical``,
            ``turn-180``.
        picture: PNG of it as compared, below the run folder, or None when no picture was kept.
    """

    file: str
    distance: float
    transform: str
    picture: str | None = None


class Pair(RecordPart):
    """A generated image and its nearest training images, nearest first; `likeness` is the best alignment, if known."""

    file: str
    neighbours: list[Neighbour]
    picture: str | None = None
    likeness: Alignment | None = None


class Distances(RecordPart):
    """Distances to the nearest image of a set, one for each image of another.

    Attributes:
        nearest: Euclidean distances, values in [-1, 1].
        quantiles: of `nearest`, by name: ``min``, ``5%``, ``25%``, ``50%``, ``75%``, ``95%``, ``max``.
    """

    nearest: list[float]
    quantiles: dict[str, float]


class AuditRecord(Record):
    """Are the generated images copies? Pixel distances beside those between real images, and a calibrated verdict.

    Attributes:
        k: neighbours ranked per generated image.
        channels: ``first`` (as published) or ``all``.
        resolution: (height, width) at which images were compared: the one that the network was trained at.
        transforms: what training did to real images, over which the minimum was taken.
        generated_to_real: each generated image to its nearest training image, over `transforms`.
        real_to_real: each training image to the nearest one of another group, over `transforms`. None when the data
            have one group only.
        exact_copies: generated images that equal a training image (under a transform) in every compared pixel.
        nearer_than_real: generated images nearer to a training image than any two real images of different groups are.
            None without `real_to_real`.
        root_mean_square: factor that turns a distance into root-mean-square gray levels of 255.
        pairs: every generated image with its neighbours, the nearest pair first; pictures for the first ones.
        sentence: the outcome in plain words.
        copying: the calibrated search for altered copies; None in records of older versions.
        diversity: whether the generated images differ among themselves.
        tests: tests of the set as a whole.
        notes: which held-out images they compare with, or why there are none, a sentence each.
        exact: `exact_copies` of the generated images, with its interval; computed where an older record is read.
        nearer: `nearer_than_real`, likewise.
    """

    kind: Literal["audit"] = "audit"
    k: int
    channels: Literal["first", "all"]
    resolution: tuple[int, int]
    transforms: list[str]
    n_generated: int
    n_training: int
    n_groups: int
    generated_to_real: Distances
    real_to_real: Distances | None
    exact_copies: int
    nearer_than_real: int | None
    root_mean_square: float
    pairs: list[Pair]
    sentence: str
    copying: Copying | None = None
    diversity: Diversity | None = None
    tests: list[SetTest] = []
    notes: list[str] = []
    exact: Share | None = Field(default_factory=lambda data: Share.of(data["exact_copies"], data["n_generated"]))
    nearer: Share | None = Field(default_factory=lambda data: Share.of(data["nearer_than_real"], data["n_generated"]))


R = TypeVar("R", bound=Record)


def record_file(run: Run, kind: str) -> Path:
    """Return the path of a record, e.g. ``records/audit.json``."""
    return run.records / f"{kind}.json"


def save_record(run: Run, kind: str, record: Record) -> Path:
    """Write a record atomically and return its path."""
    path = record_file(run, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record.model_dump(mode="json"))
    return path


def load_record(run: Run, kind: str, cls: type[R]) -> R:
    """Read a record.

    Raises:
        RunNotFoundError: the run has none. RunBrokenError: it is damaged or of another format.
    """
    path = record_file(run, kind)
    command = f"flawforge {kind} {shlex.quote(str(run.path))}"
    missing = f"{run.path} has no {kind} record. Make it with: {command}"
    return read_record(path, cls, missing, f"Make it again with: {command}")


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
    try:
        value: Any = read_json(path)
    except RunBrokenError as error:
        raise RunBrokenError(f"{error} {again}") from None
    if isinstance(value, dict) and value.get("format") != RECORD_FORMAT:
        raise RunBrokenError(f"{path} has format {value.get('format')!r}; this version reads {RECORD_FORMAT}. {again}")
    try:
        return cls.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = f" at {'.'.join(map(str, first['loc']))}" if first["loc"] else ""
        raise RunBrokenError(f"{path} is damaged: {first['msg']}{where}. {again}") from None
