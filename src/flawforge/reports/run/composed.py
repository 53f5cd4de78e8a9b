"""Composed images beside what each is made of: of a run of recipe `compose`, or of the one that `flawforge run` begins
with.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from flawforge.reports.pictures import Picture, embed, read_picture
from flawforge.reports.run.examples import PlacedExample, placed_examples
from flawforge.runs.checkpoint import list_checkpoints
from flawforge.runs.folder import COMPOSED, COMPOSED_SHEET, PLACED_SHEET, STRIPS, STRIPS_SHEET, Run


@dataclass(frozen=True)
class ComposedSheet:
    """Images in groups, three a row: one or two training images, a light, and what they make together.

    Attributes:
        picture: of all groups.
        sentence: what was chosen and why.
        folder: the run's, quoted for a shell.
        inside: it is a run inside the one that the page is about.
        placed: each group is a ground, the image that a defect is cut from where it is not drawn, the result, its mask.
        examples: images of the set with a defect placed, beside their grounds.
        strips: of each class one defect at several strengths, and one at several places; None: not drawn.
        classes: those of the strips.
    """

    picture: Picture
    sentence: str
    folder: str
    inside: bool
    placed: bool = False
    examples: list[PlacedExample] = field(default_factory=list)
    strips: Picture | None = None
    classes: tuple[str, ...] = ()


def composed_sheet(run: Run) -> ComposedSheet | None:
    """Return the section, or None when nothing was composed."""
    placed = (run.previews / PLACED_SHEET).is_file()
    own = placed or (run.previews / COMPOSED_SHEET).is_file()
    source = run if own else Run(run.path / COMPOSED)
    image = read_picture(source.previews, PLACED_SHEET if placed else COMPOSED_SHEET)
    checkpoints = list_checkpoints(source)
    if image is None or not checkpoints:
        return None
    facts = checkpoints[-1].facts.get("composition")
    sentence = str(facts.get("sentence", "")) if isinstance(facts, dict) else ""
    folder, picture = shlex.quote(str(source.path)), embed([image])[0][0]
    if not placed:
        return ComposedSheet(picture, sentence, folder, not own)
    made = facts.get("symmetries") if isinstance(facts, dict) else None
    strips = read_picture(source.previews, STRIPS_SHEET)
    return ComposedSheet(
        picture,
        sentence,
        folder,
        not own,
        placed,
        placed_examples(source, run.settings.data.white),
        None if strips is None else embed([strips])[0][0],
        tuple(made)[:STRIPS] if isinstance(made, dict) else (),
    )
