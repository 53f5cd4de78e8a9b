"""Images composed of a repeat's training images as classifiers see them, and the controls that take only a part of it.

What may be composed, and how, is chosen as for a run of the recipe `compose`: inside these images alone. Unlabelled
images give light too. Marks of defects are not looked at here, since classifiers need none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from flawforge.core.arrays import Bytes, Floats32, Ints
from flawforge.core.images import as_picture, as_planes
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.arms import ARMS
from flawforge.core.settings.recipe import Composition
from flawforge.core.settings.recipes import COMPOSE
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.augmentation.composition import LUMA, Detail, Light, compose
from flawforge.data.dataset import Dataset
from flawforge.data.sampling.material import Material
from flawforge.studies.trial.setup.bench import Bench
from flawforge.training.composition import Chosen, choose_composition, find_partners

COMPOSED_ARMS = tuple(arm.name for arm in ARMS.values() if arm.needs_composed)


class BenchMaterial(Material):
    """A repeat's training images as details, and these and the unlabelled ones as donors of light.

    Args:
        bench: of the trial.
        shots: indices of the repeat's training images, or of those that an inner fold leaves.
    """

    def __init__(self, bench: Bench, shots: Ints) -> None:
        super().__init__(bench.dataset.take(shots.tolist()), bench.outside, channels=bench.images.shape[1])
        self.images, self.outside = bench.images[shots], bench.unlabelled
        self._groups = bench.division.groups[shots]

    @property
    def groups(self) -> Ints:
        """(N,) groups of the training images, as the trial found them."""
        return self._groups

    def _read(self, row: int) -> Detail:
        return Detail(_unit(self.images[row]))

    def _light(self, data: Dataset, row: int) -> Light:
        return Light.of(_unit((self.images if data is self.training else self.outside)[row]))


def choose_for(bench: Bench, shots: Ints, progress: Progress = SILENT) -> Chosen:
    """Return how images are composed of these shots, in the turns that their classes show."""
    return choose_composition(COMPOSE, BenchMaterial(bench, shots), progress)


def chosen_before(facts: Mapping[str, Any]) -> Chosen:
    """Return what `choose_for` chose, from its `facts`."""
    return Chosen(Composition(**facts["how"]), dict(facts["symmetries"]), facts["sentence"], bool(facts.get("fixed")))


class ComposedUsage(BaseModel):
    """One strategy of using composed images.

    Attributes:
        name: in records.
        arm: which images: ``compose`` or ``relight``.
        share: their part of a batch.
        hard: only for the classes that the classical arm finds hardest inside the shots.
        classes: task classes that get composed images; None is all. Filled in by the choice.
    """

    model_config = ConfigDict(frozen=True)
    name: str
    arm: str
    share: float
    hard: bool = False
    classes: tuple[int, ...] | None = None


def composed_usages(settings: TrialSettings) -> tuple[ComposedUsage, ...]:
    """Return the strategies that `recommended` chooses from beside those of generated images; with rare classes all of
    them are for these alone.
    """
    rare = bool(settings.rare)
    found = []
    for arm in ("compose", "relight") if "recommended" in settings.arms else ():
        if arm in settings.arms:
            whom = "for rare classes" if rare else "for hard classes"
            found += [ComposedUsage(name=f"{arm}, half", arm=arm, share=0.5)] if not rare else []
            found.append(ComposedUsage(name=f"{arm}, half, {whom}", arm=arm, share=0.5, hard=True))
            last = f"{arm}, a quarter, {whom}" if rare else f"{arm}, a quarter"
            found.append(ComposedUsage(name=last, arm=arm, share=0.25, hard=rare))
    return tuple(found)


def rare_classes(bench: Bench) -> tuple[int, ...] | None:
    """Return the task classes that get composed images where no strategy says it: the rare ones, or None for all."""
    rare = np.flatnonzero(np.isin(bench.dataset.classes, bench.settings.rare))
    return tuple(sorted(set(bench.targets(rare).tolist()))) or None


def composed_images(
    bench: Bench, shots: Ints, chosen: Chosen, seed: int, arm: str, classes: Sequence[int] | None = None
) -> tuple[Bytes, Ints]:
    """Return images as an arm shows them, as many of each class as a generator makes, with their classes.

    The two controls differ from `relight` in the donor alone, or in what is taken from it.

    Args:
        bench: of the trial.
        shots: indices of the images to compose of.
        chosen: how.
        seed: of the images.
        arm: one of `COMPOSED_ARMS`.
        classes: task classes of which images are composed; of the others real ones are repeated. None: all.

    Returns:
        (M, C, H, W) uint8 and (M,) classes of the dataset.
    """
    material, labels = BenchMaterial(bench, shots), bench.dataset.labels[shots]
    draws = numpy_stream(seed, "order", "composed")
    images: list[Bytes] = []
    codes = np.unique(labels)
    for code in codes.tolist():
        own = np.flatnonzero(labels == code)
        if classes is not None and int(bench.targets(labels[own[:1]])[0]) not in classes:
            images += list(bench.images[shots[draws.choice(own, bench.settings.made)]])
            continue
        make = _maker(material, bench.dataset.classes[code], chosen, arm)
        for number in range(bench.settings.made):
            rng = numpy_stream(seed, "augmentation", arm, bench.dataset.classes[code], number)
            images.append(as_bytes(make(rng)))
    return np.stack(images), np.repeat(codes, bench.settings.made)


def _maker(material: Material, label: str, chosen: Chosen, arm: str) -> Callable[[np.random.Generator], Floats32]:
    """Return what makes an image of a class for an arm."""
    rows, turns = material.sources(label), chosen.symmetries[label]
    sources, partners = [material[row] for row in rows], find_partners(material, rows, chosen.fixed)
    donors, own = material.donors(label).lights, [Light.of(source.pixels) for source in sources]
    relight = replace(chosen.how, blend=0.0, relight=1.0)

    def within(rng: np.random.Generator) -> Floats32:
        first = int(rng.integers(len(sources)))
        others = [light for row, light in enumerate(own) if row != first]
        return compose([sources[first]], others or own, relight, turns, rng).pixels

    return {
        "compose": lambda rng: compose(sources, donors, chosen.how, turns, rng, partners).pixels,
        "relight": lambda rng: compose(sources, donors, relight, turns, rng).pixels,
        "light-within-class": within,
        "donor-mean": lambda rng: _with_mean_of(donors, sources, relight, turns, rng),
    }[arm]


def _with_mean_of(
    donors: Sequence[Light], sources: Sequence[Detail], how: Composition, turns: Sequence[int], rng: np.random.Generator
) -> Floats32:
    """Return an image in its own light, lighter or darker by the difference to a donor's mean brightness."""
    pixels = compose(sources, [], how, turns, rng).pixels
    mean = float((pixels if pixels.ndim == 2 else pixels @ LUMA).mean())
    return np.asarray(pixels + (float(donors[int(rng.integers(len(donors)))].grid.mean()) - mean), np.float32)


def _unit(image: Bytes) -> Floats32:
    """Return (H, W) or (H, W, 3), 0 to 1, of an image (C, H, W) uint8."""
    return np.ascontiguousarray(as_picture(image), np.float32) / np.float32(255)


def as_bytes(pixels: Floats32) -> Bytes:
    """Return (C, H, W) uint8 of pixels (H, W) or (H, W, 3), 0 to 1."""
    levels = np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(as_planes(levels))
