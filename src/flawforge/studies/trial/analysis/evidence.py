"""What a trial has measured: class probabilities on one test set, cell by cell. The verdict rests on nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from flawforge.core.arrays import Bools, Floats32, Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.settings.arms import in_order, judged_arm, shows_new_images
from flawforge.metrics.detection.pixels import ClassPixels
from flawforge.metrics.inference.classification import STATISTICS, Statistic
from flawforge.metrics.inference.resampling import Resampled, resampled
from flawforge.metrics.inference.sequential import level_now
from flawforge.runs.cells import CellKey
from flawforge.runs.trials import Word
from flawforge.studies.trial.analysis import sentences
from flawforge.studies.trial.analysis.figures import Figure, Task, figures_of, verdict_figure

Setting = tuple[int, str]  # shots and model
SMALLEST_GAIN = 0.01  # of interest: below a point nobody changes a production line


@dataclass(frozen=True)
class Evidence:
    """All that the verdict rests on.

    Attributes:
        task: ``type``, ``good`` (class 0 good, class 1 defective) or ``locate``.
        classes: of the classifier, in the order of the probabilities' columns.
        labels: (N,) true classes of the test images.
        groups: (N,) which of them show the same specimen.
        files: (N,) their paths below the dataset's root.
        cells: (N, K) probabilities of each cell that is done; with the task ``locate`` its tables of maps.
        controls: for each (shots, model) the arm without generated images that was the best on the training images,
            chosen once for all repeats.
        chosen: for each (shots, model) the arm with generated images that the inner choice advises, or None where it
            advises none. For settings that are missing `judged_arm` counts.
        planned: repeats that were planned.
        analyses: numbers of repeats of the interim analyses, this one last; empty: a single analysis at the end.
        earlier: analyses before these against other plans, (repeats, planned) in the order in which they were made.
        stands: words of shots, model and arm from before the trial was extended; each is kept while the evidence
            agrees.
        left_out: comparisons that shared the error when they were analysed, and are no longer asked for.
        kinds: for the task ``good`` the (N,) original class of each test image; the verdict per class is over these.
        rare: the rare classes, whose figure the verdict then rests on.
        unequal: whether the classes have unlike numbers of images, as in the factory.
        good: with the task ``locate``, the label of the images without a defect; None: there are none.
        wanted: smallest gain of interest, a share.
        seed: of the stream ``bootstrap``.
    """

    task: Task
    classes: tuple[str, ...]
    labels: Ints
    groups: Ints
    files: Sequence[str]
    cells: Mapping[CellKey, Floats32]
    controls: Mapping[Setting, str]
    chosen: Mapping[Setting, str | None]
    planned: int
    analyses: tuple[int, ...] = ()
    earlier: tuple[tuple[int, int], ...] = ()
    stands: Mapping[tuple[int, str, str], Word] = field(default_factory=dict)
    left_out: int = 0
    kinds: Sequence[str] | None = None
    rare: tuple[str, ...] = ()
    unequal: bool = False
    good: int | None = None
    wanted: float = SMALLEST_GAIN
    seed: int = 0
    _kept: dict[object, Resampled] = field(default_factory=dict, repr=False, compare=False)

    @property
    def metric(self) -> str:
        """What the verdict rests on."""
        return verdict_figure(self.task, self.rare)

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """All that is measured of an arm, by name; the verdict's first."""
        return figures_of(
            self.task, self.classes, self.labels, self.kinds, self.rare, unequal=self.unequal, good=self.good
        )

    def where(self, setting: Setting) -> str:
        """Return a setting in words: ``at 5 images per class (small-cnn)``."""
        return sentences.at(*setting, self.rare)

    def level(self, error: float) -> float:
        """Return the one-sided level of this analysis, of an error over all of them; 0: it decides nothing."""
        return level_now(self.analyses or (self.planned,), self.planned, error, self.earlier)

    @property
    def ended(self) -> bool:
        """Whether a plan was done to its end, so that more repeats can decide nothing."""
        return any(done >= planned for done, planned in (*self.earlier, (self.now, self.planned)))

    @property
    def now(self) -> int:
        """The number of repeats at this analysis."""
        return (self.analyses or (self.planned,))[-1]

    def settings(self) -> list[Setting]:
        """Return the (shots, model) pairs that have any cell, in ascending order."""
        return sorted({(key.shots, key.model) for key in self.cells})

    def arms(self, setting: Setting) -> list[str]:
        """Return the arms that have any cell in a setting, in the order of the page."""
        found = {key.arm for key in self.cells if (key.shots, key.model) == setting}
        return in_order(found)

    def repeats(self, setting: Setting, arms: Sequence[str]) -> list[int]:
        """Return the repeats that all these arms have in a setting."""
        have = [{key.seed for key in self.cells if (key.shots, key.model, key.arm) == (*setting, arm)} for arm in arms]
        return sorted(set.intersection(*have)) if have else []

    def control(self, setting: Setting) -> str:
        """Return the control's name.

        Raises:
            DataUnusableError: none was chosen, it uses generated images, or it was not run.
        """
        name = self.controls.get(setting, "")
        if not name or shows_new_images(name) or name not in self.arms(setting):
            there = ", ".join(arm for arm in self.arms(setting) if not shows_new_images(arm)) or "none"
            raise DataUnusableError(
                f"at {setting[0]} shots with {setting[1]} the control is {name or 'missing'!r}; it is an arm without "
                f"generated images that was run there ({there})"
            )
        return name

    def advised(self, setting: Setting) -> str | None:
        """Return the arm with generated images that counts in a setting, or None where none is advised."""
        if setting in self.chosen:
            return self.chosen[setting]
        return judged_arm(self.arms(setting))

    def stack(self, setting: Setting, arm: str, repeats: Sequence[int]) -> Floats32:
        """Return (S, N, K) probabilities."""
        return np.stack([self.cells[CellKey(repeat, setting[0], arm, setting[1])] for repeat in repeats])

    def resampled(self, setting: Setting, arm: str, repeats: Sequence[int], metric: str = "") -> Resampled:
        """Return a metric (the verdict's, where none is named) of an arm for each repeat, on the test images and on
        draws of their groups.
        """
        key = (setting, arm, tuple(repeats), metric or self.metric)
        if key not in self._kept:
            figure = self.figures[metric or self.metric]
            of, rests = figure.of, [own[figure.of] for own in figure.rests_on]
            outputs = self.stack(setting, arm, repeats)[:, of]
            self._kept[key] = resampled(
                outputs, figure.labels[of], self.groups[of], figure.statistic, self.seed, rests_on=rests
            )
        return self._kept[key]

    def mean(self, setting: Setting, arm: str, repeats: Sequence[int]) -> float:
        """Return what an arm reached in the verdict's metric, a share, the mean over repeats."""
        return float(self.resampled(setting, arm, repeats).values.mean())

    def class_statistics(self) -> list[tuple[str, Bools, Bools, Statistic]]:
        """Return for each class its name, its test images, those that its statistic is computed on, and the statistic.

        Of a type of defect: its own images and their recall. Of a kind of defect against good ones: its images and the
        good ones, and the AUROC between them. With the task ``locate``: all images, and the pixel average precision of
        its defects against all ground.
        """
        if self.task == "locate":
            codes = [code for code in range(len(self.classes)) if code != self.good]
            everything = np.ones(len(self.labels), bool)
            return [(self.classes[code], self.labels == code, everything, ClassPixels(code)) for code in codes]
        if self.task == "type":
            own = [self.labels == code for code in range(len(self.classes))]
            return [(name, of, of, STATISTICS["accuracy"]) for name, of in zip(self.classes, own, strict=True)]
        kinds, bad = np.asarray(self.kinds or ()), self.labels == 1
        names = sorted(set(kinds[bad].tolist())) if len(kinds) else []
        return [(name, (kinds == name) & bad, (kinds == name) & bad | ~bad, STATISTICS["AUROC"]) for name in names]
