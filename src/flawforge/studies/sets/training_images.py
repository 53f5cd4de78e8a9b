"""Where a run's images came from: the training images, found again, with the rest of their classes."""

from __future__ import annotations

from pathlib import Path

from flawforge.core.errors import DataNotFoundError, DataUnusableError
from flawforge.core.progress import Progress
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load, place_again
from flawforge.data.sampling.joined import join
from flawforge.data.sampling.unlabelled import find_unlabelled
from flawforge.runs.folder import Run


def load_whole(run: Run, data: Dataset | str | Path | None, progress: Progress) -> Dataset:
    """Load all images of the place that the run's came from: `data` where it is given, else what run.json names.

    Raises:
        DataNotFoundError: they are no longer there.
    """
    if data is not None:
        return load(data, progress=progress)
    about = run.settings.data
    source = about.source
    try:
        return load(place_again(source, about.root), progress=progress)
    except DataNotFoundError as error:
        raise DataNotFoundError(
            f"the images that {run.path} was trained on are no longer in {source}. Generated images are compared with "
            f"them: say where they are now with --data DIR."
        ) from error


def training_rows(run: Run, whole: Dataset, progress: Progress) -> tuple[Dataset, list[int]]:
    """Return the images of the classes that training chose from, and the rows of those that it took.

    Raises:
        DataUnusableError: the same choice gives other images.
    """
    settings = run.settings
    about, chosen = settings.data, settings.selection
    if whole.fingerprint == about.fingerprint:
        return whole, list(range(len(whole)))
    own = set(chosen.samples or ())  # contents, where training got a dataset in place of a folder
    named = chosen.classes or (list(about.classes) if own else None)
    part = whole.select([label for label in named if label in whole.classes] if named else None)
    if own:
        taken = part.take(row for row, sample in enumerate(part.samples) if sample.sha256 in own)
    else:
        taken = part.select(None, chosen.shots, settings.seed, progress)
    if taken.fingerprint != about.fingerprint:
        raise DataUnusableError(
            f"the images in {whole.source} are not those that {run.path} was trained on: it had {about.samples} "
            f"({', '.join(f'{label} {count}' for label, count in about.classes.items())}), here the same choice "
            f"gives {len(taken)}, or other contents. Give the folder that it was trained on with --data DIR."
        )
    files = {sample.file for sample in taken.samples}
    return part, [row for row, sample in enumerate(part.samples) if sample.file in files]


def find_training(run: Run, data: Dataset | str | Path | None, progress: Progress) -> Dataset:
    """Return all images that the run has learnt from, unlabelled ones too.

    Raises:
        DataNotFoundError: they are gone. DataUnusableError: they have changed.
    """
    part, rows = training_rows(run, load_whole(run, data, progress), progress)
    return with_unlabelled(run, part.take(rows), progress)


def with_unlabelled(run: Run, training: Dataset, progress: Progress) -> Dataset:
    """Return a run's training images and the unlabelled ones that it learnt from; errors as `find_training`."""
    unlabelled = run.settings.unlabelled
    if unlabelled is None:
        return training
    found = find_unlabelled(unlabelled.source, unlabelled.root, unlabelled.samples, progress)
    return join(training, found, training.source).scaled_as(training)
