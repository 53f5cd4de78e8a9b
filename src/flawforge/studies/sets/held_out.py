"""The real images that a score compares with: those that training did not see, where there are any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flawforge.core.arrays import Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.progress import Progress
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.sampling.joined import join
from flawforge.runs.folder import Run
from flawforge.studies.sets.training_images import load_whole, training_rows

Against = Literal["held-out", "given", "training"]


@dataclass(frozen=True)
class Real:
    """Training and reference images, as rows of one dataset that holds both.

    Attributes:
        data: the dataset.
        groups: (N,) group numbers over all of it.
        training: rows that the run was trained on.
        reference: rows to compare with: no group of `training`, unless `against` is ``training``.
        against: what the reference is.
        source: fingerprint of all images that were found, before any choice.
        notes: what a reader must know about it, a sentence each.
    """

    data: Dataset
    groups: Ints
    training: Ints
    reference: Ints
    against: Against
    source: str
    notes: tuple[str, ...]

    def labels(self, rows: Ints) -> NDArray[np.str_]:
        """Return the class names of rows."""
        return np.array([self.data.samples[row].label for row in rows], dtype=np.str_)


def find_real(
    run: Run, data: Dataset | str | Path | None, held_out: Dataset | str | Path | None, progress: Progress
) -> Real:
    """Find the training images again, and real ones of other groups.

    With `held_out`, its images count, less those of a training group. Otherwise, where the run was trained on a part of
    each class (`--shots`), the rest of the classes' images does, less those of a training group. Otherwise the training
    images themselves.

    Raises:
        DataNotFoundError: the images are gone. DataUnusableError: the training images have changed, or `held_out`
        holds training images.
    """
    whole = load_whole(run, data, progress)
    part, training = training_rows(run, whole, progress)
    if held_out is not None:
        return _given(run, whole, part.take(training), load(held_out, progress=progress), progress)
    groups = part.groups(progress)
    unused = np.flatnonzero(~np.isin(groups, groups[training]))
    if len(unused):
        dropped = len(part) - len(training) - len(unused)
        notes = [f"Compared with {len(unused):,} real images of the same classes that training did not see."]
        if dropped:
            notes.append(f"{dropped:,} others show the same pieces of material as training images and are left out.")
        judges = set(run.settings.get("judging", {}).get("samples", ()))
        if known := sum(part.samples[row].sha256 in judges for row in unused):
            notes.append(f"Training chose its best weights by {known:,} of them, though it never learnt from them.")
        return Real(part, groups, np.array(training), unused, "held-out", whole.fingerprint, tuple(notes))
    rows = np.array(training)
    others = len(part) - len(training)
    why, cure = "training used all real images", "train with --shots"
    if others:
        why, cure = f"the {others:,} others show the same pieces of material as they do", "train with fewer --shots"
    notes = [
        f"Compared with the training images themselves, because {why}: copying would lower the distances. Keep real "
        f"images of other pieces back (--held-out DIR, or {cure}) for a score that copying cannot improve."
    ]
    return Real(part, groups, rows, rows, "training", whole.fingerprint, tuple(notes))


def _given(run: Run, whole: Dataset, training: Dataset, given: Dataset, progress: Progress) -> Real:
    """Join training and given images, find the groups over both, and refuse what training has seen."""
    known = {sample.sha256: sample.file for sample in training.samples}
    more = run.settings.get("unlabelled", {}).get("samples", [])
    known |= dict.fromkeys(more, "an unlabelled one")
    leaked = [(sample.file, known[sample.sha256]) for sample in given.samples if sample.sha256 in known]
    if leaked:
        raise DataUnusableError(
            f"--held-out {given.source} holds {len(leaked)} of the {len(training) + len(more)} training images "
            f"(as {leaked[0][0]} = {leaked[0][1]}). A score against images that training has seen rewards copying: "
            f"take them out."
        )
    joined = join(training, given)
    groups = joined.groups(progress)
    own = {str((training.root / sample.file).resolve()) for sample in training.samples}
    seen = np.array([str(joined.root / sample.file) in own for sample in joined.samples])
    training_rows = np.flatnonzero(seen)
    rows = np.flatnonzero(~seen & ~np.isin(groups, groups[training_rows]))
    if not len(rows):
        raise DataUnusableError(
            f"--held-out {given.source}: every image there shows the same piece of material as a training image. "
            f"Give images of other pieces."
        )
    notes = [f"Compared with {len(rows):,} real images from {given.source} that training did not see."]
    if dropped := int((~seen).sum()) - len(rows):
        notes.append(f"{dropped:,} others there show the same pieces of material as training images and are left out.")
    source = f"{whole.fingerprint} {given.fingerprint}"
    return Real(joined, groups, training_rows, rows, "given", source, tuple(notes))
