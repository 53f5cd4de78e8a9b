"""How much the training images of two repeats have in common, which limits what several repeats can tell."""

from __future__ import annotations

import numpy as np

from flawforge.studies.trial.setup.bench import Bench

OFTEN = 0.5  # share of a class's shots from which on repeats are not independent enough to say nothing of it
COMPARED_REPEATS = 30


def shared_shots(bench: Bench, shots: int) -> dict[str, float]:
    """Return for each class what share of its shots two repeats have in common, the mean over all pairs of repeats.

    Args:
        bench: of the trial.
        shots: images a class.

    Returns:
        Class to share, 0 to 1, exactly 1 where all repeats have the same ones; empty with fewer than two repeats.
    """
    repeats = min(COMPARED_REPEATS, bench.settings.seeds)
    if repeats < 2:
        return {}
    drawn = np.concatenate([bench.shots(repeat, shots) for repeat in range(repeats)])
    times = np.bincount(drawn, minlength=len(bench.dataset))  # repeats that have each image
    out = {}
    for code, label in enumerate(bench.dataset.classes):
        own = times[bench.dataset.labels == code]
        out[label] = float((own * (own - 1)).sum() / (own.sum() * (repeats - 1)))
    return out


def overlap_notes(bench: Bench) -> list[str]:
    """Return what a reader must know of it at the largest number of shots, a sentence each; nothing where it is little.

    Repeats also share the test images, which the interval accounts for; it cannot account for the shared pool.
    """
    most = max(bench.settings.shots)
    found = shared_shots(bench, most)
    same = [label for label, share in found.items() if share == 1]
    much = {label: share for label, share in found.items() if OFTEN < share < 1}
    notes = []
    if same:
        notes.append(
            f"At {most} shots every repeat has the same training images of {', '.join(same)}: there are no others "
            f"outside the test set. Repeats differ there by the training alone, and the result holds for these images."
        )
    if much:
        mean = min(99.0, 100 * sum(much.values()) / len(much))
        notes.append(
            f"At {most} shots two repeats have {mean:.0f}% of their training images of {', '.join(much)} in common, "
            f"on average: few others are left outside the test set. With other images of the same classes the "
            f"result may differ by more than its interval says."
        )
    return notes


def how_drawn(bench: Bench) -> str:
    """Return how the repeats came to their training images, in a sentence."""
    each = [share for shots in bench.settings.shots for share in shared_shots(bench, shots).values()]
    if each and min(each) == 1:
        return "Every repeat has the same training images: all that are left outside the test set."
    begin = "Each repeat drew its own training images from the rest, from as many different parts as there are"
    if each and max(each) > OFTEN:
        return f"{begin}; there are so few that repeats have many in common (see the notes)."
    return f"{begin}."
