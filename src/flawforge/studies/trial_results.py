"""The results of a trial: cells in, one record out, with a table and the pictures of changed images."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arms import ARMS
from flawforge.core.files import explain_os_errors, write_bytes, write_text
from flawforge.core.images import encode_png
from flawforge.metrics.classification import TASK_STATISTICS
from flawforge.runs.cells import PROBABILITIES, Cell, CellKey, read_cells
from flawforge.runs.gains import Comparison, Flip, Look
from flawforge.runs.trials import Protocol, TrialRecord, write_trial
from flawforge.runs.versions import now, versions
from flawforge.studies.trial_bench import QUALITY, Bench
from flawforge.studies.trial_cells import CHOICE, GENERATOR
from flawforge.studies.trial_choice import CLEAR, pooled
from flawforge.studies.trial_evidence import Evidence
from flawforge.studies.trial_verdict import Judgement, judge
from flawforge.studies.trial_workers import CELLS

PICTURES = "pictures"  # below the trial's folder
TABLE = Path("records") / "trial.csv"

Cells = dict[CellKey, Cell]


def read_results(folder: Path, bench: Bench, repeats: int) -> Cells:
    """Read the cells of the first `repeats` repeats that belong to this trial's arms, shots and models."""
    settings = bench.settings
    return {
        key: cell
        for key, cell in read_cells(folder / CELLS, bench.protocol).items()
        if key.seed < repeats
        and key.shots in settings.shots
        and (not key.model or key.model in settings.models)
        and (PROBABILITIES not in cell.arrays or key.arm in settings.arms)
    }


def judged(bench: Bench, cells: Cells, looks: tuple[int, ...]) -> Judgement:
    """Judge the cells of whole repeats.

    Args:
        bench: of the trial.
        cells: of whole repeats.
        looks: numbers of repeats at which it was looked before, this look last.
    """
    test = bench.division.test
    labels = bench.dataset.labels[test]
    controls: dict[tuple[int, str], str] = {}
    chosen: dict[tuple[int, str], str | None] = {}
    for shots in bench.settings.shots:
        for model in bench.settings.models:
            place = (shots, model)
            made = [c.facts for key, c in cells.items() if (key.arm, key.shots, key.model) == (CHOICE, shots, model)]
            controls[place], use = pooled(made)
            if "filtered" in bench.settings.arms:
                chosen[place] = "filtered" if use else None
    evidence = Evidence(
        task=bench.settings.task,
        classes=bench.classes,
        labels=bench.targets(labels),
        groups=bench.division.groups[test],
        files=[bench.dataset.samples[int(i)].file for i in test],
        cells={key: cell.probabilities for key, cell in cells.items() if PROBABILITIES in cell.arrays},
        controls=controls,
        chosen=chosen,
        planned=bench.settings.seeds,
        looks=looks,
        kinds=[bench.dataset.classes[int(code)] for code in labels] if bench.settings.task == "good" else None,
        seed=bench.settings.seed,
    )
    return judge(evidence)


def save_results(
    folder: Path,
    bench: Bench,
    repeats: int,
    looks: list[Look],
    *,
    complete: bool,
    notes: Sequence[str],
    seconds: float,
    command: str,
) -> TrialRecord:
    """Judge what is done, and write the record, the table and the pictures.

    Args:
        folder: of the trial.
        bench: of the trial.
        repeats: whole ones, which count.
        looks: of the early stopping.
        complete: whether nothing is missing that was planned.
        notes: a sentence each.
        seconds: that all cells took together.
        command: what to write as the way to make it again.
    """
    cells = read_results(folder, bench, repeats)
    found = judged(bench, cells, tuple(look.seeds for look in looks))
    comparisons = [_with_pictures(folder, bench, one) for one in found.comparisons]
    times = {place: _mean_seconds(cells, *place) for place in {(r.shots, r.model, r.arm) for r in found.results}}
    results = [one.model_copy(update={"seconds": times[one.shots, one.model, one.arm]}) for one in found.results]
    record = TrialRecord(
        made=now(),
        versions=versions(),
        command=command,
        inputs=bench.inputs | {"test": bench.division.sha256, "protocol": bench.protocol},
        protocol=_protocol(bench),
        results=results,
        comparisons=comparisons,
        worth=found.worth,
        looks=looks,
        verdict=found.verdict,
        choices=_choices(bench, cells),
        notes=[*notes, *_notes(bench, cells)],
        seconds=round(seconds, 1),
        complete=complete,
    )
    write_trial(folder, record)
    write_text(folder / TABLE, table(record))
    return record


