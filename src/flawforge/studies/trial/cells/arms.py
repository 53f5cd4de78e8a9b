"""What each arm of a trial trains on. All arms take the same batches and seeds, and all but `real` the same steps.

An arm is registered in `flawforge.core.settings.arms`; the function of its name here says what it shows beside the real
images.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from flawforge.core.seeds import numpy_stream
from flawforge.data.augmentation.copy_paste import copy_paste
from flawforge.data.augmentation.masks import defect_masks
from flawforge.data.augmentation.rare_patches import paste_rare
from flawforge.data.augmentation.reference_light import fourier_adapted, histogram_matched, random_light
from flawforge.studies.trial.cells.composing import COMPOSED_ARMS, ComposedUsage
from flawforge.studies.trial.cells.generator import DEFAULT_USAGE, GeneratedBatch, Usage, marked
from flawforge.studies.trial.cells.material import CHANGED_SHARE, UNTUNED, ArmMaterial, Extra
from flawforge.training.classifier.labelled_images import LabelledImages

EXTRAS: dict[str, Callable[[ArmMaterial, Any, Any], Extra]] = {}


def trains_on(arm: str) -> Callable[[Callable[..., Extra]], Callable[..., Extra]]:
    """Register the function that says what an arm shows beside the real images."""

    def register(function: Callable[..., Extra]) -> Callable[..., Extra]:
        EXTRAS[arm] = function
        return function

    return register


@trains_on("real")
def _real(arms: ArmMaterial, generated: None, usage: Usage) -> Extra:
    """Untuned, and where the small network is trained for fewer steps: docs/decisions/trial-cost.md."""
    return Extra(settings=arms.settings.model_copy(update={"policy": "none", "steps": arms.steps(UNTUNED)}))


@trains_on("classical")
def _classical(arms: ArmMaterial, generated: None, usage: Usage) -> Extra:
    return Extra()


@trains_on("placebo")
def _placebo(arms: ArmMaterial, generated: None, usage: Usage) -> Extra:
    """As many repeats of real images as the generator makes: they are shown as often, and none is new."""
    draws = numpy_stream(arms.seed, "order", "placebo")
    count = arms.bench.settings.made
    codes = np.unique(arms.targets)
    rows = np.concatenate([draws.choice(np.flatnonzero(arms.targets == code), count) for code in codes])
    return Extra(LabelledImages(arms.real.images[rows], arms.real.labels[rows]), arms.bench.settings.share)


@trains_on("pseudo-labelled")
def _pseudo_labelled(arms: ArmMaterial, generated: None, usage: Usage) -> Extra:
    return Extra(arms.pseudo_labelled(), DEFAULT_USAGE.share, arms.teacher_settings)


@trains_on("copy-paste")
def _copy_paste(arms: ArmMaterial, generated: None, usage: Usage) -> Extra:
    bench, data = arms.bench, arms.bench.dataset
    masks = defect_masks(data, arms.shots.tolist(), bench.settings.resolution)
    clean = data.classes.index(bench.good) if bench.good is not None else None
    count = bench.settings.made * len(data.classes)
    pasted = copy_paste(bench.images[arms.shots], data.labels[arms.shots], masks, count, arms.seed, clean=clean)
    material = LabelledImages(torch.from_numpy(pasted.images), torch.from_numpy(bench.targets(pasted.labels)))
    return Extra(material, bench.settings.share)


@trains_on("pasted-on-plentiful")
def _pasted_on_plentiful(arms: ArmMaterial, generated: None, usage: Usage) -> Extra:
    count = arms.bench.settings.made * len(arms.bench.dataset.classes)
    pasted = paste_rare(arms.bench.images[arms.shots], arms.targets, arms.width, count, arms.seed)
    images, labels = torch.from_numpy(pasted.images), torch.from_numpy(pasted.labels)
    return Extra(LabelledImages(images, labels, as_drawn=True), CHANGED_SHARE)


@trains_on("fourier-adapted")
def _fourier_adapted(arms: ArmMaterial, generated: None, usage: Usage) -> Extra:
    return arms.changed("fourier-adapted", fourier_adapted)


@trains_on("histogram-matched")
def _histogram_matched(arms: ArmMaterial, generated: None, usage: Usage) -> Extra:
    return arms.changed("histogram-matched", histogram_matched)


@trains_on("random-light")
def _random_light(arms: ArmMaterial, generated: None, usage: Usage) -> Extra:
    return arms.changed("random-light", random_light, other_class=False)


def _composed(arm: str, arms: ArmMaterial, generated: None, usage: Usage | ComposedUsage) -> Extra:
    return arms.composed(arm, usage)


for _name in COMPOSED_ARMS:
    trains_on(_name)(partial(_composed, _name))


@trains_on("one-class")
def _one_class(arms: ArmMaterial, generated: None, usage: Usage) -> Extra:
    return Extra(one_class=arms.one_class, trained=False)


@trains_on("one-class-joined")
def _one_class_joined(arms: ArmMaterial, generated: None, usage: Usage) -> Extra:
    return Extra(one_class=arms.one_class)


@trains_on("generated")
def _generated(arms: ArmMaterial, generated: GeneratedBatch, usage: Usage) -> Extra:
    return Extra(arms.as_asked(generated), arms.bench.settings.share)


def brought(arms: ArmMaterial, name: str) -> Extra:
    """Of the user's images as many of each class as a generator makes, others in each repeat where there are more."""
    images, labels = arms.bench.brought[name]
    draws = numpy_stream(arms.seed, "order", "brought")
    rows = [draws.permutation(np.flatnonzero(labels == code))[: arms.bench.settings.made] for code in np.unique(labels)]
    chosen = np.concatenate(rows)
    targets = torch.from_numpy(arms.bench.targets(labels[chosen]))
    return Extra(LabelledImages(torch.from_numpy(images[chosen]), targets), arms.bench.settings.share)


@trains_on("only-generated")
def _only_generated(arms: ArmMaterial, generated: GeneratedBatch, usage: Usage) -> Extra:
    return Extra(arms.as_asked(generated), 1.0)


@trains_on("filtered")
def _filtered(arms: ArmMaterial, generated: GeneratedBatch, usage: Usage) -> Extra:
    generated = marked(arms.bench, arms.shots, generated)
    rows = generated.chosen(usage, arms.bench.targets(generated.labels))
    if usage.pseudo_labelled:
        return Extra(arms.pseudo_labelled(generated, rows), usage.share, arms.teacher_settings)
    return Extra(arms.as_asked(generated, rows), usage.share) if len(rows) else Extra()


@trains_on("pseudo-labelled-generated")
def _pseudo_labelled_generated(arms: ArmMaterial, generated: GeneratedBatch, usage: Usage) -> Extra:
    return _filtered(arms, generated, DEFAULT_USAGE)
