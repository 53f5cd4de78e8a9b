"""The results of a trial: cells in, one record out, with a table and the pictures of changed images."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from flawforge.core.files import explain_os_errors, write_bytes
from flawforge.core.images import as_picture, encode_png
from flawforge.core.settings.trials import FEWEST_REPEATS
from flawforge.metrics.inference.power import ERROR, Design
from flawforge.runs.cells import CELLS, PROBABILITIES, Cell, CellKey, read_cells
from flawforge.runs.trials import Comparison, Flip, InterimAnalysis, TrialRecord, write_trial
from flawforge.runs.versions import now, versions
from flawforge.studies.trial.analysis.evidence import Evidence, Setting
from flawforge.studies.trial.analysis.interim_analyses import EarlierCalls, plans, with_analysis
from flawforge.studies.trial.analysis.protocol import choices_of, inner_choices, notes_of, protocol_of
from flawforge.studies.trial.analysis.verdict import judge, measure_all
from flawforge.studies.trial.cells.inner_choice import pooled
from flawforge.studies.trial.execution.schedule import Schedule
from flawforge.studies.trial.setup.bench import Bench

PICTURES = "pictures"  # below the trial's folder

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


def evidence_of(
    bench: Bench, cells: Cells, analyses: tuple[tuple[int, int], ...], before: EarlierCalls | None = None
) -> Evidence:
    """Return what the verdict rests on.

    Args:
        bench: of the trial.
        cells: of whole repeats.
        analyses: as `flawforge.studies.trial.analysis.interim_analyses.plans`, this one last.
        before: what earlier calls have analysed.
    """
    test = bench.division.test
    labels = bench.dataset.labels[test]
    controls: dict[Setting, str] = {}
    chosen: dict[Setting, str | None] = {}
    for setting in product(bench.settings.shots, bench.settings.models):
        choices = inner_choices(cells, setting)
        controls[setting], use = pooled(choices, bench.settings.arms)
        if bench.settings.chooses:  # else the arm that counts was fixed beforehand
            chosen[setting] = "filtered" if use else None
    repeats, planned = analyses[-1]
    return Evidence(
        task=bench.settings.task,
        classes=bench.classes,
        labels=bench.targets(labels),
        groups=bench.division.groups[test],
        files=[bench.dataset.samples[int(i)].file for i in test],
        cells={key: cell.probabilities for key, cell in cells.items() if PROBABILITIES in cell.arrays},
        controls=controls,
        chosen=chosen,
        planned=planned,
        analyses=(repeats,),
        earlier=analyses[:-1],
        stands={} if before is None else before.stands(repeats),
        left_out=0 if before is None else before.left_out(bench.settings),
        kinds=[bench.dataset.classes[int(code)] for code in labels] if bench.settings.task == "good" else None,
        seed=bench.settings.seed,
    )


class Pilot(NamedTuple):
    """What limits a trial as `repeats` repeats show that are done; `room` is what the control leaves to gain."""

    design: Design
    repeats: int
    room: float


def pilot(folder: Path, bench: Bench, repeats: int) -> Pilot | None:
    """Return what limits a trial as the repeats that are done show; None with fewer than three.

    Of several numbers of shots and models it is the one in which a gain is hardest to detect.
    """
    if repeats < FEWEST_REPEATS:
        return None
    settings = bench.settings
    evidence = evidence_of(bench, read_results(folder, bench, repeats), ((repeats, settings.seeds),))
    error = ERROR / max(1, len(settings.shots) * len(settings.models))
    found = []
    for (setting, arm), gains in measure_all(evidence).items():
        control, done = next(iter(gains)), evidence.repeats(setting, [arm, *gains])
        design = Design.of(gains[control], error, len(gains))
        if design.parts.repeat + design.parts.group + design.parts.both > 0:
            found.append(Pilot(design, len(done), 1 - evidence.mean(setting, control, done)))
    return max(found, key=lambda pilot: pilot.design.detectable(max(2, settings.seeds)) or 1.0, default=None)


def save_results(
    folder: Path,
    bench: Bench,
    schedule: Schedule,
    before: EarlierCalls,
    analyses: list[InterimAnalysis],
    command: str,
    problem: str | None = None,
) -> TrialRecord:
    """Judge the repeats that are complete, and write the record, the table and the pictures.

    Args:
        folder: of the trial.
        bench: of the trial.
        schedule: as far as it came.
        before: what earlier calls have analysed.
        analyses: all that were made, those too.
        command: what to write as the way to make it again.
        problem: the error that ended the trial; None where none did.
    """
    repeats, asked = min(schedule.whole(), schedule.repeats), bench.settings.seeds
    planned = schedule.repeats if schedule.ended == "minutes" else asked
    notes = before.notes(repeats, planned)
    if schedule.ended == "clear":
        notes.insert(0, f"Stopped early after {repeats} of {asked} repeats: the evidence was clear.")
    if problem is not None:
        notes.insert(0, f"Ended by an error after {repeats} of {asked} repeats: {problem}")
    elif schedule.ended == "minutes":
        notes.insert(0, f"The time budget allowed {schedule.repeats} of {asked} repeats.")
    cells = read_results(folder, bench, repeats)
    found = judge(evidence_of(bench, cells, plans(before, analyses, repeats, planned), before))
    comparisons = [_with_pictures(folder, bench, comparison) for comparison in found.comparisons]
    seconds_of: dict[tuple[int, str, str], list[float]] = defaultdict(list)
    for key, cell in cells.items():
        seconds_of[key.shots, key.model, key.arm].append(float(cell.facts["seconds"]))
    results = [
        result.model_copy(
            update={"seconds": round(float(np.mean(seconds_of[result.shots, result.model, result.arm])), 2)}
        )
        for result in found.results
    ]
    every_cell = read_cells(folder / CELLS, bench.protocol).items()
    seconds = [float(cell.facts.get("seconds", 0.0)) for key, cell in every_cell if key.seed < repeats]
    record = TrialRecord(
        made=now(),
        versions=versions(),
        command=command,
        inputs=bench.inputs | {"test": bench.division.sha256, "protocol": bench.protocol},
        protocol=protocol_of(bench),
        results=results,
        comparisons=comparisons,
        worth=found.worth,
        looks=with_analysis(analyses, found.look),
        verdict=found.verdict,
        choices=choices_of(bench, cells),
        notes=[*notes, *notes_of(bench, cells)],
        seconds=round(sum(seconds), 1),
        complete=repeats == asked or schedule.ended == "clear",
    )
    write_trial(folder, record)
    return record


def _with_pictures(folder: Path, bench: Bench, comparison: Comparison) -> Comparison:
    """Keep a picture of every changed image that the record names."""
    index = {sample.file: number for number, sample in enumerate(bench.dataset.samples)}

    def keep(flip: Flip) -> Flip:
        image = bench.images[index[flip.file]]
        pixels = as_picture(image)
        data = encode_png(np.ascontiguousarray(pixels), "L" if pixels.ndim == 2 else "RGB")
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.png"
        with explain_os_errors(folder / PICTURES):
            (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        if not (folder / PICTURES / name).is_file():
            write_bytes(folder / PICTURES / name, data, durable=False)
        return flip.model_copy(update={"picture": f"{PICTURES}/{name}"})

    return comparison.model_copy(update={"flips": [keep(flip) for flip in comparison.flips]})
