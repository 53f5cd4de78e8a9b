"""Which class, by its name, holds the images without a defect."""

from __future__ import annotations

GOOD = ("good", "ok", "normal", "background", "defect-free", "no-defect", "none")
ENDINGS = ("free", "good", "ok", "normal")  # of names like crack-free, MT_Free and MT_Good ...
DENIALS = ("not", "no", "non", "never")  # ... where no such word comes before
BEGINNINGS = ("good", "ok", "normal", "defect-free", "no-defect")  # of names like ok_front, which say it as well


def find_good(classes: tuple[str, ...]) -> str | None:
    """Return the class that holds images without a defect, or None.

    A whole name counts before the beginning of one, and that before an end. A beginning or an end counts only where no
    other class has one: of ``ok_front`` and ``ok_side`` neither is taken.
    """
    whole = named_good(classes)
    if whole is not None:
        return whole
    begun = [label for label in classes if _plain(label).startswith(tuple(f"{name}-" for name in BEGINNINGS))]
    if begun:
        return begun[0] if len(begun) == 1 else None
    ended = [label for label in classes if _ends_good(_plain(label).split("-"))]
    return ended[0] if len(ended) == 1 else None


def named_good(classes: tuple[str, ...]) -> str | None:
    """Return the class that is called good outright, or None."""
    return next((label for name in GOOD for label in classes if _plain(label) == name), None)


def _ends_good(words: list[str]) -> bool:
    return words[-1] in ENDINGS and not (len(words) > 1 and words[-2] in DENIALS)


def _plain(label: str) -> str:
    return label.lower().replace("_", "-").replace(" ", "-")
