"""What run.json says of a training that begins."""

from __future__ import annotations

import platform
from collections import Counter
from typing import Any

import torch

from flawforge.core.settings.recipe import Recipe
from flawforge.data.dataset import Dataset
from flawforge.data.inspection.warnings import grave_warnings
from flawforge.data.sampling.held_out import RULE
from flawforge.data.sampling.joined import join
from flawforge.models.build import count_parameters
from flawforge.runs.run_settings import (
    CheckpointImages,
    FormatCount,
    LightDonors,
    RunSettings,
    TrainingImages,
    UnlabelledImages,
)
from flawforge.runs.versions import now, processor, versions
from flawforge.training.processes.device import resolve_precision
from flawforge.training.setup.inputs import TrainingInputs
from flawforge.training.setup.request import TrainingRequest


def first_settings(
    recipe: Recipe, data: Dataset, held: Dataset, request: TrainingRequest, inputs: TrainingInputs
) -> RunSettings:
    """Return the settings of a new run; the length is still to be set."""
    device, unlabelled, selection = inputs.device, inputs.unlabelled, inputs.selection
    channels = data.channels if recipe.channels == "data" else recipe.channels
    if len(held):
        selection = selection.model_copy(update={"samples": sorted({sample.sha256 for sample in data.samples})})
    settings = RunSettings(
        channels=channels,
        data=describe_data(data),
        selection=selection,
        judging=CheckpointImages(
            rule=RULE, held_out=held.counts, samples=sorted(sample.sha256 for sample in held.samples)
        ),
        seed=request.seed,
        command=request.command,
        started=now(),
        environment={
            **versions(),
            "platform": platform.platform(),
            "processor": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
            "device": str(device),
            "precision": resolve_precision(recipe.precision, device),
            "threads": inputs.threads,
            "processes": inputs.processes.count,
        },
        parameters=count_parameters(recipe, channels, recipe.labels(data.classes, unlabelled=unlabelled is not None)),
    )
    if inputs.donors is not None or inputs.barred:
        found = inputs.donors.samples if inputs.donors is not None else ()
        everything = data if inputs.others is None else join(data, inputs.others, data.source)
        donors = LightDonors(
            samples=sorted({sample.sha256 for sample in found}),
            barred=list(inputs.barred),
            with_training=everything.fingerprint,
            **({"good": list(inputs.good)} if inputs.good else {}),
        )
        settings = settings.model_copy(update={"donors": donors})
    if unlabelled is None:
        return settings
    described = UnlabelledImages(
        source=unlabelled.source,
        root=str(unlabelled.root),
        fingerprint=unlabelled.fingerprint,
        count=len(unlabelled),
        samples=sorted(sample.sha256 for sample in unlabelled.samples),
        with_training=join(data, unlabelled, data.source).fingerprint,
    )
    return settings.model_copy(update={"unlabelled": described})


def describe_data(data: Dataset) -> TrainingImages:
    """Return what run.json says of the training data."""
    formats = Counter((sample.label, sample.format) for sample in data.samples)
    both = {"warnings": list(grave_warnings(data)), "choices": data.choices.unusual()}
    told: dict[str, Any] = {name: value for name, value in both.items() if value}
    return TrainingImages(
        source=data.source,
        root=str(data.root),
        layout=data.layout,
        fingerprint=data.fingerprint,
        classes=data.counts,
        samples=len(data),
        channels=data.channels,
        white=data.white,
        deep_white=data.deep_white,
        formats=[
            FormatCount(label=label, mode=form.mode, width=form.width, height=form.height, count=count)
            for (label, form), count in sorted(formats.items())
        ],
        jpeg=sum(sample.encoding in ("JPEG", "MPO") for sample in data.samples),
        **told,
    )
