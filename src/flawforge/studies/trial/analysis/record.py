"""The results of a trial: cells in, one record out, with a table and the pictures of changed images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from flawforge.core.files import explain_os_errors, write_bytes
from flawforge.core.images import encode_png
from flawforge.core.settings.trials import FEWEST_REPEATS
from flawforge.metrics.inference.power import Design
from flawforge.runs.cells import CELLS, PROBABILITIES, Cell, CellKey, read_cells
from flawforge.runs.gains import Comparison, Flip, Look, Word
from flawforge.runs.trials import TrialRecord, write_trial
from flawforge.runs.versions import now, versions
from flawforge.studies.trial.analysis.evidence import Evidence
from flawforge.studies.trial.analysis.interim_analyses import Before, Said, history, taken
from flawforge.studies.trial.analysis.protocol import choices_of, notes_of, protocol_of
from flawforge.studies.trial.analysis.verdict import ERROR, Judgement, judge, measure_all
from flawforge.studies.trial.cells.inner_choice import InnerChoice, pooled
from flawforge.studies.trial.cells.work_list import CHOICE
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
    bench: Bench,
    cells: Cells,
    looks: tuple[tuple[int, int], ...],
    stands: Mapping[Said, Word] | None = None,
    left_out: int = 0,
) -> Evidence:
    """Return what the judge looks at.

    Args:
        bench: of the trial.
        cells: of whole repeats.
        looks: as `flawforge.studies.trial.analysis.interim_analyses.history`.
        stands, left_out: as in the evidence.
    """
    test = bench.division.test
    labels = bench.dataset.labels[test]
    controls: dict[tuple[int, str], str] = {}
    chosen: dict[tuple[int, str], str | None] = {}
    for shots in bench.settings.shots:
        for model in bench.settings.models:
            place = (shots, model)
            choices = [
                InnerChoice.model_validate(cell.facts)
                for key, cell in cells.items()
                if (key.arm, key.shots, key.model) == (CHOICE, shots, model)
            ]
            controls[place], use = pooled(choices, bench.settings.arms)
            if bench.settings.chooses:  # else the arm that counts was fixed beforehand
                chosen[place] = "filtered" if use else None
    return Evidence(
        task=bench.settings.task,
        classes=bench.classes,
        labels=bench.targets(labels),
        groups=bench.division.groups[test],
        files=[bench.dataset.samples[int(i)].file for i in test],
        cells={key: cell.probabilities for key, cell in cells.items() if PROBABILITIES in cell.arrays},
        controls=controls,
        chosen=chosen,
        planned=looks[-1][1],
        looks=(looks[-1][0],),
        earlier=looks[:-1],
        stands=stands or {},
        left_out=left_out,
        kinds=[bench.dataset.classes[int(code)] for code in labels] if bench.settings.task == "good" else None,
        seed=bench.settings.seed,
    )


def judged(bench: Bench, cells: Cells, repeats: int, planned: int, before: Before, looks: Sequence[Look]) -> Judgement:
    """Judge the cells of whole repeats.

    Args:
        bench, cells: as of `evidence_of`.
        repeats: that are whole and count now.
        planned: repeats in all, as far as anything but the evidence decides.
        before: what earlier calls have looked at.
        looks: all that were made, those too, in the order in which they were made.
    """
    seen = history(before, looks, repeats, planned)
    return judge(evidence_of(bench, cells, seen, before.stands(repeats), before.left_out(bench.settings)))


def pilot(folder: Path, bench: Bench, repeats: int) -> tuple[Design, int] | None:
    """Return what limits a trial as the whole repeats that are done tell, and their number; None with fewer than three.

    Of several numbers of shots and models it is the one in which a gain is hardest to see.
    """
    if repeats < FEWEST_REPEATS:
        return None
    settings = bench.settings
    evidence = evidence_of(bench, read_results(folder, bench, repeats), ((repeats, settings.seeds),))
    places = max(1, len(settings.shots) * len(settings.models))
    found = [(one.design(ERROR / places), len(one.seeds)) for one in measure_all(evidence)]
    varied = [one for one in found if one[0].parts.seed + one[0].parts.group + one[0].parts.both > 0]
    return max(varied, key=lambda one: one[0].detectable(max(2, settings.seeds)) or 1.0, default=None)


def save_results(
    folder: Path,
    bench: Bench,
    repeats: int,
    before: Before,
    looks: list[Look],
    *,
    planned: int,
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
        before: what earlier calls have looked at.
        looks: all that were made, those too.
        planned: as `judged`; a budget of time may have lowered it.
        complete: whether nothing is missing that was planned.
        notes: a sentence each.
        seconds: that all cells took together.
        command: what to write as the way to make it again.
    """
    cells = read_results(folder, bench, repeats)
    found = judged(bench, cells, repeats, planned, before, looks)
    comparisons = [_with_pictures(folder, bench, one) for one in found.comparisons]
    times = {place: _mean_seconds(cells, *place) for place in {(r.shots, r.model, r.arm) for r in found.results}}
    results = [one.model_copy(update={"seconds": times[one.shots, one.model, one.arm]}) for one in found.results]
    record = TrialRecord(
        made=now(),
        versions=versions(),
        command=command,
        inputs=bench.inputs | {"test": bench.division.sha256, "protocol": bench.protocol},
        protocol=protocol_of(bench),
        results=results,
        comparisons=comparisons,
        worth=found.worth,
        looks=taken(looks, found.look),
        verdict=found.verdict,
        choices=choices_of(bench, cells),
        notes=[*notes, *before.note(repeats, planned), *notes_of(bench, cells)],
        seconds=round(seconds, 1),
        complete=complete,
    )
    write_trial(folder, record)
    return record


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
