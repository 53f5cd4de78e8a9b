"""The real images of a run: the training images, found again, and held-out ones, which training did not see.

Audit and score compare with the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flawforge.core.arrays import Ints
from flawforge.core.errors import DataNotFoundError, DataUnusableError, RunBrokenError, SettingError
from flawforge.core.progress import Progress
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load, place_again
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.sampling.joined import join
from flawforge.data.sampling.unlabelled import as_unlabelled, find_unlabelled
from flawforge.runs.folder import Run
from flawforge.training.estimated_masks import with_saved_masks


def load_whole(run: Run, data: Dataset | str | Path | None, progress: Progress) -> Dataset:
    """Load all images of the place that the run's came from: `data` where it is given, else what run.json names.

    Folders are read by the run's own choices.

    Raises:
        DataNotFoundError: they are no longer there.
    """
    if isinstance(data, Dataset):
        return data
    about = run.settings.data
    source, choices = about.source, _choices(run)
    if data is not None:
        return load(data, choices, progress=progress, option="--data")
    try:
        return load(place_again(source, about.root), choices, progress=progress)
    except DataNotFoundError as error:
        raise DataNotFoundError(
            f"the images that {run.path} was trained on are no longer in {source}. Generated images are compared with "
            f"them: say where they are now with --data DIR."
        ) from error


def _choices(run: Run) -> ReadingChoices:
    """Return how the run's folder was read."""
    recorded = run.settings.data.choices
    try:
        return ReadingChoices(**recorded)
    except (TypeError, SettingError) as error:
        raise RunBrokenError(
            f"{run.settings_file} says that the images were read by choices that this version does not know "
            f"({recorded}: {error}). Use the version that the run was trained with."
        ) from None


def training_rows(run: Run, whole: Dataset, progress: Progress) -> tuple[Dataset, list[int]]:
    """Return the images of the classes that training chose from, on training's scale, and the rows of those it took.

    Raises:
        DataUnusableError: the same choice gives other images.
    """
    settings = run.settings
    about, chosen = settings.data, settings.selection
    if whole.fingerprint == about.fingerprint:
        return whole.with_white(about.white, about.deep_white), list(range(len(whole)))
    own = set(chosen.samples or ())  # contents, where training got a dataset in place of a folder
    named = chosen.classes or (list(about.classes) if own else None)
    part = whole.select([label for label in named if label in whole.classes] if named else None)
    if own:
        taken = part.take(row for row, sample in enumerate(part.samples) if sample.sha256 in own)
    else:
        taken = part.select(None, chosen.shots, settings.seed, progress)
    if taken.fingerprint != about.fingerprint:
        changed = about.choices.get("labels_sha256") != whole.choices.labels_sha256
        mended = f" The labels file {whole.choices.labels} has changed since." if changed else ""
        raise DataUnusableError(
            f"the images in {whole.source} are not those that {run.path} was trained on: it had {about.samples} "
            f"({', '.join(f'{label} {count}' for label, count in about.classes.items())}), here the same choice "
            f"gives {len(taken)}, or other contents.{mended} Give the folder that it was trained on with --data DIR."
        )
    files = {sample.file for sample in taken.samples}
    recorded = taken.with_white(about.white, about.deep_white)
    part = part if recorded is taken else replace(part, scale=recorded.scale)
    return part, [row for row, sample in enumerate(part.samples) if sample.file in files]


def find_training(run: Run, data: Dataset | str | Path | None, progress: Progress) -> Dataset:
    """Return all images that the run has learnt from, unlabelled ones and donors of light too.

    Raises:
        DataNotFoundError: they are gone. DataUnusableError: they have changed.
    """
    training, others, _ = find_material(run, data, progress)
    return training if others is None else join(training, others, training.source).scaled_as(training)


