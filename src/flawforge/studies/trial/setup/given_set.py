"""Generated images that the user brings: they are an arm of the trial, named after their folder.

The trial did not train their generator. Copies of test images among them are looked for and refused. What else it has
seen, only the user can say: those images are kept out of the test set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arrays import Bytes, Ints
from flawforge.core.errors import DataUnusableError, SettingError, did_you_mean
from flawforge.core.plural import plural
from flawforge.core.progress import Progress
from flawforge.core.safe_names import safe_name
from flawforge.core.settings.arms import ARMS, SET_PREFIX
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.classifier_view import seen
from flawforge.data.dataset import Dataset
from flawforge.data.levelling import Level, files_quality
from flawforge.data.reading.load import load_regardless, tell_unlabelled
from flawforge.data.sampling.joined import join
from flawforge.data.threads import in_threads
from flawforge.studies.sets import by_hand_in, plan_levels
from flawforge.studies.trial.setup.test_split import Division, contents_sha256


@dataclass(frozen=True)
class Brought:
    """What the user brings.

    Attributes:
        images: the generated images, with classes of the data.
        saw: real images that their generator was trained on; None: it was not said.
        by_hand: how a person changed one of our own sets, in half a sentence; empty where nobody did.
    """

    images: Dataset
    saw: Dataset | None
    by_hand: str

    @property
    def arm(self) -> str:
        """The arm's name."""
        return arm_of(self.images.source)

    @property
    def inputs(self) -> dict[str, str]:
        """What the trial depends on, by name."""
        saw = {} if self.saw is None else {f"seen by {self.arm}": self.saw.fingerprint}
        return {self.arm: self.images.fingerprint, **saw}


def arm_of(synthetic: str | Path) -> str:
    """Return the arm's name of a folder of generated images."""
    return SET_PREFIX + safe_name(Path(synthetic).resolve().name or "images")


def with_set(settings: dict[str, Any], synthetic: Dataset | str | Path | None) -> dict[str, Any]:
    """Return the settings with the arm of the user's images; where no arms are asked for, without our own generator."""
    if synthetic is None:
        return settings
    name = arm_of(synthetic.source if isinstance(synthetic, Dataset) else synthetic)
    if "arms" in settings:
        asked = settings["arms"]
        return {**settings, "arms": asked if name in asked else (*asked, name)}
    usual = TrialSettings.parse(settings).arms
    kept = [arm for arm in usual if not (ARMS[arm].needs_generator or ARMS[arm].needs_choice)]
    return {**settings, "arms": (*kept, name)}


def read_brought(
    synthetic: Dataset | str | Path | None,
    saw: Dataset | str | Path | None,
    dataset: Dataset,
    settings: TrialSettings,
    good: str | None,
    progress: Progress,
) -> Brought | None:
    """Read the user's images; None where there are none.

    Raises:
        SettingError: an arm is asked for whose images are missing, or `saw` without images. DataUnusableError: classes
        that the data do not have. DataNotFoundError: no such folder. RunNotFoundError: our own set, and not complete.
    """
    wanted = [arm for arm in settings.arms if ARMS[arm].brought]
    if synthetic is None:
        if wanted or saw is not None:
            what = f"arm {wanted[0]} takes" if wanted else "--synthetic-saw is about"
            raise SettingError(f"{what} images from a folder: name it with --synthetic DIR.")
        return None
    found = load_regardless(synthetic, progress=progress, option="--synthetic")
    others = [arm for arm in wanted if arm != arm_of(found.source)]
    if others:
        raise SettingError(f"there are no images for arm {others[0]}: --synthetic names {found.source}.")
    if labelled := tuple(sample for sample in found.samples if sample.label):
        unlabelled = tuple(sample for sample in found.samples if not sample.label)
        found = replace(found, samples=labelled, unlabelled=unlabelled)
        tell_unlabelled(found, progress)
    unknown = sorted(set(found.classes) - set(dataset.classes))
    defects = [label for label in dataset.classes if label != good]
    if unknown and settings.task == "good" and len(found.classes) == 1 and defects:
        found = replace(found, samples=tuple(replace(sample, label=defects[0]) for sample in found.samples))
    elif unknown:
        has = f"has a class '{unknown[0]}'" if unknown[0] else "has images without a class"
        raise DataUnusableError(
            f"--synthetic {found.source} {has}, and the real images have "
            f"{', '.join(dataset.classes)}.{did_you_mean(unknown[0], dataset.classes)} A classifier is trained on "
            f"these: put the generated images of each into a folder of its name."
        )
    by_hand = str(by_hand_in(found.root))
    seen = None if saw is None else load_regardless(saw, progress=progress, option="--synthetic-saw")
    return Brought(found, seen, by_hand)


