"""How small a defect an inspection finds reliably: the probability of detection, from real defects put on good
images.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arrays import Bools, Floats
from flawforge.core.errors import RunExistsError, SettingError
from flawforge.core.files import write_text
from flawforge.core.images import Pixels
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.data.dataset import Dataset
from flawforge.data.inspection.warnings import tell_warnings
from flawforge.metrics.detection.hit_miss import fit_hit_miss, shown_by_binomial
from flawforge.runs.detection.record import (
    POD_TABLE,
    ClassDetection,
    GrownPicture,
    PlacedFinding,
    PodRecord,
    RealCheck,
    SharedRate,
)
from flawforge.runs.folder import Run
from flawforge.runs.records import record_file, record_place, save_record
from flawforge.runs.versions import now, versions
from flawforge.studies.detection.fitted import check_against_real, describe_curve, describe_places, drawn_from, rate_of
from flawforge.studies.detection.inspectors import Answers, Inspector, open_inspector
from flawforge.studies.detection.material import DetectionMaterial, gather_material
from flawforge.studies.detection.placements import Placement, PlacementDesign, range_of
from flawforge.studies.detection.sentences import (
    calls_note,
    class_notes,
    detection_sentence,
    lost_in_false_calls,
    with_false_calls,
)
from flawforge.studies.sets import RecordPictures

N = 60  # placements of a class
FEWEST = 20
STRIP = 6  # pictures of one defect at growing size
SHOWN_SIDE = 96  # pixels of such a picture at least; and twice the largest defect
TOGETHER = 32  # images that are held at a time
MOST_GROUNDS = 400  # that tell the false-call rate
TURNS = {"none": (0,), "horizontal": (0, 1), "vertical": (0, 2), "both": (0, 1, 2, 3)}  # by the recipe's flips


@dataclass(frozen=True)
class _Study:
    """What all classes of a study share."""

    material: DetectionMaterial
    inspector: Inspector
    turns: tuple[int, ...]
    n: int
    seed: int
    pictures: RecordPictures
    progress: Progress

    def ask(self, images: Sequence[Pixels], label: str) -> Answers:
        return self.inspector.ask(images, self.material.data.white, label)

    def ask_about(self, title: str, count: int, make: Callable[[int], Pixels], label: str) -> Answers:
        """Ask about images that are made one by one, some at a time."""
        parts = []
        with self.progress.task(title, count, "images") as task:
            for start in range(0, count, TOGETHER):
                images = [make(number) for number in range(start, min(count, start + TOGETHER))]
                parts.append(self.ask(images, label))
                task.advance(len(images))
        return Answers(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("scores", "calls")))


def pod(
    run: Run | str | Path,
    inspector: str | Path | Callable[..., Any],
    *,
    data: Dataset | str | Path | None = None,
    grounds: Dataset | str | Path | None = None,
    classes: Sequence[str] | None = None,
    good: str | None = None,
    n: int = N,
    threshold: float | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    wait: bool = False,
    seed: int = 0,
    command: str = "flawforge.pod(...)",
    progress: Progress = SILENT,
) -> PodRecord:
    """Measure how small a defect an inspection finds: probability of detection after MIL-HDBK-1823A (2009).

    Real defects of the run's training images are put on good images that neither the run nor the inspector learnt from,
    in designed sizes and strengths. The inspector is asked whether each image is defective, and a hit/miss curve is
    fitted to its answers. What the curve expects of real held-out defects stands beside what was found of them. The
    record goes to ``records/pod.json`` of the run, with a table of all placements beside it.

    Args:
        run: whose training images the defects come from, with masks or boxes.
        inspector: a trial's folder or one of its models; an ONNX file; ``module:function`` or a function, from a list
            of uint8 images (H, W) or (H, W, 3) to a probability of a defect or True or False for each; or a command
            with ``{images}`` and ``{csv}`` in it, which reads a folder of PNG files and writes columns file and score.
        data: the images that the run was trained on, or chosen from, if they have moved since.
        grounds: good images to put defects on; None: those of the class of good images in the data.
        classes: of defects; None: all that training had, but for the good one.
        good: name of the class of good images in the data; None: it is known by its name, such as ``MT_Free``.
        n: placements of each class, from 20.
        threshold: score from which on an image is called defective; None: what the inspector itself decides.
        out: folder for record, table and pictures; None: the run's own. Where that cannot be written, nothing is kept.
        overwrite: replace a record that is there.
        wait: wait for another process that writes the same record; else it is refused.
        seed: of placements and bootstrap.
        command: what to write into the record.
        progress: where to tell how far it is.

    Returns:
        The record.

    Raises:
        RunNotFoundError: no run, or no model there. RunBrokenError: it is damaged.
        RunExistsError: there is a record already, and not `overwrite`.
        DataNotFoundError, DataUnusableError: images are gone or changed; no held-out good images; no masks or boxes.
        SettingError: an argument, or what the inspector did.
        ExtraMissingError: an ONNX file without the extra.
        RunUnwritableError: `out` cannot be written. FolderBusyError: another process writes the same record.
    """
    check_numbers(n=n, threshold=threshold, seed=seed)
    if n < FEWEST:
        raise SettingError(f"-n is {n}; a curve takes {FEWEST} placements of a class or more, and 60 are usual.")
    opened = run if isinstance(run, Run) else Run.open(run)
    asked = open_inspector(inspector, threshold)
    with record_place(opened, "pod", out, command, wait, progress) as here:
        if record_file(here, "pod").exists() and not overwrite:
            raise RunExistsError(
                f"{record_file(here, 'pod')} is there already. Add --overwrite to replace it, or give --out another "
                "folder."
            )
        material = gather_material(opened, data, grounds, classes, asked, progress, good)
        unknown = [label for label in material.sources if not asked.knows(label)]
        if unknown:
            raise SettingError(
                f"the inspector does not know the class{'es' * (len(unknown) > 1)} {', '.join(unknown)}, and has no "
                f"class of good images: leave them out with --classes."
            )
        pictures = RecordPictures(here.outputs, "records/pod", material.data.white)
        study = _Study(material, asked, TURNS[opened.recipe.flip], n, seed, pictures, progress)
        calls = _false_calls(study)
        found = [_class_detection(study, label, calls) for label in material.sources]
        record = PodRecord(
            made=now(),
            versions=versions(),
            command=command,
            data_warnings=tell_warnings(material.data, progress),
            inputs={"data": material.data.fingerprint, "inspector": asked.version or asked.name, "seed": str(seed)},
            inspector=asked.name,
            inspector_kind=asked.kind,
            rule=asked.rule,
            sentence=found[0].sentence,
            classes=found,
            grounds=len(material.grounds),
            specimens=len(np.unique(material.specimens)),
            false_calls=calls,
            seed=seed,
            notes=[calls_note(calls), *material.notes],
        )
        save_record(here, "pod", record)
        write_text(here.records / POD_TABLE, placement_table(record))
        pictures.remove_others()
    return record


def placement_table(record: PodRecord) -> str:
    """Return a row for each placement: class, size, contrast, strength, found, score, place, and both files."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    names = list(PlacedFinding.model_fields)
    table.writerow(["class", *names])
    for one in record.classes:
        table.writerows([one.label, *(_cell(getattr(row, name)) for name in names)] for row in one.placed)
    return out.getvalue()


