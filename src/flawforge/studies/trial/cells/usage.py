"""Strategies of using generated images: which of them, how many in a batch, for which classes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from flawforge.core.arrays import Arrays, Bools, Bytes, Floats32, Ints

MIN_KEPT = 8  # images of a class that a filter leaves at least, the surest ones
Filter = Literal["none", "agreeing", "strict"]


class Usage(BaseModel):
    """One strategy of using generated images.

    Attributes:
        name: in records.
        share: generated images' part of a batch.
        filter: ``none``; ``agreeing``: the teacher, which was trained on the real shots, sees the class that was asked
            for; ``strict``: also no repeat of a shot, and of the more realistic half.
        typical: take the truncated images.
        pseudo_labelled: the teacher labels them, and changed copies of the shots beside them; else their label is the
            class that was asked for.
        hard: only for the classes that the classical arm finds hardest inside the shots.
        classes: task classes that get generated images; None is all. Filled in by the choice.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    name: str
    share: float
    filter: Filter
    typical: bool = False
    pseudo_labelled: bool = Field(default=False, validation_alias="taught", serialization_alias="taught")
    hard: bool = False
    classes: tuple[int, ...] | None = None


DEFAULT_USAGE = Usage(name="half, labelled by the teacher", share=0.5, filter="agreeing", pseudo_labelled=True)
USAGES = (
    DEFAULT_USAGE,  # where the shots are too few to choose by: what helped most where it was tried
    DEFAULT_USAGE.model_copy(update={"name": f"{DEFAULT_USAGE.name}, typical ones", "typical": True}),
    DEFAULT_USAGE.model_copy(update={"name": f"{DEFAULT_USAGE.name}, for hard classes", "hard": True}),
    Usage(name="a little, agreeing", share=0.15, filter="agreeing"),
    Usage(name="more, strictly filtered", share=0.3, filter="strict"),
)


@dataclass(frozen=True)
class GeneratedBatch:
    """What one generator made.

    Attributes:
        images: (M, C, H, W) uint8 as classifiers see them.
        labels: (M,) class of the dataset that was asked for.
        typical: (M,) 1 where the latent was truncated.
        novel: (M,) 0 where a shot is repeated.
        soft: (M, K) the teacher's probabilities of the dataset's classes; None where no arm has asked for them.
        realism: (M,) realism score by the nearest shots of the class; None likewise.
    """

    images: Bytes
    labels: Ints
    typical: Bytes
    novel: Bytes
    soft: Floats32 | None = None
    realism: Floats32 | None = None

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Return what `arrays` made."""
        return cls(**arrays)

    def arrays(self) -> Arrays:
        """Return it as a cell holds it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def chosen(self, usage: Usage, targets: Ints) -> Ints:
        """Return the ascending rows of the images that a strategy takes.

        A class of which fewer than `MIN_KEPT` pass the filter keeps those that the teacher is surest of.

        Args:
            usage: the strategy. Truncated images are taken only where there are any.
            targets: (M,) task classes.
        """
        labels = self.labels
        kind = self.typical == int(usage.typical)
        kind = kind if kind.any() else np.ones(len(labels), bool)
        if usage.filter == "none":
            rows = np.flatnonzero(kind)
        else:
            rows = np.concatenate([self._filtered(kind & (labels == code), usage) for code in np.unique(labels[kind])])
            rows.sort()
        return rows if usage.classes is None else rows[np.isin(targets[rows], usage.classes)]

    def _filtered(self, members: Bools, usage: Usage) -> Ints:
        assert self.soft is not None
        assert self.realism is not None
        rows = np.flatnonzero(members & (self.soft.argmax(1) == self.labels))
        if usage.filter == "strict" and len(rows):
            new = rows[self.novel[rows] > 0]
            rows = new if len(new) >= MIN_KEPT else rows
            rows = rows[self.realism[rows] >= np.median(self.realism[rows])]
        if len(rows) >= MIN_KEPT:
            return rows
        everyone = np.flatnonzero(members)
        sure = self.soft[everyone, self.labels[everyone]]
        return everyone[np.argsort(-sure, kind="stable")[:MIN_KEPT]]
