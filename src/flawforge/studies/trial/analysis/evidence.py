"""What a trial has measured: class probabilities on one test set, cell by cell. The judge looks at nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from flawforge.core.arrays import Bools, Floats32, Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.settings.arms import ARMS, judged_arm, uses_generated
from flawforge.metrics.inference.classification import STATISTICS, TASK_STATISTICS, Statistic
from flawforge.metrics.inference.resampling import Resampled, resampled
from flawforge.metrics.inference.sequential import level_now
from flawforge.runs.cells import CellKey
from flawforge.runs.gains import Word

Place = tuple[int, str]  # shots and model
LEAST_GAIN = 0.01  # of interest: below a point nobody changes a line


@dataclass(frozen=True)
class Evidence:
    """All that the verdict rests on.

    Attributes:
        task: ``type`` or ``good`` (class 0 good, class 1 defective).
        classes: of the classifier, in the order of the probabilities' columns.
        labels: (N,) true classes of the test images.
        groups: (N,) which of them show the same piece of material.
        files: (N,) their paths below the dataset's root.
        cells: (N, K) probabilities of each cell that is done.
        controls: for each (shots, model) the arm without generated images that was the best inside the training
            images, chosen once for all seeds.
        chosen: for each (shots, model) the arm with generated images that the inner choice advises, or None where it
            advises none. At places that are missing `judged_arm` counts.
        planned: seeds that were planned.
        looks: numbers of seeds at which the evidence was looked at to stop early, this look last; empty: looked at
            once, at the end.
        earlier: looks before these against other plans, (seeds, planned) in the order in which they were made.
        stands: words that were said before the trial was extended, of shots, model and arm; each is kept while the
            evidence agrees.
        left_out: comparisons that shared the error when they were looked at, and are asked for no more.
        kinds: for the task ``good`` the (N,) original class of each test image; the verdict per class is over these.
        wanted: smallest gain of interest, a share.
        seed: of the stream ``bootstrap``.
    """

    task: Literal["type", "good"]
    classes: tuple[str, ...]
    labels: Ints
    groups: Ints
    files: Sequence[str]
    cells: Mapping[CellKey, Floats32]
    controls: Mapping[Place, str]
    chosen: Mapping[Place, str | None]
    planned: int
    looks: tuple[int, ...] = ()
    earlier: tuple[tuple[int, int], ...] = ()
    stands: Mapping[tuple[int, str, str], Word] = field(default_factory=dict)
    left_out: int = 0
    kinds: Sequence[str] | None = None
    wanted: float = LEAST_GAIN
    seed: int = 0
    _kept: dict[object, Resampled] = field(default_factory=dict, repr=False, compare=False)

    @property
    def metric(self) -> str:
        """What the verdict rests on."""
        return TASK_STATISTICS[self.task][0]

    def level(self, error: float) -> float:
        """Return the one-sided level of this look, where the error is that over all looks; 0: it decides nothing."""
        return level_now(self.looks or (self.planned,), self.planned, error, self.earlier)

    @property
    def ended(self) -> bool:
        """Whether a plan was done to its end, so that more seeds can decide nothing."""
        now = (self.looks or (self.planned,))[-1]
        return any(seeds >= planned for seeds, planned in (*self.earlier, (now, self.planned)))

    def places(self) -> list[Place]:
        """Return the (shots, model) pairs that have any cell, in ascending order."""
        return sorted({(key.shots, key.model) for key in self.cells})

    def arms(self, place: Place) -> list[str]:
        """Return the arms that have any cell at a place, in the order of the page."""
        there = {key.arm for key in self.cells if (key.shots, key.model) == place}
        return sorted(there, key=lambda arm: (list(ARMS).index(arm) if arm in ARMS else len(ARMS), arm))

    def seeds(self, place: Place, arms: Sequence[str]) -> list[int]:
        """Return the seeds that all these arms have at a place."""
        have = [{key.seed for key in self.cells if (key.shots, key.model, key.arm) == (*place, arm)} for arm in arms]
        return sorted(set.intersection(*have)) if have else []

    def control(self, place: Place) -> str:
        """Return the control's name.

        Raises:
            DataUnusableError: none was chosen, it uses generated images, or it was not run.
        """
        name = self.controls.get(place, "")
        if not name or uses_generated(name) or name not in self.arms(place):
            there = ", ".join(arm for arm in self.arms(place) if not uses_generated(arm)) or "none"
            raise DataUnusableError(
                f"at {place[0]} shots with {place[1]} the control is {name or 'missing'!r}; it is an arm without "
                f"generated images that was run there ({there})"
            )
        return name

    def advised(self, place: Place) -> str | None:
        """Return the arm with generated images that counts at a place, or None where none is advised."""
        if place in self.chosen:
            return self.chosen[place]
        there = self.arms(place)
        return judged_arm(there)

    def stack(self, place: Place, arm: str, seeds: Sequence[int]) -> Floats32:
        """Return (S, N, K) probabilities."""
        return np.stack([self.cells[CellKey(seed, place[0], arm, place[1])] for seed in seeds])

    def drawn(self, place: Place, arm: str, seeds: Sequence[int], metric: str) -> Resampled:
        """Return a metric of an arm for each seed, on the test images and on draws of their groups."""
        key = (place, arm, tuple(seeds), metric)
        if key not in self._kept:
            self._kept[key] = resampled(
                self.stack(place, arm, seeds), self.labels, self.groups, STATISTICS[metric], self.seed
            )
        return self._kept[key]

    def parts(self) -> list[tuple[str, Bools, Statistic]]:
        """Return for each class its name, the test images that tell of it, and how they do.

        Of a type of defect: its own images and the share of them that is found. Of a kind of defect against good ones:
        its images and the good ones, and the area between them.
        """
        if self.task == "type":
            return [(name, self.labels == place, STATISTICS["accuracy"]) for place, name in enumerate(self.classes)]
        if self.kinds is None:
            return []
        kinds = np.asarray(self.kinds)
        bad = sorted(set(kinds[self.labels == 1].tolist()))
        return [(name, (kinds == name) & (self.labels == 1) | (self.labels == 0), STATISTICS["AUROC"]) for name in bad]
