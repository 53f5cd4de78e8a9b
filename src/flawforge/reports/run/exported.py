"""The exported generator as the page shows it: the file, how near it is to PyTorch, and the licence of the images."""

from __future__ import annotations

import shlex

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.runs.folder import Run
from flawforge.runs.generator.cards import EXPORTED, GeneratorCard, read_generator_card
from flawforge.runs.model_cards import GENERATOR


def exported_generator(run: Run, damaged: dict[str, str]) -> GeneratorCard | None:
    """Return the card of the generator that was exported into the run's folder; None where there is none, and where it
    is damaged, which is noted with the command that mends it.
    """
    try:
        return read_generator_card(run.path / EXPORTED)
    except RunNotFoundError:
        return None
    except RunBrokenError as error:
        command = f"flawforge export-model {shlex.quote(str(run.path))} --overwrite"
        damaged["exported generator"] = f"{error} That is done by: {command}"
        return None


def exported_rows(card: GeneratorCard | None) -> list[tuple[str, str]]:
    """Return what the page says of it, a row each; none where nothing was exported."""
    if card is None:
        return []
    classes = ", ".join(card.classes)
    return [
        ("File", f"{EXPORTED}/{GENERATOR}, with card.md"),
        ("Made", f"{card.made} by {card.command}"),
        ("Weights", card.checkpoint),
        ("Inputs", f"latents of {card.latent} numbers" + (f"; class: {classes}" if card.takes_labels else "")),
        ("Differs from PyTorch", f"by {card.onnx.difference:.1e} (black to white is 2), on {card.onnx.images} images"),
        ("Licence of the training images", card.licence),
    ]