def table(record: TrialRecord) -> str:
    """Return the results as CSV: a line for each arm, shots, model and repeat, with every metric."""
    metrics = list(TASK_STATISTICS[record.protocol.task])
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["shots", "model", "arm", "repeat", *metrics])
    for one in record.results:
        for place, seed in enumerate(one.seeds):
            writer.writerow(
                [one.shots, one.model, one.arm, seed, *(f"{one.values[name][place]:.6f}" for name in metrics)]
            )
    return buffer.getvalue()


def _with_pictures(folder: Path, bench: Bench, one: Comparison) -> Comparison:
    """Keep a picture of every changed image that the record names."""
    index = {sample.file: place for place, sample in enumerate(bench.dataset.samples)}

    def keep(flip: Flip) -> Flip:
        image = bench.images[index[flip.file]]
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        data = encode_png(np.ascontiguousarray(pixels), "L" if pixels.ndim == 2 else "RGB")
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.png"
        with explain_os_errors(folder / PICTURES):
            (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        if not (folder / PICTURES / name).is_file():
            write_bytes(folder / PICTURES / name, data, durable=False)
        return flip.model_copy(update={"picture": f"{PICTURES}/{name}"})

    return one.model_copy(update={"flips": [keep(flip) for flip in one.flips]})


def _mean_seconds(cells: Cells, shots: int, model: str, arm: str) -> float | None:
    values = [
        float(cell.facts["seconds"])
        for key, cell in cells.items()
        if (key.shots, key.model, key.arm) == (shots, model, arm)
    ]
    return round(float(np.mean(values)), 2) if values else None


def _protocol(bench: Bench) -> Protocol:
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
        "Each repeat drew its own training images from the rest, from as many pieces of material as there are. All "
        "arms of a repeat have the same ones, the same first weights and the same order.",
        f"Each repeat has {made}{length} that saw these training images and nothing else; what it made was compared "
        f"with the test images.",
        f"Every classifier took {settings.steps} steps of {settings.batch} images; in arms with generated images these "
        f"take the place of real ones in a batch.",
    ]
    if "filtered" in settings.arms:
        steps.append(
            f"How generated images are used was chosen inside the training images: {settings.folds} folds by pieces of "
            f"material, for each a generator of its own that had not seen the fold."
        )
    if len(bench.unlabelled):
        steps.append(
            f"{len(bench.unlabelled)} unlabelled images, none of which shows what a test image shows, were labelled by "
            f"the teacher of the arm 'taught'."
        )
    return steps


def _choices(bench: Bench, cells: Cells) -> list[tuple[str, str]]:
    """Return what was chosen inside the training images, in words."""
    out: list[tuple[str, str]] = []
    for shots in bench.settings.shots:
        for model in bench.settings.models:
            facts = [c.facts for key, c in cells.items() if (key.arm, key.shots, key.model) == (CHOICE, shots, model)]
            if not facts:
                continue
            control, use = pooled(facts)
            where = f"{shots} shots, {model}"
            names = Counter(str(one["way"]["name"]) for one in facts).most_common()
            out.append((f"{where}: way of using generated images", ", ".join(f"{name} ({n})" for name, n in names)))
            gains = [float(one["gain"]) for one in facts if one["judged"]]
            if gains:
                clear = sum(bool(one["use"]) for one in facts)
                out.append(
                    (
                        f"{where}: inner evidence",
                        f"{np.mean(gains):+.3f} nats a judged image; clear by {CLEAR:g} standard error in {clear} of "
                        f"{len(facts)} repeats; over all of them {'use them' if use else 'use none'}",
                    )
                )
            else:
                out.append((f"{where}: inner evidence", "none: too few shots for inner folds; use none"))
            out.append((f"{where}: best arm without generated images inside", control))
    return out


def _notes(bench: Bench, cells: Cells) -> list[str]:
    notes: list[str] = []
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
