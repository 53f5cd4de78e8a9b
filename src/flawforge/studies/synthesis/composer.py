"""The composer of a run of recipe `compose`: image i is a function of seed, class, i, settings and training images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from flawforge.core.arrays import Bools, Floats32
from flawforge.core.errors import RunBrokenError
from flawforge.core.images import ImageFormat, as_planes, whole_planes
from flawforge.core.plural import plural
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipe import Composition, Placing
from flawforge.data.augmentation.composition import Place
from flawforge.data.dataset import Dataset
from flawforge.data.sampling.material import Material
from flawforge.runs.checkpoint import Checkpoint
from flawforge.runs.folder import Run
from flawforge.runs.set_files import MANIFEST, MASKS, ManifestEntry
from flawforge.studies.sets import find_material
from flawforge.training.composition import Composing

Settings = TypeVar("Settings", Composition, Placing)
BATCH = 16
CLIPPED = 0.01  # of an image's pixels from which it counts as clipped
FAINT = 1.2  # times the contrast of its ground, below which a placed defect is hardly seen,
SAME = 0.5  # where it is also as bright as the ground under it: within so many times that contrast


@dataclass(frozen=True)
class ComposedPicture:
    """One composed image, as a set holds it.

    Attributes:
        planes: (C, H, W) in [-1, 1], at its own size.
        form: of the file: that of its first source.
        sources: files of the training images whose details it shows.
        light: file of the image whose light it shows; empty: its sources' own.
        mask: (H, W) bool, what is marked in it; None: its sources have no masks.
        places: the boxes in it.
        clipped: share of its pixels that came out darker than black or lighter than white.
    """

    planes: Floats32
    form: ImageFormat
    sources: tuple[str, ...]
    light: str
    mask: Bools | None
    places: tuple[Place, ...]
    clipped: float

    def described(self, entry: ManifestEntry) -> ManifestEntry:
        """Return a manifest's entry with what the image is made of."""
        return replace(
            entry,
            sources=self.sources,
            light=self.light,
            clipped=round(self.clipped, 6),
            mask="" if self.mask is None else f"{MASKS}/{entry.file}",
            boxes=tuple(
                (place.label, place.left, place.top, place.right, place.bottom, place.cut) for place in self.places
            ),
        )

    def marks(self, entry: ManifestEntry) -> dict[str, Bools]:
        """Return what is written beside the image: path below the set's folder to (H, W)."""
        return {} if self.mask is None else {entry.mask: self.mask}


class Composer:
    """Makes images of a run out of its training images, at their own size.

    Attributes:
        batch: images made at a time.
        classes: the classes that it can make.
    """

    def __init__(self, run: Run, checkpoint: Checkpoint, data: Dataset | str | Path | None, progress: Progress) -> None:
        """Find the training images and the donors again.

        Raises:
            DataNotFoundError, DataUnusableError: they are gone or changed. RunBrokenError: the checkpoint says nothing
            of how images are composed.
        """
        how = chosen_in(checkpoint, Composition)
        facts = checkpoint.facts["composition"]
        self.symmetries: dict[str, list[int]] = facts["symmetries"]
        fixed = bool(facts.get("fixed"))  # older runs join all, as they did
        self.recipe, self.checkpoint, self.batch = run.recipe, checkpoint, BATCH
        training, others, barred = find_material(run, data, progress)
        self.classes = list(training.classes)
        self.material = Material(training, others, barred, run.settings.channels, progress)
        self._composing = cache(lambda label: Composing(self.material, label, how, self.symmetries[label], fixed))

    def images(self, seed: int, label: str, number: int, truncation: float | None = None) -> list[ComposedPicture]:
        """Make batch `number` of a class: images number·batch and following; `generate` refuses a truncation before."""
        composing = self._composing(label)
        numbers = range(number * BATCH, number * BATCH + BATCH)
        out = []
        for made in composing.images({index: numpy_stream(seed, "samples", label, index) for index in numbers}):
            samples = [self.material.training.samples[composing.rows[source]] for source in made.sources]
            height, width = made.pixels.shape[:2]
            out.append(
                ComposedPicture(
                    np.ascontiguousarray(2 * as_planes(made.pixels) - 1),
                    ImageFormat(samples[0].format.mode, width, height),
                    tuple(dict.fromkeys(sample.file for sample in samples)),
                    "" if made.donor is None else composing.donors.files[made.donor],
                    made.mask,
                    made.places,
                    made.clipped,
                )
            )
        return out

    def compared(self, images: Sequence[ComposedPicture]) -> Floats32:
        """Return images as audit and score see them: (N, C, H, W) in [-1, 1] at the recipe's resolution."""
        return np.stack([whole_planes(image.planes, self.recipe.resolution) for image in images])


def chosen_in(checkpoint: Checkpoint, kind: type[Settings]) -> Settings:
    """Return the settings by which a checkpoint's images are made.

    Raises:
        RunBrokenError: it says nothing of them.
    """
    try:
        facts = checkpoint.facts["composition"]
        _ = facts["symmetries"]
        return kind(**facts["how"])
    except (KeyError, TypeError) as error:
        raise RunBrokenError(f"{checkpoint.path} does not say how images are composed ({error}).") from error


def flaws(entries: Iterable[ManifestEntry]) -> list[str]:
    """Return what a user should know of composed and placed images, a sentence each: cut boxes, clipped pixels, and
    defects that are as bright as their grounds and differ from the light around them hardly more than these do.
    """
    everyone = cut = clipped = faint = 0
    for entry in entries:
        everyone += 1
        cut += any(box[-1] for box in entry.boxes)
        clipped += entry.clipped > CLIPPED
        faint += _faint(entry.placed)
    of = plural(everyone, "image")
    found = [f"{cut} of {of} have a box that is cut; its last entry in {MANIFEST} is true."] if cut else []
    if clipped:
        found.append(f"In {clipped} of {of} over {CLIPPED:.0%} of the pixels are clipped to black or white.")
    if faint:
        found.append(
            f"In {faint} of {of} the defect may be hardly seen: it is as bright as the ground in its outline, which "
            f"differs as much from the light around it. Look at them: a detector would learn masks that mark next to "
            f"nothing. Leave those out, or raise --strength."
        )
    return found


def _faint(placed: Mapping[str, Any]) -> bool:
    under = float(placed.get("ground_contrast", 0))
    return float(placed.get("contrast", math.inf)) < FAINT * under and abs(float(placed.get("shift", 0))) < SAME * under
