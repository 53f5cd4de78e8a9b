"""The protocol of a trial in words: what was fixed, what was chosen inside the training images, what to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from flawforge.core.settings.arms import ARMS, judged_arm
from flawforge.metrics.inference.classification import TASK_STATISTICS
from flawforge.runs.cells import Cell, CellKey
from flawforge.runs.trials import Protocol
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
        f"all images, real and generated, are encoded as JPEG at quality {QUALITY} at the size of the real ones, "
        f"decoded and brought to the classifier's size"
        if bench.jpeg
        else "generated images are written as files like the real ones, read back and brought to the classifier's size"
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
    made = f"the generator {settings.generator}" if settings.generator else f"a generator of recipe {settings.recipe}"
    length = ""
    if settings.generator is None and settings.generator_minutes is not None:
        length = f", trained for {settings.generator_minutes:g} minutes"
    elif settings.generator is None and settings.generator_kimg is not None:
        length = f", trained for {settings.generator_kimg:g} kimg"
    joined = (
        f" {division.joined} pairs that only agree as whole images were kept together too." if division.joined else ""
    )
    steps = [
        f"{len(division.test)} test images were set aside first, by pieces of material, the same for all repeats; they "
        f"are named by the SHA-256 of their contents.{joined}",
        f"{how_drawn(bench)} All arms of a repeat have the same ones, the same first weights and the same order.",
        f"Each repeat has {made}{length} that saw these training images and nothing else; what it made was compared "
        f"with the test images.",
        f"Every classifier took {settings.steps} steps of {settings.batch} images; in arms with generated images these "
        f"take the place of real ones in a batch.",
    ]
    if bench.good is not None:
        others = ", ".join(label for label in bench.dataset.classes if label != bench.good)
        steps.append(f"Good images are those of class {bench.good}; those of {others} count as defective.")
    if "filtered" in settings.arms:
        steps.append(
            f"How generated images are used was chosen inside the training images: {settings.folds} folds by pieces of "
            f"material, for each a generator of its own that had not seen the fold."
            if settings.chooses
            else f"How generated images are used was fixed beforehand ({DEFAULT_USAGE.name}); nothing was chosen "
            f"inside the training images."
        )
    if len(bench.unlabelled):
        steps.append(
            f"{len(bench.unlabelled)} unlabelled images, none of which shows what a test image shows, were labelled by "
            f"the teacher of the arm 'pseudo-labelled'."
        )
    return steps


def choices_of(bench: Bench, cells: Cells) -> list[tuple[str, str]]:
    """Return what was chosen inside the training images, in words."""
    out: list[tuple[str, str]] = []
    for shots in bench.settings.shots:
        for model in bench.settings.models:
            choices = [
                InnerChoice.model_validate(cell.facts)
                for key, cell in cells.items()
                if (key.arm, key.shots, key.model) == (CHOICE, shots, model)
            ]
            where = f"{shots} shots, {model}"
            if not choices and not bench.settings.chooses:
                judged = judged_arm(bench.settings.arms)
                if judged is not None:
                    out.append((f"{where}: fixed beforehand", f"{judged} is judged, against classical"))
                continue
            if not choices:
                continue
            control, use = pooled(choices, bench.settings.arms)
            names = Counter(one.usage.name for one in choices).most_common()
            out.append((f"{where}: way of using generated images", ", ".join(f"{name} ({n})" for name, n in names)))
            gains = [one.gain for one in choices if one.judged]
            if gains:
                clear = sum(one.use for one in choices)
                out.append(
                    (
                        f"{where}: inner evidence",
                        f"{np.mean(gains):+.3f} nats a judged image; clear by {CLEAR:g} standard error in {clear} of "
                        f"{len(choices)} repeats; over all of them {'use them' if use else 'use none'}",
                    )
                )
            elif bench.settings.chooses:
                out.append((f"{where}: inner evidence", "none: too few shots for inner folds; use none"))
            else:
                out.append((f"{where}: inner evidence", "none was asked for: the way was fixed beforehand"))
            out.append((f"{where}: best arm without generated images inside", control))
    return out


def notes_of(bench: Bench, cells: Cells) -> list[str]:
    """Return what a reader must know, a sentence each."""
    notes = overlap_notes(bench)
    labels, groups = bench.dataset.labels[bench.division.pool], bench.division.groups[bench.division.pool]
    for code, label in enumerate(bench.dataset.classes):
        pieces = len(np.unique(groups[labels == code]))
        if pieces < max(bench.settings.shots):
            notes.append(
                f"Class {label} has {pieces} different pieces of material outside the test set: "
                f"{max(bench.settings.shots)} shots of it are not all independent."
            )
    facts: list[dict[str, Any]] = [dict(cell.facts) for key, cell in cells.items() if key.arm == GENERATOR]
    made = sum(int(one["made"]) for one in facts)
    repeats = made - sum(int(one["novel"]) for one in facts)
    if made:
        notes.append(f"{repeats} of {made} generated images were nearer to a shot than two shots are to each other.")
    return notes
