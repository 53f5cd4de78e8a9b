"""Unlabelled images from the same source: training learns surfaces from them, and they belong to no class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from flawforge.core.errors import DataUnusableError
from flawforge.core.progress import SILENT, Progress
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load_regardless, place_again
from flawforge.data.reading_choices import ReadingChoices
from flawforge.data.sampling.joined import join

LABEL = "(unlabelled)"  # in lists of images; no class that can be asked for


def load_unlabelled(
    folder: Dataset | str | Path, whole: Dataset, chosen: Dataset, progress: Progress = SILENT
) -> Dataset:
    """Read a folder of unlabelled images, whatever its layout, less what training has or must not have.

    It is read by the same choices as the labelled images.

    Each image counts once. Images that are among the chosen ones are left out, and so are those that show the same
    specimen as an image of a chosen class that was not chosen (``--shots``), for the score compares with it.

    Args:
        folder: the folder, or a dataset, whose classes are ignored.
        whole: all images of the place that the chosen ones come from.
        chosen: the images that were chosen to learn from.
        progress: where to tell how far it is.

    Raises:
        DataNotFoundError, DataUnusableError: there is none, or it holds images of a chosen class that were left out,
        or nothing is left.
    """
    found = load_regardless(folder, whole.choices.elsewhere, progress=progress, option="--unlabelled")
    own = {sample.sha256: sample.file for sample in chosen.samples}
    others = [s for s in whole.samples if s.label in set(chosen.classes) and s.sha256 not in own]
    kept_back = {sample.sha256: sample.file for sample in others}
    leaked = [(sample.file, kept_back[sample.sha256]) for sample in found.samples if sample.sha256 in kept_back]
    if leaked:
        raise DataUnusableError(
            f"--unlabelled {found.source} holds {len(leaked)} images of {whole.source} that --shots left out "
            f"(such as {leaked[0][0]} = {leaked[0][1]}). The score compares with those, as unseen images: "
            f"remove them, or leave --shots out."
        )
    first = {sample.sha256: index for index, sample in reversed(list(enumerate(found.samples)))}
    kept = found.take(index for sha256, index in first.items() if sha256 not in own)
    near = _near(kept, whole, set(kept_back), progress) if kept_back and len(kept) else set()
    if near:
        kept = kept.take(i for i, sample in enumerate(kept.samples) if sample.sha256 not in near)
        progress.say(
            f"{len(near)} unlabelled images show the same specimens as images that --shots left out, and are not used"
        )
    if not len(kept):
        raise DataUnusableError(
            f"--unlabelled {found.source} holds no image beside the training images. Give a folder of other images "
            f"from the same source, or leave the option out."
        )
    if dropped := len(first) - len(kept) - len(near):
        progress.say(f"{dropped} unlabelled images are also training images, and are used as those only")
    progress.say(f"{len(kept)} unlabelled images from {found.source}")
    return as_unlabelled(kept)


def find_unlabelled(source: str, root: str, samples: list[str], choices: ReadingChoices, progress: Progress) -> Dataset:
    """Find the unlabelled images of a run again.

    Args:
        source: as it was given to ``--unlabelled``.
        root: absolute path of the folder.
        samples: the SHA-256 of each image.
        choices: how the folder was read.
        progress: where to show how far the reading is.

    Raises:
        DataNotFoundError: they are gone. DataUnusableError: some of them are gone or changed.
    """
    found = load_regardless(place_again(source, root), choices.elsewhere, progress=progress, option="--unlabelled")
    wanted = set(samples)
    first = {s.sha256: index for index, s in reversed(list(enumerate(found.samples))) if s.sha256 in wanted}
    if len(first) < len(wanted):
        raise DataUnusableError(
            f"{len(wanted) - len(first)} of the {len(wanted)} unlabelled images that training learnt from are no "
            f"longer in {source}, or have changed. Copies of them could not be found: put them back."
        )
    kept = found.take(first.values())
    return as_unlabelled(kept)


def as_unlabelled(data: Dataset) -> Dataset:
    """Return the images without their classes."""
    return replace(data, samples=tuple(replace(sample, label=LABEL) for sample in data.samples))


def _near(kept: Dataset, whole: Dataset, kept_back: set[str], progress: Progress) -> set[str]:
    """Return the contents of those of `kept` that share a group with an image whose content is in `kept_back`."""
    back = whole.take(i for i, sample in enumerate(whole.samples) if sample.sha256 in kept_back)
    both = join(back, kept)
    groups = both.groups(progress)
    contents = np.array([sample.sha256 for sample in both.samples])
    held = np.isin(contents, list(kept_back))
    return set(contents[~held & np.isin(groups, groups[held])].tolist())
