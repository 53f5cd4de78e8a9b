"""What the arms of a trial make of the shots of one repeat, and what an arm shows beside the real images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Floats, Ints
from flawforge.core.seeds import derive, numpy_stream
from flawforge.core.settings.classifiers import ClassifierSettings
from flawforge.core.settings.trials import SMALL
from flawforge.data.augmentation.reference_light import Change, changed_by_others
from flawforge.data.augmentation.transforms import ClassicalTransforms
from flawforge.models.one_class import OneClass
from flawforge.studies.trial.cells.composing import ComposedUsage, choose_for, composed_images, rare_classes
from flawforge.studies.trial.cells.generator import GeneratedBatch, Usage, teacher_of
from flawforge.studies.trial.cells.sampling import USUAL_SAMPLING, Sampling
from flawforge.studies.trial.setup.bench import Bench
from flawforge.training.classifier.fit import predict
from flawforge.training.classifier.labelled_images import LabelledImages, as_unit_floats, balanced_order, good_images
from flawforge.training.composition import Chosen
from flawforge.training.processes.device import resolve_device

VIEWS_PER_SHOT = 8  # changed copies of each shot that the teacher labels, less the unlabelled images
CHANGED_SHARE = 0.5  # of a batch, changed by other images: as often as their authors and libraries do it
MOST_VIEWS = 2048  # such copies where some classes have many images, class-balanced
UNTUNED = "real"  # the arm that nothing is chosen for
ASKED_WEIGHT = 0.5  # weight of the class that was asked for beside the teacher's opinion of a generated image


@dataclass(frozen=True)
class Extra:
    """What an arm shows beside the real images.

    Attributes:
        material: None: nothing.
        share: its part of each batch.
        settings: of the training; None takes those of the trial.
        one_class: a network that saw good images alone, which is joined with the trained one; None: there is none.
        trained: whether there is a trained one.
    """

    material: LabelledImages | None = None
    share: float = 0.0
    settings: ClassifierSettings | None = None
    one_class: OneClass | None = None
    trained: bool = True


class ArmMaterial:
    """What the arms of one repeat make of some of its images.

    Args:
        bench: of the trial.
        shots: indices of the real images to train on: all shots of the repeat, or those of an inner fold.
        seed: of the classifiers; the same for all arms, so that they differ in their images alone.
        model: the classifier's name.
        steps: optimiser steps; None takes the trial's.
        sampling: how batches are drawn and logits adjusted, in all arms but ``real``.
        composition: how images are composed of the shots; None chooses it when an arm asks for it.
    """

    def __init__(
        self,
        bench: Bench,
        shots: Ints,
        seed: int,
        model: str,
        steps: int | None = None,
        sampling: Sampling = USUAL_SAMPLING,
        composition: Chosen | None = None,
    ) -> None:
        self.bench, self.shots, self.seed, self.model = bench, shots, seed, model
        self._composition = composition
        self.settings = bench.settings.classifier(model, steps=steps)
        self.sampling = sampling
        self.width = len(bench.classes)
        self.targets = bench.targets(bench.dataset.labels[shots])
        self.real = LabelledImages(torch.from_numpy(bench.images[shots]), torch.from_numpy(self.targets))

    def steps(self, arm: str) -> int:
        """Return the optimiser steps of an arm."""
        shorter = arm == UNTUNED and self.model == SMALL
        part = self.bench.settings.real_length if shorter else 1
        return max(1, round(self.settings.steps * part))

    @property
    def drawn(self) -> LabelledImages:
        """The real images, to be shown in the order that was chosen."""
        return replace(self.real, as_drawn=self.sampling.order == "natural")

    @property
    def counts(self) -> Floats:
        """The (K,) numbers of real training images of each class."""
        return np.bincount(self.targets, minlength=self.width).astype(np.float64)

    @property
    def good(self) -> Tensor:
        """The good images of the shots, (n, C, H, W) uint8, where networks are trained."""
        return good_images(self.real, self.bench.good_number).to(resolve_device())

    @cached_property
    def one_class(self) -> OneClass:
        """The network that saw the good images of the shots alone."""
        network = OneClass().to(resolve_device())
        network.remember(self.good, self.seed)
        return network.eval()

    @property
    def copied(self) -> int:
        """How many changed copies of shots the teacher labels: unlabelled images, which show more, replace them."""
        wanted = VIEWS_PER_SHOT * len(self.shots)
        if self.bench.settings.unequal:
            wanted = min(wanted, MOST_VIEWS)
        return max(0, wanted - len(self.bench.unlabelled))

    @property
    def teacher_settings(self) -> ClassifierSettings:
        """The settings where a teacher labels. Where most of it are unlabelled images they are not pasted into each
        other: their variety is real, and the teacher saw the whole image (measured: docs/decisions/trial.md).
        """
        if len(self.bench.unlabelled) <= self.copied:
            return self.settings
        whole = self.settings.transforms.model_copy(update={"mixup": 0.0, "cutmix": 0.0})
        return self.settings.model_copy(update={"policy": whole})

    @cached_property
    def teacher(self) -> torch.nn.Module:
        """The network that labels, into the dataset's classes: it knows pretrained features and the shots."""
        return teacher_of(self.bench, self.shots, derive(self.seed, "weights", "teacher"))

    @cached_property
    def views(self) -> tuple[Tensor, Tensor]:
        """Changed copies of the shots and the unlabelled images, uint8, with the teacher's probabilities (n, K)."""
        transforms = ClassicalTransforms(self.settings.transforms, self.seed)
        unit = as_unit_floats(self.real.images)
        rounds = range(-(-self.copied // len(self.shots)))
        parts = [unit for _ in rounds]
        if self.bench.settings.unequal:
            labels = torch.from_numpy(self.bench.dataset.labels[self.shots])
            parts = list(
                torch.split(
                    unit[balanced_order(labels, self.copied, numpy_stream(self.seed, "order", "views"))], len(unit)
                )
            )
        copies = [transforms(part, "taught", index) for index, part in enumerate(parts)]  # a word of the random stream
        images = ((torch.cat([*copies, unit[:0]]) + 1) * 127.5).round().clamp(0, 255).byte()[: self.copied]
        if len(self.bench.unlabelled):
            images = torch.cat([images, torch.from_numpy(self.bench.unlabelled)])
        return images, self.of_task(predict(self.teacher, images))

    def changed(self, name: str, change: Change, *, other_class: bool = True) -> Extra:
        """Return real images, each changed by another, as many as the generator makes."""
        data, count = self.bench.dataset, self.bench.settings.made * len(self.bench.dataset.classes)
        images, labels = self.bench.images[self.shots], data.labels[self.shots]
        found = changed_by_others(images, labels, count, self.seed, name, change, other_class=other_class)
        targets = torch.from_numpy(self.bench.targets(found.labels))
        return Extra(LabelledImages(torch.from_numpy(found.images), targets), CHANGED_SHARE)

    @cached_property
    def composition(self) -> Chosen:
        """How images are composed of the shots."""
        return self._composition or choose_for(self.bench, self.shots)

    def composed(self, arm: str, usage: Usage | ComposedUsage) -> Extra:
        """Return images composed for an arm, beside as many real ones of each class that gets none."""
        classes, share = rare_classes(self.bench), CHANGED_SHARE
        if isinstance(usage, ComposedUsage):
            classes, share = usage.classes, usage.share
        images, labels = composed_images(self.bench, self.shots, self.composition, self.seed, arm, classes)
        return Extra(LabelledImages(torch.from_numpy(images), torch.from_numpy(self.bench.targets(labels))), share)

    def of_task(self, probabilities: Tensor) -> Tensor:
        """Return (n, K) probabilities over the task's classes from those over the dataset's."""
        probabilities = probabilities[:, : len(self.bench.dataset.classes)]
        groups = torch.from_numpy(self.bench.targets(np.arange(probabilities.shape[1], dtype=np.int64)))
        summed = torch.zeros(len(probabilities), self.width).index_add_(1, groups, probabilities)
        return summed / summed.sum(1, keepdim=True)

    def as_asked(self, generated: GeneratedBatch, rows: Ints | slice = slice(None)) -> LabelledImages:
        """Return generated images with the class that was asked for."""
        images = torch.from_numpy(np.ascontiguousarray(generated.images[rows]))
        return LabelledImages(images, torch.from_numpy(self.bench.targets(generated.labels)[rows]))

    def pseudo_labelled(self, generated: GeneratedBatch | None = None, rows: Ints | None = None) -> LabelledImages:
        """Return images that the teacher labelled, without and with these rows of the generated ones."""
        images, labels = self.views
        if generated is None or rows is None or not len(rows):
            return LabelledImages(images, labels)
        assert generated.soft is not None
        asked = self.as_asked(generated, rows)
        opinion = self.of_task(torch.from_numpy(generated.soft[rows]))
        mixed = ASKED_WEIGHT * asked.soft(self.width, 0.0) + (1 - ASKED_WEIGHT) * opinion
        return LabelledImages(torch.cat([images, asked.images]), torch.cat([labels, mixed]))
