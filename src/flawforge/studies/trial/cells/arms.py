"""The arms of a trial: what each trains on. All take the same steps, the same batches and the same seeds."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Arrays, Floats32, Ints
from flawforge.core.seeds import derive, numpy_stream
from flawforge.core.settings.classifiers import ClassifierSettings
from flawforge.data.augmentation.copy_paste import copy_paste
from flawforge.data.augmentation.masks import defect_masks
from flawforge.data.augmentation.transforms import ClassicalTransforms
from flawforge.studies.trial.cells.generator import marked, teacher_of
from flawforge.studies.trial.cells.usage import DEFAULT_WAY, Way, chosen_rows, restricted
from flawforge.studies.trial.setup.bench import Bench
from flawforge.training.classifier.fit import fit, predict
from flawforge.training.classifier.material import Material
from flawforge.training.processes.device import resolve_device

TAUGHT_VIEWS = 8  # changed copies of each shot that the teacher labels, less the unlabelled images
GENERATED_LABELS = 0.5  # weight of the asked class beside the teacher's opinion, of taught generated images


class Arms:
    """Trains one repeat's classifiers on some of its images.

    Args:
        bench: of the trial.
        shots: indices of the real images to train on: all shots of the repeat, or those of an inner fold.
        seed: of the classifiers; the same for all arms, so that they differ in their images alone.
        model: the classifier's name.
        steps: optimiser steps; None takes the trial's.
    """

    def __init__(self, bench: Bench, shots: Ints, seed: int, model: str, steps: int | None = None) -> None:
        self.bench, self.shots, self.seed, self.model = bench, shots, seed, model
        self.settings = bench.settings.classifier(model, steps=steps)
        self.device = resolve_device()
        self.width = len(bench.classes)
        self.targets = bench.targets(bench.dataset.labels[shots])
        self.real = Material(torch.from_numpy(bench.images[shots]), torch.from_numpy(self.targets))

    def train(self, arm: str, made: Arrays | None = None, way: Way | None = None) -> torch.nn.Module:
        """Return the classifier of one arm.

        Args:
            arm: its name; `filtered` needs a `way`.
            made: arrays of the generator's cell, for arms that use generated images.
            way: of using them.
        """
        share = self.bench.settings.share
        if arm == "real":
            plain = self.bench.settings.classifier(self.model, policy="none", steps=self.settings.steps)
            return self._fit(plain)
        if arm == "classical":
            return self._fit(self.settings)
        if arm == "placebo":
            return self._fit(self.settings, self._repeats(), share)
        if arm == "taught":
            return self._fit(self.taught_settings, self._taught(), DEFAULT_WAY.share)
        if arm == "copy-paste":
            return self._fit(self.settings, self._pasted(), share)
        if made is None:
            raise ValueError(f"arm {arm} needs generated images")
        if arm == "generated":
            return self._fit(self.settings, self._generated(made, np.arange(len(made["labels"]))), share)
        if arm == "only-generated":
            rows = np.arange(len(made["labels"]))
            return fit(self.settings, None, self.width, self.seed, self._generated(made, rows), 1.0, device=self.device)
        way = DEFAULT_WAY if arm == "taught-generated" else way
        if arm in ("filtered", "taught-generated") and way is not None:
            made = marked(self.bench, self.shots, made)
            rows = restricted(chosen_rows(made, way.filter, way.typical), self._targets(made), way.classes)
            if way.taught:
                return self._fit(self.taught_settings, self._taught(made, rows), way.share)
            if not len(rows):
                return self._fit(self.settings)
            return self._fit(self.settings, self._generated(made, rows), way.share)
        raise ValueError(f"no arm is named {arm!r}")

    def outcome(self, network: torch.nn.Module, indices: Ints) -> Floats32:
        """Return (n, K) probabilities on these images of the bench."""
        found: Floats32 = predict(network, torch.from_numpy(self.bench.images[indices])).numpy()
        return found

    @property
    def copied(self) -> int:
        """How many changed copies of shots the teacher labels: unlabelled images, which show more, take their place."""
        return max(0, TAUGHT_VIEWS * len(self.shots) - len(self.bench.unlabelled))

    @property
    def taught_settings(self) -> ClassifierSettings:
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
        """Changed copies of the shots and the unlabelled images, uint8, with the probabilities (n, K) of a teacher that
        knows pretrained features and the shots.
        """
        transforms = ClassicalTransforms(self.settings.transforms, self.seed)
        rounds = range(-(-self.copied // len(self.shots)))
        copies = [transforms(_unit(self.real.images), "taught", place) for place in rounds]
        images = ((torch.cat([*copies, _unit(self.real.images[:0])]) + 1) * 127.5).round().clamp(0, 255).byte()
        images = images[: self.copied]
        if len(self.bench.unlabelled):
            images = torch.cat([images, torch.from_numpy(self.bench.unlabelled)])
        return images, self.of_task(predict(self.teacher, images))

    def _fit(self, settings: ClassifierSettings, other: Material | None = None, share: float = 0.0) -> torch.nn.Module:
        return fit(settings, self.real, self.width, self.seed, other, share, device=self.device)

    def _targets(self, made: Arrays) -> Ints:
        return self.bench.targets(made["labels"].astype(np.int64))

    def _generated(self, made: Arrays, rows: Ints) -> Material:
        images = torch.from_numpy(np.ascontiguousarray(made["images"][rows]))
        return Material(images, torch.from_numpy(self._targets(made)[rows]))

    def _repeats(self) -> Material:
        """Return as many repeats of real images as the generator makes: the same exposure, no new image."""
        draws = numpy_stream(self.seed, "order", "placebo")
        per_class = self.bench.settings.made
        rows = np.concatenate(
            [draws.choice(np.flatnonzero(self.targets == code), per_class) for code in np.unique(self.targets)]
        )
        return Material(self.real.images[rows], self.real.labels[rows])

    def _taught(self, made: Arrays | None = None, rows: Ints | None = None) -> Material:
        """Return images that a teacher labelled, without and with these rows of the generated ones."""
        images, labels = self.views
        if made is None or rows is None or not len(rows):
            return Material(images, labels)
        asked = torch.nn.functional.one_hot(torch.from_numpy(self._targets(made)[rows]), self.width).float()
        told = self.of_task(torch.from_numpy(made["soft"][rows]))
        both = GENERATED_LABELS * asked + (1 - GENERATED_LABELS) * told
        chosen = torch.from_numpy(np.ascontiguousarray(made["images"][rows]))
        return Material(torch.cat([images, chosen]), torch.cat([labels, both]))

    def of_task(self, told: Tensor) -> Tensor:
        """Return (n, K) probabilities over the task's classes from those over the dataset's."""
        told = told[:, : len(self.bench.dataset.classes)]
        groups = torch.from_numpy(self.bench.targets(np.arange(told.shape[1], dtype=np.int64)))
        found = torch.zeros(len(told), self.width).index_add_(1, groups, told)
        return found / found.sum(1, keepdim=True)

    def _pasted(self) -> Material:
        """Return defects cut out of the shots and blended into others."""
        data, settings = self.bench.dataset, self.bench.settings
        masks = defect_masks(data, self.shots.tolist(), settings.resolution)
        clean = data.classes.index(self.bench.good) if self.bench.good is not None else None
        count = settings.made * len(data.classes)
        made = copy_paste(self.bench.images[self.shots], data.labels[self.shots], masks, count, self.seed, clean=clean)
        return Material(torch.from_numpy(made.images), torch.from_numpy(self.bench.targets(made.labels)))


def _unit(images: Tensor) -> Tensor:
    return images.float().div(127.5).sub(1)