def find_material(
    run: Run, data: Dataset | str | Path | None, progress: Progress
) -> tuple[Dataset, Dataset | None, list[str]]:
    """Return a run's labelled training images, the unlabelled ones and donors that it saw as well (None: it saw none),
    and the SHA-256 of training images that give no light; errors as `find_training`.
    """
    whole = load_whole(run, data, progress)
    part, rows = training_rows(run, whole, progress)
    training = with_saved_masks(part.take(rows), run.estimated_masks)
    donors, unlabelled = run.settings.donors, run.settings.unlabelled
    others = None
    if donors is not None and donors.samples:
        wanted = set(donors.samples)
        own = {sample.sha256 for sample in training.samples}
        first = {s.sha256: row for row, s in reversed(list(enumerate(whole.samples))) if s.sha256 in wanted - own}
        if len(first) < len(wanted):
            raise DataUnusableError(
                f"{len(wanted) - len(first)} of the {len(wanted)} images whose light {run.path} uses are no longer in "
                f"{whole.source}, or have changed. Put them back, or compose from what is there in a new run."
            )
        others = as_unlabelled(whole.take(first.values()))
    if unlabelled is not None:
        found = find_unlabelled(unlabelled.source, unlabelled.root, unlabelled.samples, training.choices, progress)
        others = found if others is None else join(others, found)
    barred = [] if donors is None else donors.barred
    return training, (None if others is None else others.scaled_as(training)), barred


def with_unlabelled(run: Run, training: Dataset, progress: Progress) -> Dataset:
    """Return a run's training images and the unlabelled ones that it learnt from; errors as `find_training`."""
    unlabelled = run.settings.unlabelled
    if unlabelled is None:
        return training
    found = find_unlabelled(unlabelled.source, unlabelled.root, unlabelled.samples, training.choices, progress)
    return join(training, found, training.source).scaled_as(training)


Against = Literal["held-out", "given", "training", "unknown"]


@dataclass(frozen=True)
class HeldOut:
    """Training and held-out images, as rows of one dataset that holds both.

    Attributes:
        data: the dataset, on the training images' scale of brightness.
        groups: (N,) group numbers over all of it.
        training: rows that the run was trained on.
        rows: held-out rows, none of a group in `training`; empty where there are none.
        against: where they come from: ``held-out`` by training itself, ``given`` by the user; ``training`` where there
            are none, so that only the training images are left to compare with; ``unknown`` where it is not known which
            were trained on, and all stand in `training`.
        source: fingerprint of all images that were found, before any choice.
        notes: which images they are, or why there are none, a sentence each.
    """

    data: Dataset
    groups: Ints
    training: Ints
    rows: Ints
    against: Against
    source: str
    notes: tuple[str, ...]

    @property
    def reference(self) -> Ints:
        """Rows to compare with: the held-out ones, or the training images where there are none."""
        return self.training if self.against in ("training", "unknown") else self.rows

    def independent(self) -> Dataset:
        """Return the held-out images, one of each group."""
        first = np.unique(self.groups[self.rows], return_index=True)[1]
        return self.data.take(self.rows[first].tolist())

    def labels(self, rows: Ints) -> NDArray[np.str_]:
        """Return the class names of rows."""
        return np.array([self.data.samples[row].label for row in rows], dtype=np.str_)


