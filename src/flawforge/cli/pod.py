"""``flawforge pod``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flawforge.cli.console import columns, drawn_progress, show_record
from flawforge.cli.flags import Flag, Json, OutputsFolder, Wait, Whole, Words

if TYPE_CHECKING:
    from flawforge.runs.detection.record import PodRecord


def pod(
    run: str,
    /,
    *,
    inspector: str,
    data: str | None = None,
    grounds: str | None = None,
    classes: Words = None,
    good: str | None = None,
    n: Annotated[Whole, Parameter(name=["-n", "--number"])] = 60,
    threshold: float | None = None,
    out_folder: OutputsFolder = None,
    overwrite: Flag = False,
    wait: Wait = False,
    seed: Whole = 0,
    json: Json = False,
) -> None:
    """How small a defect does the inspection find reliably (probability of detection)?

    Real defects of the run's training images are put on good images that neither the run nor the inspector was trained
    on, in designed sizes and strengths. The inspector is asked about each, and a hit/miss curve is fitted to its
    answers (MIL-HDBK-1823A): a90 is the size of which 9 of 10 are found, a90/95 the size that this is sure of with 95%
    confidence. Beside it: false calls on good images, where in the image the inspector is blind, and what the curve
    expects of real held-out defects beside what was found of them.

    The training images' defects need masks or boxes, and the data a class of good images, or --grounds. Writes
    records/pod.json, and records/pod.csv with all placements.

    Parameters
    ----------
    run
        The run folder. Of the run only its training images are used, not what it generates.
    inspector
        What is asked: a trial's folder, whose best model is taken, or one of its models; an ONNX file that takes uint8
        (N, channels, height, width) and gives probabilities, good first; module:function, from a list of uint8 images
        to a probability of a defect, or True or False, for each; or a command with {images} and {csv} in it, which
        reads a folder of PNG files and writes a table with the columns file and score.
    data
        The folder that the run was trained on, if it has moved since.
    grounds
        A folder of good images to put defects on. Default: those of the class of good images in the data.
    classes
        Classes of defects. Default: all that the run was trained on.
    good
        Name of the class of good images in the data. Default: the one whose name says it, such as good, ok or MT_Free.
    n
        Placed defects per class, at least 20. 29 is the fewest that can show 9 of 10; 60 and more fix a curve.
    threshold
        Score from which on an image counts as called defective. Default: the inspector's own decision; 0.5 of a number.
    overwrite
        Replace a record that is there.
    seed
        Seed of the placements and the bootstrap.
    """
    from flawforge.runs.versions import command
    from flawforge.studies.detection import pod as measure

    with drawn_progress() as progress:
        record = measure(
            run,
            inspector,
            data=data,
            grounds=grounds,
            classes=classes,
            good=good,
            n=n,
            threshold=threshold,
            out=out_folder,
            overwrite=overwrite,
            wait=wait,
            seed=seed,
            command=command(),
            progress=progress,
        )
    show_record(run, out_folder, "pod", record, _paragraphs(record), json)


def _paragraphs(record: PodRecord) -> list[str]:
    """Return what to print: the sentence of each class with its notes, a table, and what holds for all."""
    shown = []
    for one in record.classes:
        shown += [one.sentence, *(f"  {note}" for note in one.notes)]
        blind = [place for place in one.places if place.blind]
        shown += [f"  {place.in_words}" for place in blind]
    rows: list[tuple[str, ...]] = [("class", "placed", "found", "a50", "a90", "a90/95", "raw a90/95")]
    for one in record.classes:
        fitted = one.curve
        sizes = [None] * 4 if fitted is None else [fitted.a50, fitted.a90, fitted.a90_95, fitted.a90_95_raw]
        rows.append((one.label, str(len(one.placed)), str(one.found), *map(one.in_pixels, sizes)))
    return [*shown, *columns(rows), *record.notes, f"found: {record.rule}"]
