"""What audit and score judge: the set of a run, or images from anywhere; and where the result is kept."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.errors import RunNotFoundError, SettingError
from flawforge.core.folder_kinds import an_image_in, kinds_in
from flawforge.core.locks import FolderLock
from flawforge.core.progress import Progress
from flawforge.data.dataset import Dataset
from flawforge.data.levelling import files_quality
from flawforge.data.reading.elpv import WORDS
from flawforge.runs.folder import Run
from flawforge.runs.judged.judgements import begin_judgement
from flawforge.runs.records import Levelling, record_place
from flawforge.studies.sets.declared_sources import DeclaredSources
from flawforge.studies.sets.foreign import Images, open_foreign, training_of
from flawforge.studies.sets.held_out import HeldOut, find_held_out, find_training, load_whole
from flawforge.studies.sets.levelling import levelling_of_run
from flawforge.studies.sets.matched_images import Channels, MatchedImages
from flawforge.studies.sets.synthetic_set import SyntheticSet

FLIPS = {  # what training did to real images, by the recipe's setting
    "none": ("identity",),
    "horizontal": ("identity", "flip-horizontal"),
    "vertical": ("identity", "flip-vertical"),
    "both": ("identity", "flip-horizontal", "flip-vertical", "turn-180"),
}


@dataclass(frozen=True)
class Judged:
    """What audit and score judge.

    Attributes:
        real: the real images, and which of them were trained on.
        training: what the generator has learnt from, or may have.
        generated: the set.
        matched: both, in the form in which they are compared.
        flips: what training may have done to real images.
        folder: where records and their pictures go.
        kept: whether that stays.
        fingerprint: of the images that were trained on, without unlabelled ones.
        levelling: what was done to both sides.
        run: whose set it is, or None.
        whole: all images of the place that its training images came from, or None.
    """

    real: HeldOut
    training: Dataset
    generated: SyntheticSet
    matched: MatchedImages
    flips: tuple[str, ...]
    folder: Path
    kept: bool
    fingerprint: str
    levelling: Levelling
    run: Run | None = None
    whole: Dataset | None = None

    def declared(self, groups: Ints, progress: Progress) -> list[Ints]:
        """Return for each generated image the rows of `training` of which it says that it is composed; mostly none.

        Args:
            groups: (N,) of `training`.
            progress: where to tell how far it is.
        """
        if self.run is None or self.whole is None:
            return [np.zeros(0, np.int64)] * len(self.generated)
        sources = DeclaredSources(self.run, self.whole, self.training, groups, progress)
        return [sources.rows(entry.sources, [entry.ground_sha256]) for entry in self.matched.entries]

    @property
    def notes(self) -> list[str]:
        """What a reader of the record must know of the images, a sentence each."""
        return [*self.generated.notes, *self.real.notes, *self.levelling.steps]

    @property
    def inputs(self) -> dict[str, str]:
        """Content hashes of what is compared, by name."""
        return {"synthetic": self.generated.fingerprint, "data": self.fingerprint, "real": self.real.source}

    @property
    def records(self) -> Path:
        """The folder of the records."""
        return self.folder / "records"


@contextmanager
def open_judged(
    subject: Run | Images,
    *,
    kind: str,
    data: Dataset | str | Path | None,
    train: Images | None,
    held_out: Images | None,
    synthetic: Images | None,
    out: str | Path | None,
    wait: bool,
    command: str,
    channels: Channels,
    memory: float,
    structures: bool,
    progress: Progress,
) -> Iterator[Judged]:
    """Open what is to be judged: a run's set, or with real images in the run's place the images of `synthetic`.

    `kind` is of the record, and the command that a message advises; the rest are arguments of `audit` and `score`.

    Raises:
        RunNotFoundError: no run, or no complete synthetic set, and no real images with `synthetic` either.
        DataNotFoundError, DataUnusableError, SettingError: see `find_held_out` and `open_foreign`.
    """
    with ExitStack() as keep:
        if _is_run(subject, synthetic, train, kind):
            run = subject if isinstance(subject, Run) else Run.open(_path(subject))
            if train is not None:
                raise SettingError(f"--train is for images from elsewhere, and {run.path} is a run. Leave it out.")
            here = keep.enter_context(record_place(run, kind, out, command, wait, progress))
            generated = SyntheticSet.open(here if synthetic is None else _path(synthetic), wait=wait, progress=progress)
            yield _of_run(here, generated, data, held_out, channels, progress)
        else:
            if data is not None:
                raise SettingError("--data says where a run's images are now; without a run, give them as DATA alone.")
            if out is not None:
                begin_judgement(Path(out))
                keep.enter_context(FolderLock(Path(out), kind, command, wait, progress))
            yield _of_images(subject, synthetic, train, held_out, out, channels, memory, structures, keep, progress)


def _is_run(subject: Run | Images, synthetic: Images | None, train: Images | None, verb: str) -> bool:
    if isinstance(subject, Run):
        return True
    if not isinstance(subject, (str, Path)):
        return False
    if str(subject) in WORDS or (synthetic is not None and "run" not in kinds_in(Path(subject))):
        return False
    path = Path(subject)
    if synthetic is None and "run" not in kinds_in(path) and not kinds_in(path) and path.is_dir() and an_image_in(path):
        raise _no_run(path, train, verb)
    return True


def _no_run(path: Path, train: Images | None, verb: str) -> RunNotFoundError:
    told = isinstance(train, (str, Path))  # which images are real: then these are what was generated
    real, made = (Path(str(train)), shlex.quote(str(path))) if told else (path, "DIR")
    data, run = (shlex.quote(str(folder)) for folder in (real, real.with_name(f"{real.name}-run")))
    return RunNotFoundError(
        f"{path} is a folder of images, no run. To judge generated images from any other tool, name the real ones "
        f"first: flawforge {verb} {data} --synthetic {made}. A run is made by: flawforge train {data} --out {run}"
    )


def _path(images: Any) -> Path:
    if isinstance(images, (str, Path)):
        return Path(images)
    raise SettingError(f"a {type(images).__name__} is no folder; a run takes folders and datasets.")


def _of_run(
    run: Run,
    generated: SyntheticSet,
    data: Dataset | str | Path | None,
    held_out: Images | None,
    channels: Channels,
    progress: Progress,
) -> Judged:
    whole = load_whole(run, data, progress)
    training = find_training(run, whole, progress)
    given = held_out if held_out is None or isinstance(held_out, Dataset) else str(_path(held_out))
    real = find_held_out(run, whole, given, progress)
    quality = files_quality(real.data.samples)
    matched = MatchedImages(training, generated, run.recipe.resolution, run.settings.channels, channels, quality)
    return Judged(
        real=real,
        training=training,
        generated=generated,
        matched=matched,
        flips=FLIPS[run.recipe.flip],
        folder=run.outputs,
        kept=True,
        fingerprint=run.settings.data.fingerprint,
        levelling=levelling_of_run(matched),
        run=run,
        whole=whole,
    )


def _of_images(
    subject: Any,
    synthetic: Images | None,
    train: Images | None,
    held_out: Images | None,
    out: str | Path | None,
    channels: Channels,
    memory: float,
    structures: bool,
    keep: ExitStack,
    progress: Progress,
) -> Judged:
    if synthetic is None:
        raise SettingError("--synthetic is missing: it is the folder of generated images that DATA are compared with.")
    real, generated, levelling = open_foreign(
        subject, synthetic, train, held_out, memory, keep, progress, structures=structures
    )
    training = training_of(real)
    folder = (
        Path(out) if out is not None else Path(keep.enter_context(tempfile.TemporaryDirectory(prefix="flawforge-")))
    )
    return Judged(
        real=real,
        training=training,
        generated=generated,
        matched=MatchedImages(training, generated, levelling.resolution, levelling.channels, channels),
        flips=FLIPS["both"],
        folder=folder,
        kept=out is not None,
        fingerprint=training.fingerprint,
        levelling=levelling,
    )