def find_held_out(
    run: Run, data: Dataset | str | Path | None, held_out: Dataset | str | Path | None, progress: Progress
) -> HeldOut:
    """Find the training images again, and real ones of other groups.

    With `held_out`, its images count. Otherwise, where the run was trained on a part of each class (`--shots`, or
    because images were kept to select the checkpoint by), the rest of these classes counts. Images that share a group
    with a training image, or with an unlabelled one that is known there, are left out.

    Raises:
        DataNotFoundError: the images are gone. DataUnusableError: the training images have changed, or `held_out`
        holds training images.
    """
    whole = load_whole(run, data, progress)
    part, training = training_rows(run, whole, progress)
    if held_out is not None:
        return _given(run, whole, part, training, _load_given(held_out, whole, progress), progress)
    groups, taken, unlabelled = part.groups(progress), np.array(training), set(_unlabelled(run))
    seen = [row for row, sample in enumerate(part.samples) if sample.sha256 in unlabelled]
    rows = np.flatnonzero(~np.isin(groups, groups[[*training, *seen]]))
    others, scaled = len(part) - len(taken), part.scaled_as(part.take(training))
    if not len(rows):
        why, remedy = f"training used all {len(taken):,} real images", "train with --shots"
        if others:
            why, remedy = f"the {others:,} unused images show the same specimens", "train with fewer --shots"
        note = f"No held-out images: {why}. To have some, {remedy}, or give other real images with --held-out DIR."
        return HeldOut(scaled, groups, taken, rows, "training", whole.fingerprint, (note,))
    notes = [f"Held-out images: {len(rows):,} real images of the trained classes that were not used for training."]
    notes += _selecting(run, part, groups, rows) + _left_out(others - len(rows))
    return HeldOut(scaled, groups, taken, rows, "held-out", whole.fingerprint, tuple(notes))


def _load_given(held_out: Dataset | str | Path, whole: Dataset, progress: Progress) -> Dataset:
    if isinstance(held_out, Dataset):
        return held_out
    return load(held_out, whole.choices.elsewhere, progress=progress, option="--held-out")


def _given(run: Run, whole: Dataset, part: Dataset, taken: list[int], given: Dataset, progress: Progress) -> HeldOut:
    """Join training and given images, and refuse or leave out those that training has seen.

    Groups are found over these, the unlabelled images and those that selected the checkpoint.
    """
    training = part.take(taken)
    own = {sample.sha256: sample.file for sample in training.samples}
    unlabelled = _unlabelled(run)
    known = own | dict.fromkeys(unlabelled, "an unlabelled one")
    leaked = [(sample.file, known[sample.sha256]) for sample in given.samples if sample.sha256 in known]
    if leaked:
        raise DataUnusableError(
            f"--held-out {given.source} holds {len(leaked)} of the {len(training) + len(unlabelled)} training images "
            f"(for example {leaked[0][0]} = {leaked[0][1]}). Compared with images that training has seen, copies look "
            f"good: take them out."
        )
    here = known.keys() | {sample.sha256 for sample in given.samples}
    selecting = set(run.settings.judging.samples) - here
    beside = part.take(row for row, sample in enumerate(part.samples) if sample.sha256 in selecting)
    every = join(join(with_unlabelled(run, training, progress), beside), given)
    groups, contents = every.groups(progress), np.array([sample.sha256 for sample in every.samples])
    trained, seen = np.isin(contents, list(own)), np.isin(contents, list(known))
    rows = np.flatnonzero(
        np.isin(contents, [sample.sha256 for sample in given.samples]) & ~np.isin(groups, groups[seen])
    )
    if not len(rows):
        raise DataUnusableError(
            f"--held-out {given.source}: every image there shows the same specimen as a training image. "
            f"Give images of other specimens."
        )
    notes = [f"Held-out images: {len(rows):,} real images from {given.source} that were not used for training."]
    notes += _selecting(run, every, groups, rows) + _left_out(len(given) - len(rows))
    source = f"{whole.fingerprint} {given.fingerprint}"
    return HeldOut(every.scaled_as(training), groups, np.flatnonzero(trained), rows, "given", source, tuple(notes))


def _unlabelled(run: Run) -> list[str]:
    """Return the SHA-256 of the images that training saw without a class."""
    return run.settings.unlabelled.samples if run.settings.unlabelled else []


def _selecting(run: Run, data: Dataset, groups: Ints, rows: Ints) -> list[str]:
    selecting = np.isin([sample.sha256 for sample in data.samples], run.settings.judging.samples)
    known = int(np.isin(groups[rows], groups[selecting]).sum())
    return [f"{known:,} of these show specimens that the checkpoint was selected by, not trained on."] if known else []


def _left_out(count: int) -> list[str]:
    return [f"{count:,} more show the same specimens as training images and are left out."] if count else []
