"""The protocol of a trial in words: what was fixed, what was chosen on the training images, what to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from flawforge.core.settings.arms import ARMS, judged_arm
from flawforge.metrics.inference.classification import TASK_STATISTICS
from flawforge.runs.cells import Cell, CellKey
from flawforge.runs.trials import Protocol
from flawforge.studies.trial.analysis.evidence import Setting
from flawforge.studies.trial.cells.inner_choice import CLEAR, InnerChoice, pooled
from flawforge.studies.trial.cells.usage import DEFAULT_USAGE
from flawforge.studies.trial.cells.work_list import CHOICE, GENERATOR
from flawforge.studies.trial.setup.bench import QUALITY, Bench
from flawforge.studies.trial.setup.shared_shots import how_drawn, overlap_notes

Cells = Mapping[CellKey, Cell]


def protocol_of(bench: Bench) -> Protocol:
    """Return what was fixed before the first image was generated."""
    settings, division, dataset = bench.settings, bench.division, bench.dataset
    test_labels = bench.targets(dataset.labels[division.test])
    encoding = (
        f"all images, real and generated, are encoded as JPEG (quality {QUALITY}) at the size of the real ones, then "
        f"decoded and resized for the classifier"
        if bench.jpeg
        else "generated images are written as files like the real ones, then read and resized for the classifier"
    )
    return Protocol(
        task=settings.task,
        classes=list(bench.classes),
        metric=TASK_STATISTICS[settings.task][0],
        shots=sorted(settings.shots),
        seeds=list(range(settings.seeds)),
        models=list(settings.models),
        arms=[arm for arm in ARMS if arm in settings.arms],
        steps=settings.steps,
        batch=settings.batch,
        resolution=settings.resolution,
        encoding=encoding,
        test_images=len(division.test),
        test_groups=len(np.unique(division.groups[division.test])),
        test_per_class={name: int((test_labels == code).sum()) for code, name in enumerate(bench.classes)},
        test_sha256=division.sha256,
        pool_images=len(division.pool),
        pool_groups=len(np.unique(division.groups[division.pool])),
        steps_taken=_steps_taken(bench),
    )


def _steps_taken(bench: Bench) -> list[str]:
    settings, division = bench.settings, bench.division
    generator = (
        f"the generator {settings.generator}" if settings.generator else f"a generator of recipe {settings.recipe}"
    )
    length = ""
    if settings.generator is None and settings.generator_minutes is not None:
        length = f", trained for {settings.generator_minutes:g} minutes"
    elif settings.generator is None and settings.generator_kimg is not None:
        length = f", trained for {settings.generator_kimg:g} kimg"
    steps = [
        f"{len(division.test)} test images were held out first, the same for all repeats. Images of one specimen are "
        f"never on both sides. The test set is identified by the SHA-256 of its contents.",
        how_drawn(bench),
        "All arms of a repeat share the training images, the initial weights and the order of the images.",
        f"Each repeat has {generator}{length}, which saw these training images and nothing else. The generated images "
        f"were checked against the test images.",
        f"Every classifier was trained for {settings.steps} steps of {settings.batch} images. In arms with generated "
        f"images, these replace some of the real images of each batch.",
    ]
    if division.joined:
        steps.insert(1, f"{division.joined} pairs of images that match only as whole pictures were kept together too.")
    if bench.good is not None:
        others = ", ".join(label for label in bench.dataset.classes if label != bench.good)
        steps.append(f"Images of class {bench.good} count as good, those of {others} as defective.")
    if "filtered" in settings.arms:
        steps.append(
            f"The strategy for using generated images was chosen by cross-validation on the training images: "
            f"{settings.folds} folds by specimen, each with a generator of its own that had not seen the fold."
            if settings.chooses
            else f"The strategy for using generated images was fixed in advance ({DEFAULT_USAGE.name}); nothing was "
            f"chosen by cross-validation."
        )
    if len(bench.unlabelled):
        steps.append(
            f"{len(bench.unlabelled)} unlabelled images, none of which shows a test image, were labelled by the "
            f"pretrained teacher of the arm 'pseudo-labelled'."
        )
    return steps


def inner_choices(cells: Cells, setting: Setting) -> list[InnerChoice]:
    """Return what was chosen in one setting, of each repeat."""
    found = [cell.facts for key, cell in cells.items() if (key.arm, key.shots, key.model) == (CHOICE, *setting)]
    return [InnerChoice.model_validate(facts) for facts in found]


def choices_of(bench: Bench, cells: Cells) -> list[tuple[str, str]]:
    """Return what was chosen on the training images, in words."""
    out: list[tuple[str, str]] = []
    for shots, model in product(bench.settings.shots, bench.settings.models):
        choices = inner_choices(cells, (shots, model))
        where = f"{shots} images per class, {model}"
        if not choices:
            fixed = None if bench.settings.chooses else judged_arm(bench.settings.arms)
            if fixed is not None:
                out.append((f"{where}: fixed in advance", f"{fixed} is tested against classical"))
            continue
        control, use = pooled(choices, bench.settings.arms)
        names = Counter(choice.usage.name for choice in choices).most_common()
        out.append((f"{where}: strategy for generated images", ", ".join(f"{name} ({n})" for name, n in names)))
        gains = [choice.gain for choice in choices if choice.judged]
        if gains:
            clear = sum(choice.use for choice in choices)
            found = (
                f"{np.mean(gains):+.3f} nats per image; above 0 by {CLEAR:g} standard error in {clear} of "
                f"{len(choices)} repeats; all repeats together: {'use generated images' if use else 'use none'}"
            )
        elif bench.settings.chooses:
            found = "none: too few training images for folds; use none"
        else:
            found = "none: the strategy was fixed in advance"
        out.append((f"{where}: cross-validation", found))
        out.append((f"{where}: best arm without generated images", control))
    return out


def notes_of(bench: Bench, cells: Cells) -> list[str]:
    """Return what a reader must know, a sentence each."""
    notes, shots = overlap_notes(bench), max(bench.settings.shots)
    labels, groups = bench.dataset.labels[bench.division.pool], bench.division.groups[bench.division.pool]
    for code, label in enumerate(bench.dataset.classes):
        specimens = len(np.unique(groups[labels == code]))
        if specimens < shots:
            notes.append(
                f"Class {label} has {specimens} different specimens outside the test set, so its {shots} training "
                f"images are not all independent."
            )
    facts: list[dict[str, Any]] = [dict(cell.facts) for key, cell in cells.items() if key.arm == GENERATOR]
    generated = sum(int(counts["made"]) for counts in facts)
    close = generated - sum(int(counts["novel"]) for counts in facts)
    if generated:
        notes.append(
            f"{close} of {generated} generated images were closer to a training image than two training images are to "
            f"each other."
        )
    return notes