def _cell(value: object) -> object:
    return int(value) if isinstance(value, bool) else f"{value:.6g}" if isinstance(value, float) else value


def _false_calls(study: _Study) -> SharedRate | None:
    if not study.inspector.judges_good:
        return None
    material, rows = study.material, study.material.grounds[:MOST_GROUNDS]
    answers = study.ask_about("asking about good images", len(rows), lambda at: material.data.read(int(rows[at])), "")
    return rate_of(answers.calls, material.specimens[:MOST_GROUNDS].tolist())


def _class_detection(study: _Study, label: str, false_calls: SharedRate | None) -> ClassDetection:
    """Place, ask and fit for one class."""
    material, sources = study.material, study.material.sources[label]
    design = PlacementDesign(material, label, study.turns, study.seed)
    placed, answers = _placed(study, design)
    sizes = np.array([one.extent for one in placed])
    reference = float(np.median([source.contrast for source in sources]))
    contrasts = np.maximum([one.contrast for one in placed], 1e-3) / max(reference, 1e-3)
    found = int(answers.calls.sum())
    lost = lost_in_false_calls(false_calls, found, len(sizes))
    curve = fit_hit_miss(sizes, answers.calls, contrasts, study.seed)
    drawn = None if lost else drawn_from(curve, study.seed)
    smallest, largest = float(sizes.min()), float(sizes.max())
    fitted = None if drawn is None else describe_curve(curve, drawn, smallest, largest, study.seed)
    expected = np.full(len(sizes), answers.calls.mean()) if drawn is None else curve.chance_of(sizes, contrasts)
    counted = curve.outcome in ("all hits", "one size") and not lost
    shown = shown_by_binomial(sizes, answers.calls) if counted else None

    def check(extents: Floats, over: Floats, calls: Bools) -> RealCheck:
        return check_against_real(curve, drawn, extents, over, calls, (smallest, largest), study.seed)

    real = _real_check(study, label, reference, check)
    sentence = detection_sentence(label, curve, fitted, shown, found, (len(sizes), smallest, largest), reference)
    return ClassDetection(
        label=label,
        outcome="false calls" if lost else curve.outcome,
        sentence=with_false_calls(sentence, false_calls, label, found, len(sizes)),
        notes=class_notes(fitted, smallest, largest, len(sources), real, label),
        images=len({source.row for source in sources}),
        defects=len(sources),
        reference=reference,
        smallest=smallest,
        largest=largest,
        found=found,
        shown=shown,
        curve=fitted,
        real=real,
        places=describe_places([one.middle for one in placed], answers.calls, expected),
        strip=_strip(study, design, smallest, largest),
        placed=_findings(design, placed, answers),
    )


