"""Ways of using generated images: which of them, how many in a batch, for which classes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from flawforge.core.arrays import Arrays, Ints

FEWEST = 8  # images of a class that a filter leaves at least, the surest ones
Filter = Literal["none", "agreeing", "strict"]


@dataclass(frozen=True)
class Way:
    """One way of using generated images.

    Attributes:
        name: in records.
        share: generated images' part of a batch.
        filter: ``none``; ``agreeing``: the probe that was trained on the real shots sees the class that was asked for;
            ``strict``: also no repeat of a shot, and of the more realistic half.
        typical: take the truncated images.
        taught: the teacher labels them, and changed copies of the shots beside them; else they count as what was asked
            for.
        hard: only for the classes that the classical arm finds hardest inside the shots.
        classes: task classes that get generated images; None is all. Filled in by the choice.
    """

    name: str
    share: float
    filter: Filter
    typical: bool = False
    taught: bool = False
    hard: bool = False
    classes: tuple[int, ...] | None = None

    def dump(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Way:
        """Return what `dump` made."""
        classes = values["classes"]
        return cls(**{**values, "classes": None if classes is None else tuple(classes)})


WAYS = (
    Way("half, labelled by the teacher", 0.5, "agreeing", taught=True),
    Way("half, labelled by the teacher, typical ones", 0.5, "agreeing", typical=True, taught=True),
    Way("half, labelled by the teacher, for hard classes", 0.5, "agreeing", taught=True, hard=True),
    Way("a little, agreeing", 0.15, "agreeing"),
    Way("more, strictly filtered", 0.3, "strict"),
)
DEFAULT_WAY = WAYS[0]  # where the shots are too few to choose by: what helped most where it was tried


def chosen_rows(made: Arrays, filter: Filter, typical: bool) -> Ints:
    """Return the ascending rows of the generated images that pass a filter.

    A class of which fewer than `FEWEST` pass keeps those that the probe is surest of.

    Args:
        made: arrays of a generator's cell.
        filter: as in `Way`.
        typical: only truncated images, where there are any; else only the others.
    """
    labels, soft = made["labels"], made["soft"]
    sure = soft[np.arange(len(labels)), labels]
    kind = made["typical"] == int(typical)
    kind = kind if kind.any() else np.ones(len(labels), bool)
    if filter == "none":
        return np.flatnonzero(kind).astype(np.int64)
    passes = kind & (soft.argmax(1) == labels)
    kept: list[Ints] = []
    for code in np.unique(labels[kind]):
        rows = np.flatnonzero(passes & (labels == code))
        if filter == "strict" and len(rows):
            new = rows[made["novel"][rows] > 0]
            rows = new if len(new) >= FEWEST else rows
            deep = made["realism"][rows]
            rows = rows[deep >= np.median(deep)]
        if len(rows) < FEWEST:
            everyone = np.flatnonzero(kind & (labels == code))
            rows = everyone[np.argsort(-sure[everyone], kind="stable")[:FEWEST]]
        kept.append(rows.astype(np.int64))
    return np.sort(np.concatenate(kept))


def restricted(rows: Ints, targets: Ints, classes: tuple[int, ...] | None) -> Ints:
    """Return the rows whose task class is among `classes` (all with None)."""
    return rows if classes is None else rows[np.isin(targets[rows], classes)]
