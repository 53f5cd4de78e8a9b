"""``run.json``: with what a run was trained, as typed fields.

Every version so far writes format 1. A field that a version does not know is kept when the file is written again; a
field that a file lacks has the default that is given here. Defaults are not written.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from flawforge.core.files import FORMAT
from flawforge.core.images import Mode
from flawforge.core.settings.recipe import ON_GROUNDS, UNLEARNT


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class FormatCount(_Part):
    """How many training images of a class are stored with this mode (as Pillow names it) and size in pixels."""

    label: str = ""
    mode: Mode
    width: int
    height: int
    count: int


class TrainingImages(_Part):
    """The training images.

    Attributes:
        source: DATA as it was given.
        root: absolute path of the folder.
        layout: of the folder, as `flawforge inspect` names it.
        fingerprint: SHA-256 of classes and pixels.
        classes: images of each class.
        samples: images in all; None where it is not recorded.
        channels: 1 or 3; None where it is not recorded.
        white: pixel value of white.
        deep_white: pixel value of white in 16-bit files.
        formats: how the images are stored, by class.
        jpeg: images that were compressed as JPEG.
        warnings: what is wrong with their labels or pixels, a sentence or two each.
        choices: how the folder was read, where not as usual: fields of `ReadingChoices` with their values.
    """

    source: str = ""
    root: str = ""
    layout: str = ""
    fingerprint: str = ""
    classes: dict[str, int] = {}
    samples: int | None = None
    channels: int | None = None
    white: int = 255
    deep_white: int | None = None
    formats: list[FormatCount] = []
    jpeg: int = 0
    warnings: list[str] = []
    choices: dict[str, Any] = {}


class Selection(_Part):
    """What was chosen of the dataset: classes (None: all), images per class (None: all), and the SHA-256 of each
    training image where neither decides (a dataset from Python, or images kept aside to select the checkpoint).
    """

    classes: list[str] | None = None
    shots: int | None = None
    samples: list[str] | None = None


class CheckpointImages(_Part):
    """Images kept aside to select the checkpoint: the rule, how many of each class, and the SHA-256 of each."""

    rule: str = ""
    held_out: dict[str, int] = {}
    samples: list[str] = []


class UnlabelledImages(_Part):
    """Images without a class that were trained on as well.

    Attributes:
        source: as it was given to ``--unlabelled``.
        root: absolute path of the folder.
        fingerprint: SHA-256 of their pixels.
        count: how many.
        samples: the SHA-256 of each.
        with_training: fingerprint of the training images and these together.
    """

    source: str = ""
    root: str = ""
    fingerprint: str = ""
    count: int = 0
    samples: list[str] = []
    with_training: str = ""


class LightDonors(_Part):
    """Images in the data, of classes that were not chosen, whose light composed images show.

    Attributes:
        samples: the SHA-256 of each.
        barred: the SHA-256 of training images that give none, as they show specimens of held-out images.
        with_training: fingerprint of all images that a composed one can show something of.
        good: the SHA-256 of those that show no defect, on which defects can be put.
    """

    samples: list[str] = []
    barred: list[str] = []
    with_training: str = ""
    good: list[str] = []


class RunSettings(_Part):
    """The content of ``run.json``.

    Attributes:
        format: of the run folder.
        recipe: the recipe's fields as recorded; `flawforge.runs.folder.Run.recipe` checks them.
        channels: of the networks, 1 or 3.
        minutes: the training time that was asked for, in minutes; None: the recipe's length decided.
        budget: minutes that the user gave the whole job (`flawforge run`), or None.
        steps: planned optimiser steps; None where time alone ends the training.
        data: the training images.
        selection: what was chosen of the dataset.
        judging: the images kept aside to select the checkpoint.
        seed: of every random stream.
        command: what the user typed, or the call.
        started: UTC time in ISO 8601.
        environment: versions, device, number format, threads and processes.
        parameters: trained numbers of ``generator`` and ``discriminator``.
        unlabelled: the images without a class, or None.
        donors: images of the data that gave their light to composed ones, or None.
    """

    format: int = FORMAT
    recipe: dict[str, Any] = {}
    channels: int = 1
    minutes: float | None = None
    budget: float | None = None
    steps: int | None = None
    data: TrainingImages = TrainingImages()
    selection: Selection = Selection()
    judging: CheckpointImages = CheckpointImages()
    seed: int = 0
    command: str = ""
    started: str = ""
    environment: dict[str, Any] = {}
    parameters: dict[str, int] = {}
    unlabelled: UnlabelledImages | None = None
    donors: LightDonors | None = None

    def dump(self) -> dict[str, Any]:
        """Return the JSON value to write: the fields that were given, in the order of the class, then unknown ones."""
        return {"format": self.format, **self.model_dump(mode="json", exclude_unset=True)}

    @property
    def design(self) -> str:
        """The recipe's design as recorded; it may be one of another version. Empty: not recorded."""
        return str(self.recipe.get("design", ""))

    @property
    def learns(self) -> bool:
        """Whether a network was trained."""
        return self.design not in UNLEARNT

    @property
    def places(self) -> bool:
        """Whether defects are put on real grounds."""
        return self.design in ON_GROUNDS

    @property
    def training_fingerprint(self) -> str:
        """The fingerprint of all images that training saw, unlabelled ones and donors too."""
        if self.donors is not None:
            return self.donors.with_training
        return self.data.fingerprint if self.unlabelled is None else self.unlabelled.with_training