def withdraw_seen(dataset: Dataset, division: Division, brought: Brought, progress: Progress) -> Division:
    """Return the division without test images that the generator saw, or whose specimen it saw: they may be learned
    from.

    Raises:
        DataUnusableError: no test image of a class is left.
    """
    if brought.saw is None:
        return division
    both = join(dataset, brought.saw)
    contents = [sample.sha256 for sample in both.samples]
    group_of = dict(zip(contents, both.groups(progress).tolist(), strict=True))
    known = {group_of[sample.sha256] for sample in brought.saw.samples}
    own = np.array([group_of[sample.sha256] in known for sample in dataset.samples])
    seen_groups = np.unique(division.groups[own])
    out = np.isin(division.groups[division.test], seen_groups)
    test, pool = division.test[~out], np.sort(np.concatenate([division.pool, division.test[out]]))
    for code, label in enumerate(dataset.classes):
        if not (dataset.labels[test] == code).any():
            raise DataUnusableError(
                f"the generator of {brought.images.source} saw all test images of class {label} (--synthetic-saw): "
                f"nothing is left to test on. Hold out other images of it."
            )
    return replace(division, test=test, pool=pool, sha256=contents_sha256(dataset, test))


def levelled(
    dataset: Dataset, brought: Brought, settings: TrialSettings, quality: int | None, progress: Progress
) -> tuple[Bytes, Ints, list[str]]:
    """Return (M, C, H, W) uint8 as classifiers see them, (M,) classes of the dataset, and what was levelled and what
    stays, a sentence each: the real images are tested on as they are, so that what these lack can be given to no side.
    """
    own, other, levelling = plan_levels(dataset, brought.images, progress, structures=False)
    height, width = (int(np.median([getattr(one, side) for one in dataset.samples])) for side in ("height", "width"))
    first = Level(dataset.channels, (height, width), crop=other.crop)  # as large as the real ones, then as these

    def one(index: int) -> Bytes:
        image = first.apply(brought.images.read(index), brought.images.white)
        return seen(image, 255, dataset.channels, settings.resolution, quality)

    traces = files_quality(brought.images.samples, 100) or 100
    stays = {
        "file format": quality is None or traces < quality,
        "colour": dataset.channels == 3 and levelling.channels == 1,
        "border": not other.crop,
        "proportions": own.shape is not None,
    }
    parts: tuple[list[str], list[str]] = ([], [])
    for one_of in filter(lambda difference: difference.done, levelling.differences):
        told = f"{one_of.what}: {one_of.generated}, real ones {one_of.real}"
        parts[stays.get(one_of.what, False)].append(told)
    starts = (f"Levelled for {brought.arm}", f"Not levelled for {brought.arm}, as real images are tested as they are")
    said = [f"{start}: {'; '.join(part)}." for start, part in zip(starts, parts, strict=True) if part]
    images = np.stack(list(in_threads(one, range(len(brought.images)))))
    codes = np.array([dataset.classes.index(sample.label) for sample in brought.images.samples], dtype=np.int64)
    return images, codes, [*said, *levelling.steps]


def sentences_of(brought: Brought, tested: int) -> list[str]:
    """Return what a reader must know of the user's images, beside `tested` test images, a sentence each."""
    checked = f"{len(brought.images):,} images of {brought.images.source} are the arm {brought.arm}. "
    if left := len(brought.images.unlabelled):
        checked += f"{plural(left, 'image')} without a class {'was' if left == 1 else 'were'} left out. "
    checked += f"They were checked against the {tested:,} test images: none shows what a test image shows."
    if brought.saw is None:
        told = (
            f"What the generator of {brought.arm} was trained on was not said, and the trial cannot know. If it saw "
            f"test images, its gain is flattered and the verdict on it does not hold. Say it with --synthetic-saw DIR: "
            f"then these images are kept out of the test set."
        )
    else:
        told = (
            f"The {len(brought.saw):,} images that the generator of {brought.arm} was trained on, as you say it, and "
            f"others of their specimens, were kept out of the test set."
        )
    return [checked, told]
