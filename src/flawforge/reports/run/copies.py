"""The search for copies on the page: aligned pairs, scores beside those of real images, and the tests of the set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from flawforge.reports.charts.curves import Chart, histogram
from flawforge.reports.pictures import Picture, embed, read_picture, shrink
from flawforge.reports.words import NOT_MEASURED, count, number, percent, plural, share
from flawforge.runs.copying import Alignment, Copying
from flawforge.runs.folder import Run
from flawforge.runs.records import AuditRecord, Pair

PAIRS = 8
LONGEST = 192  # pixels of a picture's longest side that the page keeps
SYMMETRIES = {
    "flip-horizontal": "mirrored left-right",
    "flip-vertical": "mirrored top-bottom",
    "turn-180": "turned by 180°",
    "transpose": "mirrored along the diagonal",
    "transverse": "mirrored along the other diagonal",
    "turn-90": "turned by 90° to the left",
    "turn-270": "turned by 90° to the right",
}


@dataclass(frozen=True)
class Aligned:
    """A generated image beside the training image laid onto it, each None when no picture was kept; facts in words."""

    generated: Picture | None
    training: Picture | None
    generated_file: str
    training_file: str
    score: str
    chance: str
    how: str
    copied: bool


@dataclass(frozen=True)
class CopiesSection:
    """The part of the audit's section that tells of disguised copies.

    Attributes:
        verdict: with a capital letter.
        chart: the scores, generated and real; None without a scale.
        facts: (what, value in words).
        pairs: the likeliest copies, the highest score first.
        line: the score from which on an image is called a copy though it is the only one; or empty.
        tests: (what, value, p-value, the same corrected for all tests, meaning) of the set as a whole.
        diversity: in plain words, or empty.
    """

    verdict: str
    chart: Chart | None
    facts: tuple[tuple[str, str], ...]
    pairs: tuple[Aligned, ...]
    tests: tuple[tuple[str, str, str, str, str], ...]
    diversity: str
    line: str


def copies(run: Run, audit: AuditRecord, white: int) -> CopiesSection | None:
    """Make the part, or return None for a record of an older version, which holds no such search."""
    found = audit.copying
    if found is None:
        return None
    return CopiesSection(
        verdict=found.verdict[0].upper() + found.verdict[1:],
        chart=_chart(found),
        facts=_facts(found),
        pairs=_pairs(run, audit, white),
        tests=tuple(
            (
                test.name,
                number(test.effect) + (f" (without copying: {number(test.expected)})" if test.expected else ""),
                NOT_MEASURED if test.p is None else chance(test.p),
                NOT_MEASURED if test.adjusted is None else chance(test.adjusted),
                test.note,
            )
            for test in audit.tests
        ),
        diversity=audit.diversity.sentence if audit.diversity else "",
        line="" if found.threshold is None else number(found.threshold),
    )


def chance(p: float) -> str:
    """Return a p-value in words."""
    return "below 1 in 1,000,000" if p < 1e-6 else f"1 in {count(int(1 / p))}" if p < 0.01 else number(p)


def how(likeness: Alignment) -> str:
    """Return in words what was done to the training image so that it lies on the generated one."""
    parts = [SYMMETRIES[likeness.symmetry]] if likeness.symmetry in SYMMETRIES else []
    if likeness.tilt >= 2:
        parts.append(f"tilted by {likeness.tilt:.0f}°")
    if likeness.negative:
        parts.append("as a negative")
    if abs(likeness.scale - 1) >= 0.02:
        parts.append(("enlarged" if likeness.scale > 1 else "reduced") + f" to {100 * likeness.scale:.0f}\u00a0%")
    for value, ahead, back in zip(likeness.shift, ("right", "down"), ("left", "up"), strict=True):
        if abs(value) >= 1:
            parts.append(f"{abs(value):.0f}\u00a0% {ahead if value > 0 else back}")
    return ", ".join(parts) or "as it is"


def _facts(found: Copying) -> tuple[tuple[str, str], ...]:
    n = len(found.generated)
    aside = f"; {found.set_aside} left out, the same material as another group's" if found.set_aside else ""
    over = sum(score >= found.image_threshold for score in found.generated) if found.image_threshold else None
    return (
        ("Called copies", share(found.found, n)),
        ("Above the score that 1\u00a0% of honest images exceed", share(over, n)),
        ("Copies that the audit planted to test itself, and found", f"{found.recovered} of {found.planted}"),
        (
            "Share of copies that would have been noticed",
            NOT_MEASURED if found.detectable is None else f"{percent(found.detectable)} or more",
        ),
        ("Real images that make the scale", f"{count(len(found.real))} of {plural(found.groups, 'group')}{aside}"),
    )


def _chart(found: Copying) -> Chart | None:
    if not found.real or not found.generated:
        return None
    both = np.concatenate([found.real, found.generated])
    start, end = min(0.0, float(both.min())), max(float(both.max()), found.threshold or 0) * 1.05 + 0.01
    edges = np.linspace(start, end, 49)
    marks = ((found.threshold, "called a copy"),) if found.threshold is not None else ()
    names = f"real, other material (n = {count(len(found.real))})", f"generated (n = {count(len(found.generated))})"
    return Chart(
        "copy-scores",
        f"Histogram of copy scores. Median of generated images {number(float(np.median(found.generated)))}, of real "
        f"ones {number(float(np.median(found.real)))}.",
        "copy score of the best alignment",
        "images, %",
        (histogram(names[0], "real", found.real, edges), histogram(names[1], "generated", found.generated, edges)),
        marks=marks,
        x_range=(start, end),
    )


def _pairs(run: Run, audit: AuditRecord, white: int) -> tuple[Aligned, ...]:
    known = [(pair, pair.likeness) for pair in audit.pairs if pair.likeness is not None]
    called = any(like.copied for _, like in known)
    kept = [(pair, like) for pair, like in known if like.copied or (not called and like.picture is not None)]
    ranked = sorted(kept, key=lambda both: (not both[1].copied, -both[1].score))[:PAIRS]
    images: dict[str, tuple[Image.Image, str]] = {}
    for pair, like in ranked:
        _collect(run, images, pair.picture, f"Generated image {pair.file}", white)
        _collect(run, images, like.picture, f"Training image {like.file}, {how(like)}", white)
    embedded, _ = embed(list(images.values()))
    pictures = dict(zip(images, embedded, strict=True))
    return tuple(_aligned(pair, like, pictures) for pair, like in ranked)


def _aligned(pair: Pair, like: Alignment, pictures: dict[str, Picture]) -> Aligned:
    return Aligned(
        pictures.get(pair.picture or ""),
        pictures.get(like.picture or ""),
        pair.file,
        like.file,
        number(like.score),
        chance(like.p),
        how(like),
        like.copied,
    )


def _collect(run: Run, images: dict[str, tuple[Image.Image, str]], picture: str | None, alt: str, white: int) -> None:
    image = read_picture(run.path, picture, white) if picture and picture not in images else None
    if picture and image is not None:
        images[picture] = (shrink(image, LONGEST / max(image.size)), alt)
