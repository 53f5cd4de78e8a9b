"""The card of a generator that leaves Flawforge: what it is, where it comes from, and what was measured of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from flawforge.core.errors import RunNotFoundError
from flawforge.runs.model_cards import CARD, CARD_TEXT, GENERATOR, OnnxCheck
from flawforge.runs.records import Record, RecordPart, read_record

EXPORTED = "exported"  # folder in a run's
FILES = (GENERATOR, CARD, CARD_TEXT)
NOT_STATED = "not stated"


class JudgementOnCard(RecordPart):
    """What a record of the run says.

    Attributes:
        verb: that makes the record, ``audit`` or ``score``.
        sentence: its outcome; what is wrong with it where it cannot be read; empty: there is none.
        made: when; empty: there is none.
        images: generated images that it is about.
        other: it is about other images than these weights make, as far as is known.
    """

    verb: str
    sentence: str
    made: str = ""
    images: int = 0
    other: bool = False


class GeneratorCard(Record):
    """What an exported generator is and what is known of it.

    Attributes:
        recipe: all settings. seed: of the training.
        checkpoint: the weights, as manifests name them. step, kimg: how long they were trained.
        classes: class number to name, in order: the input ``labels`` takes the number; a single one, ``mixed``, where
            the network does not tell classes apart, and then there is no such input.
        latent: numbers in one latent. channels, resolution: of the images, (height, width).
        source: the training images, as they were named. fingerprint: of them. training: class to number of images.
        unlabelled: images without a class that were trained on as well.
        stored_as: how real images are stored, each form with its number.
        licence: of the training images, as the user states it.
        judgements: what audit and score of the run say.
        onnx: the check against PyTorch.
        trained_by: command of the training.
    """

    kind: Literal["generator"] = "generator"
    recipe: dict[str, Any]
    seed: int
    checkpoint: str
    step: int
    kimg: float | None
    classes: list[str]
    takes_labels: bool
    latent: int
    channels: int
    resolution: tuple[int, int]
    source: str
    fingerprint: str
    training: dict[str, int]
    unlabelled: int
    stored_as: list[str]
    licence: str
    judgements: list[JudgementOnCard]
    onnx: OnnxCheck
    trained_by: str


def read_generator_card(folder: Path) -> GeneratorCard:
    """Read the card of an exported generator.

    Raises:
        RunNotFoundError: there is none. RunBrokenError: it is damaged or of another format.
    """
    again = "Make it again with flawforge export-model."
    if not (folder / GENERATOR).is_file():
        raise RunNotFoundError(f"{folder} holds no exported generator. {again}")
    return read_record(folder / CARD, GeneratorCard, f"{folder} has no {CARD}. {again}", again)


def generator_card_text(card: GeneratorCard) -> str:
    """Return the card as Markdown, for people."""
    height, width = card.resolution
    colour = "gray" if card.channels == 1 else "colour"
    trained = ", ".join(f"{label} {count}" for label, count in card.training.items())
    length = f"{card.step:,} steps" + ("" if card.kimg is None else f", {card.kimg:g} thousand real images shown")
    extra = f", and {card.unlabelled} images without a class" if card.unlabelled else ""
    lines = [
        f"# Generator of {', '.join(card.classes)}",
        "",
        f"A generative network, recipe `{card.recipe.get('name')}`, that draws {colour} images of {height} x {width} "
        f"pixels (height x width). It was trained by Flawforge on {sum(card.training.values())} images ({trained}).",
        "",
        *_use_lines(card),
        "",
        "## Where it comes from",
        "",
        f"- Training images: `{card.source}`, {trained}{extra}; SHA-256 of classes and pixels {card.fingerprint}.",
        f"- Licence of the training images, as the person who exported the generator states it: **{card.licence}**."
        + (" Ask before you pass the generator or its images on." if card.licence == NOT_STATED else ""),
        *(f"- Of these images is known: {warning}" for warning in card.data_warnings),
        f"- Training: seed {card.seed}, {length}; weights `{card.checkpoint}`.",
        f"- `{card.trained_by}`",
        f"- Flawforge {card.versions.get('flawforge', '?')}, torch {card.versions.get('torch', '?')}, {card.made}.",
        "",
        "## What was measured",
        "",
        *(f"- {line}" for line in (judgement_line(judgement) for judgement in card.judgements)),
        "- Not measured here: whether its images improve an inspection model: `flawforge trial DATA`",
        "",
        "## What it must not be used for",
        "",
        "Generated images are no evidence about real parts: use them to train, never to judge an inspection model, a "
        "process or a part.",
    ]
    return "\n".join(lines) + "\n"


def judgement_line(found: JudgementOnCard) -> str:
    """Return what an audit or a score says, as the card and the report have it."""
    name = found.verb.capitalize()
    if not found.sentence:
        return f"{name}: not measured (`flawforge {found.verb} RUN`)."
    if not found.made:
        return f"{name}: not readable. {found.sentence}"
    other = " This is about other images than these weights make." if found.other else ""
    return f"{name} of {found.images} generated images, {found.made}: {found.sentence}{other}"


def _use_lines(card: GeneratorCard) -> list[str]:
    height, width = card.resolution
    numbers = ", ".join(f"{number} {label}" for number, label in enumerate(card.classes))
    labels = (
        f"- Input `labels`, int64 (N,): the class of each image: {numbers}. Other numbers are not checked."
        if card.takes_labels
        else "- There is no input for the class: the network does not tell classes apart."
    )
    feeds = '{"latents": latents' + (', "labels": np.zeros(16, "int64")' if card.takes_labels else "") + "}"
    return [
        "## How to use it",
        "",
        f"`{GENERATOR}` is one file that needs nothing beside it (SHA-256 {card.onnx.sha256}).",
        "",
        f"- Input `latents`, float32 (N, {card.latent}): random numbers from N(0, 1), which decide the image. "
        f"N is free.",
        labels,
        f"- Output `images`, float32 (N, {card.channels}, {height}, {width}), from -1 (black) to 1 (white).",
        f"- On {card.onnx.images} images it differs from PyTorch by at most {card.onnx.difference:.1e} (black to white "
        f"is 2).",
        f"- Real images were stored as {', '.join(card.stored_as) or 'not recorded'}: resize to that size where files "
        f"must not differ.",
        "",
        "```python",
        "import numpy as np, onnxruntime",
        "",
        f'session = onnxruntime.InferenceSession("{GENERATOR}")',
        f'latents = np.random.default_rng(0).standard_normal((16, {card.latent})).astype("float32")',
        f"images = session.run(None, {feeds})[0]",
        "pixels = np.rint((images.clip(-1, 1) + 1) * 127.5).astype(np.uint8)",
        "```",
    ]
