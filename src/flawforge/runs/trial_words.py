"""Numbers of a trial in words."""

from __future__ import annotations

from collections.abc import Sequence

from flawforge.core.settings.trials import ALL_IMAGES

COMPOSED_ARMS = ("compose", "relight", "recommended")  # the last where it is what counts: it then uses composed images


def training_images(shots: int, rare: Sequence[str] = ()) -> str:
    """Return how many training images there are, in words: ``5 images per class``, with rare classes ``5 images of
    dent``; 0 are all that there are.
    """
    if shots == ALL_IMAGES:
        return "all images"
    return f"{shots} images {of_classes(rare)}"


def of_classes(rare: Sequence[str] = ()) -> str:
    """Return of which classes a number of training images is: ``per class``, ``of dent``, ``each of dent and hole``."""
    if not rare:
        return "per class"
    return f"of {rare[0]}" if len(rare) == 1 else f"each of {' and '.join(rare)}"


def kind(arm: str) -> str:
    """Return what the images of an arm that counts are: ``generated`` or ``composed``."""
    return "composed" if arm in COMPOSED_ARMS else "generated"
