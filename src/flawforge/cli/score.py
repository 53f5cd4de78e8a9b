"""``flawforge score``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flawforge.cli.console import columns, drawn_progress, levelled_lines, show_record
from flawforge.cli.flags import Device, HeldOutFolder, Json, OutputsFolder, TrainFolder, Wait, Whole

if TYPE_CHECKING:
    from flawforge.runs.judged.scores import FullSize, MeasuredQuantity, Number, ScoreRecord


def score(
    run: str,
    /,
    *,
    data: str | None = None,
    synthetic: Path | None = None,
    train: TrainFolder = None,
    extractor: str = "effnet-lite0",
    held_out: HeldOutFolder = None,
    out_folder: OutputsFolder = None,
    wait: Wait = False,
    device: Device = "auto",
    seed: Whole = 0,
    pictures: Whole = 8,
    json: Json = False,
) -> None:
    """Do the generated images look real, and do they show the whole variety of real ones?

    Measures kernel and Fréchet distance, coverage, recall, precision, density, power spectrum and gray levels. Each
    number stands beside the same number for real images of other specimens, without which it means nothing, and beside
    that of training images that were only mirrored, shifted and brightened. The comparison is with real images that
    training did not see where there are any: the rest of each class after `train --shots`, or `--held-out`. It needs
    real images of at least 12 specimens.

    Images from any other tool are scored without a run: `flawforge score DATA --synthetic DIR`, where DATA are the
    real images. Both may be in any arrangement that `flawforge inspect` reads, of any size, format and colour; that is
    levelled on both sides first, and said. With --json, `usual` holds FID and KID as other tools state them.

    Parameters
    ----------
    run
        The run folder, with a synthetic set (see `flawforge generate`); or the folder of real images.
    data
        The folder that the run was trained on, if it has moved since.
    synthetic
        The folder of the generated images. Default: RUN/synthetic.
    extractor
        The feature extractor that images are compared by: `effnet-lite0`, `pixels`, or an ONNX file of your own (extra
        `export`). Numbers of different extractors are not comparable, and none of them is the Inception FID of papers.
    seed
        Seed of the random halves, the bootstrap and the classical transforms.
    pictures
        How many of the most and of the least realistic images to keep as pictures for the report.
    """
    from flawforge.runs.versions import command
    from flawforge.studies.realism import score as score_set

    with drawn_progress() as progress:
        record = score_set(
            run,
            data=data,
            synthetic=synthetic,
            train=train,
            extractor=extractor,
            held_out=held_out,
            out=out_folder,
            wait=wait,
            device=device,
            seed=seed,
            pictures=pictures,
            command=command(),
            progress=progress,
        )
    paragraphs = [record.sentence, *([record.beyond_sentence] if record.beyond_sentence else [])]
    paragraphs += [record.full_size.sentence] if record.full_size else []
    if record.findings[1:]:
        further = [(f"  {one.text}", one.generated, one.real) for one in record.findings[1:]]
        paragraphs += columns([("further findings", "generated", "real"), *further])
    paragraphs += [
        *record.notes,
        *levelled_lines(record.levelling),
        *([number_table(record)] if record.quantities else []),
        *([full_size_table(record.full_size)] if record.full_size else []),
        *([beyond_table(record)] if record.beyond else []),
    ]
    show_record(run, out_folder, "score", record, paragraphs, json)


def number_table(record: ScoreRecord) -> str:
    """Return the numbers with their 95% intervals, a line each; a star marks those worse than nearly all real ones."""
    title = (
        f"{record.extractor}; means of {record.halves} random halves with {record.half} images each; "
        f"* worse than 97.5% of real halves"
    )
    return "\n".join([title, *columns(_number_rows(record.quantities))])


def full_size_table(found: FullSize) -> str:
    """Return the numbers at full size likewise."""
    title = (
        f"at full size: {found.n_generated} generated and {found.n_reference} real images, patches of "
        f"{found.side}x{found.side} pixels"
    )
    return "\n".join([title, *columns([row[:3] for row in _number_rows(found.quantities)])])


def _number_rows(quantities: list[MeasuredQuantity]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("", "generated", "real", "classical")]
    for one in quantities:
        unit = f", {one.unit}" if one.unit not in ("", "share") else ""
        name = f"  {one.title}{unit} ({one.better} is better){' *' if one.outside else ''}"
        rows.append((name, _shown(one.generated), _shown(one.real), _shown(one.classical)))
    return rows


def beyond_table(record: ScoreRecord) -> str:
    """Return class by class what the images reach of unseen ones beyond changed copies, and the ratio of distances."""
    from flawforge.reports.words import shares

    lines = [
        "held-out images reached that changed copies of the training images do not reach (128 images and as many "
        "copies at most)",
        f"{'':26}{'generated':>26}{'copies again':>26}{'other real':>26}{'KID / that of copies':>24}",
    ]
    for one in record.beyond:
        numbers = "".join(f"{shares(side):>26}" for side in (one.generated, one.again, one.real))
        lines.append(
            f"  {one.label:24}" + (f"  not measured: {one.why}" if one.why else f"{numbers}{one.distance:>24}")
        )
    return "\n".join(lines)


def _shown(number: Number) -> str:
    if number.value is None:
        return "not measured"
    interval = "" if number.low is None or number.high is None else f" [{number.low:.3g}, {number.high:.3g}]"
    return f"{number.value:.3g}{interval}"
