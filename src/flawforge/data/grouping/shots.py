"""Shots: a few samples of each class, from as many different specimens as there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from flawforge.core.arrays import Ints
from flawforge.core.errors import DataUnusableError
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.bounds import check_numbers


def check_shots(counts: Mapping[str, int], shots: int | None) -> None:
    """Refuse to begin with more shots than any class has. A class with fewer beside larger ones gives all it has.

    Args:
        counts: class to its images.
        shots: that are asked for; None asks for all.

    Raises:
        DataUnusableError: no class has so many: it is no few-shot experiment, or a slip of the finger.
    """
    label, most = max(counts.items(), key=lambda one: one[1], default=("", 0))
    if shots is not None and counts and shots > most:
        largest = f"class '{label}' has {most}" if len(counts) == 1 else f"the largest, '{label}', has {most}"
        raise DataUnusableError(
            f"--shots is {shots}, and no class has so many images: {largest}. Ask for {most} or fewer, or leave "
            f"--shots out to take all."
        )


def draw_shots(labels: Ints, classes: tuple[str, ...], groups: Ints, shots: int, seed: int) -> list[int]:
    """Return the indices of `shots` samples of each class; a class with fewer gives all it has.

    Args:
        labels: (N,) index into `classes` of each sample.
        classes: names; each class has its own draw, which does not depend on what other classes there are.
        groups: (N,) group of each sample. First one sample of each group is taken, then second ones.
        shots: samples a class, from 1.
        seed: of the draw. More shots with the same seed hold the fewer ones.

    Raises:
        SettingError: `shots` is below 1.
    """
    check_numbers(shots=shots)
    chosen: list[int] = []
    for code, label in enumerate(classes):
        members = np.flatnonzero(labels == code)
        members = numpy_stream(seed, "shots", label).permutation(members)
        seen: Counter[int] = Counter()
        rounds = []
        for index in members:
            rounds.append(seen[int(groups[index])])
            seen[int(groups[index])] += 1
        order = np.argsort(rounds, kind="stable")
        chosen += [int(members[i]) for i in order[:shots]]
    return chosen
