"""What an audit says in plain words, and no more than it has measured."""

from __future__ import annotations


def audit_sentence(n: int, exact: int, nearer: int | None, flips: bool) -> str:
    """Return the outcome of an audit for a reader who knows no statistics.

    Args:
        n: generated images.
        exact: of them, copies of a training image in every compared pixel.
        nearer: of them, nearer to a training image than any two real images of different pieces are to each other;
            None when there is no such scale.
        flips: whether mirrored training images were compared too.
    """
    unseen = "shifted, cropped or turned a little" if flips else "shifted, cropped, mirrored or turned"
    limit = f"Pixels compared place by place cannot show copies that were {unseen}."
    parts = []
    if exact:
        parts.append(f"{exact} of {n} generated images {_are(exact)} an exact copy of a training image.")
    if nearer is None:
        parts.append(
            "All training images show one piece of material, so there is no scale for how near a new image may be: "
            "judge the nearest pairs by eye."
        )
    elif nearer:
        parts.append(
            f"{nearer} of {n} generated images {_are(nearer)} nearer to a training image than any two real images of "
            f"different pieces are to each other: look at {'it' if nearer == 1 else 'them'}."
        )
    else:
        parts.append(
            f"0 of {n} generated images are nearer to a training image than the two most alike real images of "
            f"different pieces are to each other."
        )
    return " ".join([*parts, limit])


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
