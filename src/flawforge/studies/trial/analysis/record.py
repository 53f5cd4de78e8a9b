"""The results of a trial: cells in, one record out, with its protocol in words and the pictures of changed images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from flawforge.core.images import as_picture
from flawforge.core.settings.arms import ARMS, in_order, judged_arm, needs_composing
from flawforge.core.settings.recipes import recipe as find_recipe
from flawforge.core.settings.trials import FEWEST_REPEATS, SMALL, TrialSettings
from flawforge.data.inspection.warnings import grave_warnings
from flawforge.metrics.inference.power import ERROR, Design
from flawforge.runs.cells import CELLS, Cell, CellKey, read_cells
from flawforge.runs.trial_words import training_images
from flawforge.runs.trials import Comparison, InterimAnalysis, Protocol, TrialRecord, Verdict, write_trial
from flawforge.runs.versions import now, versions
from flawforge.studies.sets import RecordPictures
from flawforge.studies.trial.analysis import sentences
from flawforge.studies.trial.analysis.evidence import Evidence, Setting
from flawforge.studies.trial.analysis.figures import verdict_figure
from flawforge.studies.trial.analysis.interim_analyses import EarlierCalls, plans, with_analysis
from flawforge.studies.trial.analysis.map_pictures import with_map_pictures
from flawforge.studies.trial.analysis.verdict import judge, measure_all
from flawforge.studies.trial.cells.generator import DEFAULT_USAGE
from flawforge.studies.trial.cells.inner_choice import InnerChoice, best_control
from flawforge.studies.trial.cells.sampling import SamplingChoice
from flawforge.studies.trial.cells.work_list import CHOICE, CHOOSING, GENERATOR, SAMPLING
from flawforge.studies.trial.execution.schedule import Schedule
from flawforge.studies.trial.setup.bench import Bench, how_drawn, overlap_notes

Cells = dict[CellKey, Cell]


def protocol_of(bench: Bench) -> Protocol:
    """Return what was fixed before the first image was generated."""
    settings, division, dataset = bench.settings, bench.division, bench.dataset
    test_labels = bench.targets(dataset.labels[division.test])
    encoding = (
        f"all images, real and generated, are encoded as JPEG (quality {bench.quality}) at the size of the real ones, "
        f"then decoded and resized for the classifier"
        if bench.quality is not None
        else "generated images are written as files like the real ones, then read and resized for the classifier"
    )
    return Protocol(
        task=settings.task,
        models=list(settings.models),
        steps=settings.steps,
        batch=settings.batch,
        resolution=settings.resolution,
        classes=list(bench.classes),
        metric=verdict_figure(settings.task, settings.rare),
        shots=sorted(settings.shots),
        seeds=list(range(settings.seeds)),
        arms=in_order(settings.arms),
        encoding=encoding,
        test_images=len(division.test),
        test_groups=len(np.unique(division.groups[division.test])),
        test_per_class={name: int((test_labels == code).sum()) for code, name in enumerate(bench.classes)},
        test_sha256=division.sha256,
        pool_images=len(division.pool),
        pool_groups=len(np.unique(division.groups[division.pool])),
        steps_taken=_steps_taken(bench),
        rare=list(settings.rare),
        others=settings.others,
        as_is=settings.as_is,
    )


def _new_images(settings: TrialSettings) -> list[str]:
    """Return how the new images of a trial came about, a sentence for each way."""
    generator = (
        f"the generator {settings.generator}" if settings.generator else f"a generator of recipe {settings.recipe}"
    )
    length = ""
    if settings.generator is None and settings.generator_minutes is not None:
        length = f", trained for {settings.generator_minutes:g} minutes"
    elif settings.generator is None and settings.generator_kimg is not None:
        length = f", trained for {settings.generator_kimg:g} kimg"
    elif settings.generator is None and settings.generator_length != 1 and find_recipe(settings.recipe).learns:
        length = f", trained for {settings.generator_length:g} times the recipe's own length"
    drawn = []
    if any(ARMS[arm].needs_generator for arm in settings.arms):
        drawn.append(
            f"Each repeat has {generator}{length}, which saw these training images and nothing else. The generated "
            f"images were checked against the test images."
        )
    if needs_composing(settings.arms):
        drawn.append(
            "Composed images are made of the training images of the repeat, in the light of these and of unlabelled "
            "images. How they are composed was chosen inside the training images of the first repeat."
        )
    return drawn


def _steps_taken(bench: Bench) -> list[str]:
    settings, division = bench.settings, bench.division
    shorter = "real" in settings.arms and SMALL in settings.models and settings.real_length != 1
    less = f", but {SMALL} in arm real for {settings.real_length:g} of them" if shorter else ""
    network = "classifier" if bench.masks is None else "locator"
    steps = [
        f"{len(division.test)} test images were held out first, the same for all repeats. Images of one specimen are "
        f"never on both sides. The test set is identified by the SHA-256 of its contents.",
        how_drawn(bench),
        "All arms of a repeat share the training images, the initial weights and the order of the images.",
        *_new_images(settings),
        f"Every {network} was trained for {settings.steps} steps of {settings.batch} images{less}. In arms with "
        f"generated images, these replace some of the real images of each batch.",
    ]
    if SMALL in settings.models and settings.mirrored(SMALL):
        steps.append(f"In all arms but 'real' {SMALL} judged each test image by the mean over its mirror images.")
    if bench.masks is not None:
        height, width = settings.resolution
        steps.append(
            f"Maps were compared with what is marked at {width} x {height} pixels, at which they were worked out: "
            f"defects of all classes as one against ground, and the mean over the classes counts each alike."
        )
    if division.joined:
        steps.insert(1, f"{division.joined} pairs of images that match only as whole pictures were kept together too.")
    if bench.good is not None:
        others = ", ".join(label for label in bench.dataset.classes if label != bench.good)
        steps.append(f"Images of class {bench.good} count as good, those of {others} as defective.")
    if settings.chooses_sampling:
        steps.append(
            "How batches are drawn and logits adjusted was chosen by cross-validation of the classical arm on the "
            "training images of the first repeat, for all repeats and all arms but 'real'."
        )
    if "filtered" in settings.arms:
        part = f" Trainings there had {settings.choice_length:g} of the usual length."
        part = part if settings.choice_length != 1 else ""
        steps.append(
            f"The strategy for using generated images was chosen for all repeats by cross-validation on the training "
            f"images of the first: {settings.folds} folds by specimen, each with a generator of its own that had not "
            f"seen the fold.{part}"
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


def inner_choice(cells: Mapping[CellKey, Cell], setting: Setting) -> InnerChoice | None:
    """Return what was chosen in one setting; None where nothing was."""
    cell = cells.get(CellKey(CHOOSING, setting[0], CHOICE, setting[1]))
    return None if cell is None else InnerChoice.model_validate(cell.facts)


def sampling_choice(cells: Mapping[CellKey, Cell], setting: Setting) -> SamplingChoice | None:
    """Return how batches are drawn and logits adjusted in one setting; None where nothing was chosen."""
    cell = cells.get(CellKey(CHOOSING, setting[0], SAMPLING, setting[1]))
    return None if cell is None else SamplingChoice.model_validate(dict(cell.facts))


def choices_of(bench: Bench, cells: Cells) -> list[tuple[str, str]]:
    """Return what was chosen on the training images, in words."""
    out: list[tuple[str, str]] = []
    for shots, model in product(bench.settings.shots, bench.settings.models):
        choice, drawn = inner_choice(cells, (shots, model)), sampling_choice(cells, (shots, model))
        where = f"{training_images(shots, bench.settings.rare)}, {model}"
        if drawn is not None and drawn.judged:
            out.append((f"{where}: batches and logits", drawn.sampling.name))
        if choice is None:
            fixed = None if bench.settings.chooses else judged_arm(bench.settings.arms)
            if fixed is not None:
                out.append((f"{where}: fixed in advance", f"{fixed} is tested against classical"))
            continue
        if "filtered" in bench.settings.arms:
            out.append((f"{where}: strategy for generated images", choice.usage.name))
        if choice.composing is not None:
            out.append((f"{where}: best strategy of all", choice.composing.name))
        if choice.judged:
            error = "" if choice.error is None else f" ± {choice.error:.3f}"
            kind = "generated" if choice.composing is None else "composed"
            found = (
                f"{choice.gain:+.3f}{error} nats per image, {choice.judged} images; "
                f"{f'use {kind} images' if choice.use else 'use none'}"
            )
        elif bench.settings.chooses:
            found = "none: too few training images for folds; use none"
        else:
            found = "none: the strategy was fixed in advance"
        out.append((f"{where}: cross-validation", found))
        out.append((f"{where}: {sentences.BEST_WITHOUT}", best_control(choice, bench.settings.arms)))
    return out


def notes_of(bench: Bench, cells: Cells) -> list[str]:
    """Return what a reader must know, a sentence each."""
    notes, shots = [*bench.told, *overlap_notes(bench)], max(bench.settings.shots)
    labels, groups = bench.dataset.labels[bench.division.pool], bench.division.groups[bench.division.pool]
    few = [label for label in bench.dataset.classes if not bench.settings.as_is and label not in bench.unlike(shots)]
    for code, label in enumerate(bench.dataset.classes):
        specimens = len(np.unique(groups[labels == code]))
        if specimens < shots and label in few:
            notes.append(
                f"Class {label} has {specimens} different specimens outside the test set, so its {shots} training "
                f"images are not all independent."
            )
    if "pasted-on-plentiful" in bench.settings.arms:
        drawn = [bench.targets(bench.dataset.labels[bench.shots(0, count)]) for count in bench.settings.shots]
        equal = [len(set(np.unique(own, return_counts=True)[1])) == 1 for own in drawn]
        notes += [sentences.AS_CUTMIX] if all(equal) else []
    facts: list[dict[str, Any]] = [dict(cell.facts) for key, cell in cells.items() if key.arm == GENERATOR]
    generated = sum(int(counts["made"]) for counts in facts)
    close = generated - sum(int(counts["novel"]) for counts in facts)
    if generated:
        notes.append(
            f"{close} of {generated} generated images were closer to a training image than two training images are to "
            f"each other."
        )
    return notes


def read_results(folder: Path, bench: Bench, repeats: int) -> Cells:
    """Read the cells of the first `repeats` repeats that belong to this trial's arms, shots and models."""
    settings = bench.settings
    return {
        key: cell
        for key, cell in read_cells(folder / CELLS, bench.protocol).items()
        if key.seed < repeats
        and key.shots in settings.shots
        and (not key.model or key.model in settings.models)
        and (not cell.is_arm or key.arm in settings.arms)
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
        choice = inner_choice(cells, setting)
        controls[setting] = best_control(choice, bench.settings.arms)
        if bench.settings.chooses:  # else the arm that counts was fixed beforehand
            chosen[setting] = None if choice is None else choice.advised
    repeats, planned = analyses[-1]
    return Evidence(
        task=bench.settings.task,
        classes=bench.classes,
        labels=bench.targets(labels),
        groups=bench.division.groups[test],
        files=[bench.dataset.samples[int(i)].file for i in test],
        cells={key: cell.probabilities for key, cell in cells.items() if cell.is_arm},
        controls=controls,
        chosen=chosen,
        planned=planned,
        analyses=(repeats,),
        earlier=analyses[:-1],
        stands={} if before is None else before.stands(repeats),
        left_out=0 if before is None else before.left_out(bench.settings),
        kinds=[bench.dataset.classes[int(code)] for code in labels] if bench.settings.task == "good" else None,
        rare=bench.settings.rare,
        unequal=bench.settings.unequal,
        good=bench.good_number if bench.settings.task == "locate" else None,
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
    if bench.masks is None:
        comparisons = [_with_pictures(folder, bench, comparison) for comparison in found.comparisons]
    else:
        comparisons = [with_map_pictures(folder, bench, comparison, cells) for comparison in found.comparisons]
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
        data_warnings=list(grave_warnings(bench.dataset)),
        inputs=bench.inputs | {"test": bench.division.sha256, "protocol": bench.protocol},
        protocol=protocol_of(bench),
        results=results,
        comparisons=comparisons,
        worth=found.worth,
        without=found.without,
        looks=with_analysis(analyses, found.look),
        verdict=_of_choice(found.verdict, bench),
        choices=choices_of(bench, cells),
        notes=[*notes, *notes_of(bench, cells)],
        seconds=round(sum(seconds), 1),
        complete=repeats == asked or schedule.ended == "clear",
        advised=found.advised,
        chosen_by_hand=bench.by_hand,
    )
    write_trial(folder, record)
    return record


def _of_choice(verdict: Verdict, bench: Bench) -> Verdict:
    """Return the verdict with what it must say of images that a person chose."""
    if not bench.by_hand:
        return verdict
    said = [sentences.chosen_by_hand(arm, bench.by_hand) for arm in bench.brought]
    return verdict.model_copy(update={"sentence": "\n".join([verdict.sentence, *said])})


def _with_pictures(folder: Path, bench: Bench, comparison: Comparison) -> Comparison:
    """Keep a picture of every changed image that the record names."""
    index = {sample.file: number for number, sample in enumerate(bench.dataset.samples)}
    pictures = RecordPictures(folder, "pictures")
    flips = [
        flip.model_copy(update={"picture": pictures.keep(as_picture(bench.images[index[flip.file]]))})
        for flip in comparison.flips
    ]
    return comparison.model_copy(update={"flips": flips})