def _placed(study: _Study, design: PlacementDesign) -> tuple[list[Placement], Answers]:
    """Return the placements of the study and what was said of them; a pilot finds the range of sizes."""
    made: list[Placement] = []

    def keep(stage: str, asked: Sequence[Any]) -> Callable[[int], Pixels]:
        def make(number: int) -> Pixels:
            made.append(design.place(asked[number], stage, number))
            return made[-1].pixels

        return make

    pilot = design.pilot()
    said = study.ask_about(f"{design.label}: pilot", len(pilot), keep("pilot", pilot), design.label)
    low, high = range_of(np.array([one.extent for one in pilot]), said.calls)
    made.clear()
    asked = design.study(study.n, low, high)
    answers = study.ask_about(f"{design.label}: placing defects", len(asked), keep("study", asked), design.label)
    return made, answers


def _real_check(
    study: _Study, label: str, reference: float, compare: Callable[[Floats, Floats, Bools], RealCheck]
) -> RealCheck | None:
    """Ask about the real held-out images of a class; None where there are none."""
    material = study.material
    known = [(row, found[0]) for row in material.real[label] if (found := material.defects(row))]
    if not known:
        return None
    rows = [row for row, _ in known]
    answers = study.ask_about(f"{label}: real ones", len(rows), lambda at: material.data.read(rows[at]), label)
    sizes = np.array([defect.extent for _, defect in known])
    contrasts = np.maximum([defect.contrast for _, defect in known], 1e-3) / max(reference, 1e-3)
    return compare(sizes, contrasts, answers.calls)


def _strip(study: _Study, design: PlacementDesign, low: float, high: float) -> list[GrownPicture]:
    """Return pictures of one defect at growing size, each with what was said of the whole image."""
    grown = design.growing(low, high, STRIP)
    answers = study.ask([one.pixels for one in grown], design.label)
    side = int(max(SHOWN_SIDE, 2 * max(one.extent for one in grown)))
    return [
        GrownPicture(
            size=one.extent, found=bool(call), score=float(score), picture=study.pictures.keep(_around(one, side))
        )
        for one, call, score in zip(grown, answers.calls, answers.scores, strict=True)
    ]


def _around(one: Placement, side: int) -> Pixels:
    """Return the square of the image in which the defect is the middle, as far as the image reaches."""
    top, left, bottom, right = one.corners
    starts = []
    for first, last, length in ((top, bottom, one.pixels.shape[0]), (left, right, one.pixels.shape[1])):
        starts.append(min(max(0, (first + last - side) // 2), max(0, length - side)))
    return one.pixels[starts[0] : starts[0] + side, starts[1] : starts[1] + side]


def _findings(design: PlacementDesign, placed: list[Placement], answers: Answers) -> list[PlacedFinding]:
    samples, material = design.material.data.samples, design.material
    return [
        PlacedFinding(
            size=one.extent,
            contrast=one.contrast,
            strength=one.asked.strength,
            found=bool(call),
            score=float(score),
            down=one.middle[0],
            right=one.middle[1],
            source=samples[design.sources[one.asked.source].row].file,
            ground=samples[int(material.grounds[one.asked.ground])].file,
        )
        for one, call, score in zip(placed, answers.calls, answers.scores, strict=True)
    ]
