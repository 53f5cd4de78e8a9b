"""Leaks: test images among the training images, found by their content, not by their names. Any leak is refused."""

from __future__ import annotations

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.images import Pixels, eight_bits
from flawforge.core.progress import SILENT, Progress
from flawforge.data.dataset import Dataset
from flawforge.data.sampling.enlarged_parts import find_enlarged
from flawforge.data.sampling.joined import join
from flawforge.studies.trial.setup.test_split import SAME, Division, Textures, textures_of

SHOWN = 3  # leaks that a message names
REPEATED = 0.95  # correlation from which a generated image is a test image again ...
CLOSER = 0.05  # ... if it is by so much nearer to that than to its own shots

Pair = tuple[str, str]  # the leaked image, and the test image that it shows


def refuse_pool_leak(dataset: Dataset, division: Division) -> None:
    """Refuse a division in which a test image is also one to learn from, or shows the same material.

    Raises:
        DataUnusableError: it does.
    """
    test, pool = (part.tolist() for part in (division.test, division.pool))
    known = {dataset.samples[i].sha256: i for i in test}
    same = {int(division.groups[i]): i for i in reversed(test)}
    found: list[Pair] = []
    for i in pool:
        other = known.get(dataset.samples[i].sha256, same.get(int(division.groups[i])))
        if other is not None:
            found.append((dataset.samples[i].file, dataset.samples[other].file))
    _refuse(found, "images to learn from", "Every group must be on one side.")


def refuse_outside_leak(
    dataset: Dataset, textures: Textures, division: Division, outside: Dataset, progress: Progress = SILENT
) -> None:
    """Refuse other images (unlabelled ones) of which any shows what a test image shows.

    Looked at are: the decoded pixels, whatever the file's format; overlaps, mirrored and turned too; whole images
    of the same texture; and enlarged parts of a test image.

    Raises:
        DataUnusableError: one does; all of them are named as pairs in the error's ``leaks``.
    """
    tested = [dataset.samples[i] for i in sorted(division.test.tolist())]
    known = {sample.sha256: sample.file for sample in tested}
    found = {sample.file: known[sample.sha256] for sample in outside.samples if sample.sha256 in known}
    both = join(dataset.take(division.test.tolist()), outside)
    group_of = dict(zip((sample.sha256 for sample in both.samples), both.groups(progress).tolist(), strict=True))
    by_group = {group_of[sample.sha256]: sample.file for sample in tested}
    for sample in outside.samples:
        if group_of[sample.sha256] in by_group:
            found.setdefault(sample.file, by_group[group_of[sample.sha256]])
    images = [eight_bits(outside.read(i), outside.white) for i in range(len(outside))]
    value, nearest = textures.best(textures_of(images), division.test)
    for i in np.flatnonzero(value >= SAME).tolist():
        found.setdefault(outside.samples[i].file, dataset.samples[int(nearest[i])].file)
    rest = [i for i, sample in enumerate(outside.samples) if sample.file not in found]
    for i, original in find_enlarged(outside.take(rest), dataset.take(division.test.tolist()), progress).tolist():
        found[outside.samples[rest[i]].file] = tested[original].file
    _refuse(sorted(found.items()), f"of the {len(outside)} images in {outside.source}", "Take them out of the folder.")


def refuse_generated_leak(
    dataset: Dataset, textures: Textures, division: Division, shots: Ints, images: list[Pixels], source: str
) -> None:
    """Refuse generated images that are test images again, while their own shots do not explain it.

    Args:
        dataset: all real images.
        textures: of them.
        division: of them.
        shots: indices of the images that the generator learnt from.
        images: (H, W) gray or (H, W, 3) generated ones, 0..255.
        source: what made them, for the message.

    Raises:
        DataUnusableError: one is.
    """
    raw = textures_of(images)
    value, nearest = textures.best(raw, division.test)
    own, _ = textures.best(raw, shots)
    rows = np.flatnonzero((value >= REPEATED) & (value > own + CLOSER)).tolist()
    found = [(f"generated image {i}", dataset.samples[int(nearest[i])].file) for i in rows]
    _refuse(found, f"of the {len(images)} images that {source} made", "It must see nothing but the shots it is given.")


def _refuse(found: list[Pair], what: str, remedy: str) -> None:
    if not found:
        return
    shown = ", ".join(f"{leaked} (as {tested})" for leaked, tested in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    error = DataUnusableError(
        f"test images have leaked: {len(found)} {what} show what test images show: {shown}{more}. With them every "
        f"number would be flattered. {remedy}"
    )
    error.leaks = found  # type: ignore[attr-defined]
    raise error
