"""Records: the JSON results that a report is drawn from. One class a kind, frozen and checked like settings."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from flawforge.core.errors import RunNotFoundError, RunUnwritableError
from flawforge.core.files import FORMAT, explain_os_errors, read_model, write_json
from flawforge.core.locks import FolderLock
from flawforge.core.progress import SILENT, Progress
from flawforge.runs.folder import Run


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
        coarser: ``real`` or ``generated``: that side holds no structure finer than `resolution` shows, and the other
            does; empty: neither.
        differences: what was looked at.
        steps: what a reader must know of it, a sentence each.
    """

    resolution: tuple[int, int]
    channels: int
    quality: int | None = None
    coarser: Literal["", "real", "generated"] = ""
    differences: list[Levelled] = []
    steps: list[str] = []


class Alignment(RecordPart):
    """The training image that a generated one agrees with best, laid onto it.

    Attributes:
        file: path of the training image below the dataset's root.
        score: copy score: 0 for unlike images, 0.3 and more for copies.
        rank_p: share of real images that score as high against other groups, by rank; never below 1 / (groups + 1).
        p: the same beyond the rank's reach, by a fitted tail.
        copied: whether the image is flagged as a copy, at the record's false-alarm rate for the whole set.
        symmetry: how the training image lies: ``identity``, ``flip-horizontal``, ``turn-90``, ...
        tilt: degrees, 0 to 45, that it is turned beside that.
        negative: whether the generated image shows its negative.
        scale: its size as the generated image shows it; above 1 it was enlarged.
        shift: (right, down) of its middle, in percent of the image's sides.
        matrix: six numbers (a, b, c, d, e, f): the point (x, y) of the generated image, -1 to 1 over its sides, shows
            the training image at (a x + b y + c, d x + e y + f).
        picture: PNG of it as aligned, below the run folder, or None.
    """

    file: str
    score: float
    rank_p: float
    p: float
    copied: bool
    symmetry: str
    tilt: float = 0.0
    negative: bool = False
    scale: float
    shift: tuple[float, float]
    matrix: list[float]
    picture: str | None = None


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
        from scipy.stats import binomtest

        low, high = binomtest(count, total).proportion_ci(method="wilson")
        return cls(count=count, total=total, low=float(low), high=float(high))


class Copying(RecordPart):
    """The calibrated search for copies.

    Attributes:
        verdict: ``copies found (n of N)``, ``no copying detected``, ``too few images to tell``, or ``inconclusive``
            where most planted copies are missed. In records of older versions ``no evidence of copying (...)`` and
            ``cannot tell on images like these``.
        found: images flagged as copies.
        alarm_rate: chance that any image is flagged in a set without copies, at most.
        threshold: lowest score that is flagged where it is the only one; None when no score would be.
        image_threshold: score that an image which is no copy exceeds with probability 0.01; None when that cannot be
            stated.
        real: reference scores: of real images against training images of other groups.
        generated: scores of the generated images, in the manifest's order.
        groups: groups that the reference scores rest on.
        set_aside: real images without a reference score, because they plainly show the same specimen as one of another
            group.
        planted: altered copies of training images that were scored as a test of the audit itself.
        recovered: of them, flagged.
        detectable: share of copies that would have been detected with 95% probability; None when none would.
        called: `found` of the generated images, with its interval; computed where an older record is read.
        above: generated images at or above `image_threshold`, likewise.
    """

    verdict: str
    found: int
    alarm_rate: float
    threshold: float | None
    image_threshold: float | None
    real: list[float]
    generated: list[float]
    groups: int
    set_aside: int = 0
    planted: int
    recovered: int
    detectable: float | None
    called: Share | None = Field(default_factory=lambda data: Share.of(data["found"], len(data["generated"])))
    above: Share | None = Field(default_factory=lambda data: _above(data["image_threshold"], data["generated"]))


def _above(threshold: float | None, generated: list[float]) -> Share | None:
    return Share.of(None if threshold is None else sum(score >= threshold for score in generated), len(generated))


class Diversity(RecordPart):
    """Are the generated images different from each other?

    Attributes:
        looked_at: generated images that were compared with each other.
        repeats: of them, near-duplicates: nearer to another generated one than half the distance that all but 1% of
            real images have to one of another group. None where it is not measured, and so are the others.
        clusters: groups of generated images that such nearness chains together; an image alone is one.
        largest: images in the largest cluster.
        vendi: effective number of different images among `vendi_n` generated ones.
        vendi_real: the same for as many training images.
        vendi_n: images that both Vendi scores rest on.
        sentence: the outcome in plain words.
    """

    looked_at: int
    repeats: int | None = None
    clusters: int | None = None
    largest: int | None = None
    vendi: float | None = None
    vendi_real: float | None = None
    vendi_n: int = 0
    sentence: str


class SetTest(RecordPart):
    """One test of the whole set.

    Attributes:
        name: ``C_T``, ``authenticity``, ``DCR share``, ``FID triangle``, ``calibrated distance``.
        effect: its statistic; None when not measured.
        expected: the value without copying; None when there is none.
        p: chance of one so extreme without copying; None when not measured.
        adjusted: the same, corrected for all the tests that were done (Holm): the chance that any of them is so extreme
            without copying is no larger. None when not measured, and in records of older versions.
        note: what it means, or why it was not measured.
    """

    name: str
    effect: float | None = None
    expected: float | None = None
    p: float | None = None
    adjusted: float | None = None
    note: str


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
        chosen_by_hand: how a person changed the set, in half a sentence; empty where nobody did.
        composed: generated images that declare of which training images they are composed.
        levelling: how real and generated images were brought to one form; None in records of older versions.
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
    chosen_by_hand: str = ""
    composed: int = 0
    levelling: Levelling | None = None
    exact: Share | None = Field(default_factory=lambda data: Share.of(data["exact_copies"], data["n_generated"]))
    nearer: Share | None = Field(default_factory=lambda data: Share.of(data["nearer_than_real"], data["n_generated"]))


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
