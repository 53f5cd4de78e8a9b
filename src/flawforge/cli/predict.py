"""``flawforge predict``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import USUAL, Flag, Json, ReadingFlags, Wait, Whole

if TYPE_CHECKING:
    from flawforge.runs.detection.predictions import Evaluation, PredictionRecord


def predict(
    model: Path,
    images: str,
    /,
    *,
    out_folder: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    overwrite: Flag = False,
    threshold: float | None = None,
    pictures: Whole = 60,
    wait: Wait = False,
    reading: Annotated[ReadingFlags, Parameter(name="*")] = USUAL,
    json: Json = False,
) -> None:
    """Ask a model that a trial has left about a folder of images.

    Writes a table (the class of each image, its probabilities, and how much the model doubts) and a sheet of the images
    that it doubts most. Where the images have classes that the model knows, also how often it was right, what was taken
    for what, and what each threshold would cost.

    Images are read as `flawforge inspect` reads them, whatever their size, depth or colour, by the trial's own options
    of reading where none are given, and become what the trial's images were. Files that cannot be read are named, and
    the rest goes on.

    Parameters
    ----------
    model
        A trial's folder, whose best model is taken, or one of its models, such as trials/first/model/small-cnn.
    images
        A folder of images, with or without classes.
    out_folder
        Where to write predictions.csv, doubtful.png and prediction.json. Default: predictions/ and the name of IMAGES.
    overwrite
        Replace a prediction that is in the folder; nothing else is ever replaced.
    threshold
        For good and defective images: the probability of "defective" from which on an image is called so. Default: the
        likelier of the two. The model's card.md lists what thresholds cost.
    pictures
        Images on the sheet. 0 draws none.
    """
    from flawforge.runs.versions import command
    from flawforge.studies.prediction import predict as ask

    folder = out_folder if out_folder is not None else Path("predictions") / (Path(images).resolve().name or "images")
    with drawn_progress() as progress:
        record = ask(
            model,
            images,
            out=folder,
            overwrite=overwrite,
            threshold=threshold,
            pictures=pictures,
            choices=reading.choices,
            wait=wait,
            command=command(),
            progress=progress,
        )
    if json:
        print_json(record.model_dump(mode="json"))
        return
    for line in _summary(record):
        out.print(line, markup=False)
    names = ("predictions.csv", *(("doubtful.png",) if (folder / "doubtful.png").is_file() else ()))
    out.print(f"folder: {folder} ({', '.join(names)})", markup=False, soft_wrap=True)


def _summary(record: PredictionRecord) -> list[str]:
    """Return what to print, a line each."""
    counts = ", ".join(f"{label} {count:,}" for label, count in record.counts.items())
    lines = [f"{len(record.images):,} images: {counts}"]
    if record.evaluation is not None:
        lines += evaluation_lines(record.evaluation)
    lines += [f"- {note}" for note in record.notes]
    if record.broken:
        more = len(record.broken) - 1
        others = f" and {more:,} more (all in predictions.csv)" if more else ""
        lines.append(f"- not read: {record.broken[0].file} {record.broken[0].reason}{others}")
    return lines


def evaluation_lines(found: Evaluation) -> list[str]:
    """Return how often a model was right, and what thresholds cost, a line each."""
    from flawforge.runs.model_cards import figures_in_words, of_evaluation

    wide = max(len(label) for label in found.per_class)
    column = max(7, min(wide, 16))
    lines = [
        f"on {found.images:,} images of known class, each taken for a specimen of its own: "
        f"{figures_in_words(of_evaluation(found))}",
        f"{'true class (rows), predicted':{wide + 2}}" if wide > 26 else "true class (rows) and predicted class:",
        f"  {'':{wide}}" + "".join(f"  {label[:16]:>{column}}" for label in found.per_class),
    ]
    for label, row in zip(found.per_class, found.confusion, strict=True):
        lines.append(f"  {label:{wide}}" + "".join(f"  {count:>{column},}" for count in row))
    if found.points:
        lines.append("what thresholds cost (taken for the class from this probability on; per 100 images):")
        lines.append(f"  {'class':{wide}}  probability  missed  false alarms among others")
        lines += [
            f"  {point.label:{wide}}  {point.threshold:>11.6g}  {100 * point.missed:>6.1f}  "
            f"{100 * point.false_alarms:>12.1f}"
            for point in found.points
        ]
    return lines
