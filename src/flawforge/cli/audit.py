"""``flawforge audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from flawforge.cli.console import columns, drawn_progress, levelled_lines, show_record
from flawforge.cli.flags import Device, Flag, HeldOutFolder, Json, OutputsFolder, TrainFolder, Wait, Whole

if TYPE_CHECKING:
    from flawforge.runs.judged.audits import AuditRecord, Copying


def audit(
    run: str,
    /,
    *,
    data: str | None = None,
    train: TrainFolder = None,
    held_out: HeldOutFolder = None,
    k: Annotated[Whole, Parameter(name=["-k", "--neighbours"])] = 5,
    channels: Annotated[Literal["first", "all"], Parameter(name=["--compare-channels", "--channels"])] = "first",
    pairs: Whole = 12,
    synthetic: Path | None = None,
    out_folder: OutputsFolder = None,
    wait: Wait = False,
    device: Device = "auto",
    memory_mb: float = 1024,
    thorough: Flag = False,
    json: Json = False,
) -> None:
    """Are the generated images copies of the training images?

    Each generated image is laid onto the training images: mirrored, rotated, shifted and scaled. How well it fits is
    compared with how well real images of different specimens fit each other. The verdict is one of four: copies found;
    no copying detected (with the share of copies that would have been detected); too few images to tell; inconclusive,
    where the audit missed most of the copies that it planted to test itself. Pixel distances stand beside it. Compare
    the pairs in the report by eye.

    Images from any other tool are audited without a run: `flawforge audit DATA --synthetic DIR`, where DATA are the
    real images. Both may be in any arrangement that `flawforge inspect` reads, of any size, format and colour; that is
    levelled on both sides first, and said.

    Parameters
    ----------
    run
        The run folder, with a synthetic set (see `flawforge generate`); or the folder of real images.
    data
        Where the training images are now, if they have moved since training. Give the whole folder that `train` got.
    k
        Number of nearest training images to list for each generated image.
    channels
        Which colour channels pixel distances compare: only the `first`, as published, or `all`.
    pairs
        Number of nearest pairs to keep pictures of, for the report.
    synthetic
        Audit the generated images in this folder. Default: RUN/synthetic.
    memory_mb
        Memory for images, in MB; images beyond it go to a temporary file in RUN.
    thorough
        Align every image and search every one for copied patches. Without it, of more than 512 images those that are
        likest a training image are aligned, and a random 256 searched; the self-test says what that misses.
    """
    from flawforge.runs.versions import command
    from flawforge.studies.copies import audit as audit_set
    from flawforge.studies.copies import copies_sentence

    with drawn_progress() as progress:
        record = audit_set(
            run,
            data=data,
            train=train,
            held_out=held_out,
            k=k,
            channels=channels,
            pairs=pairs,
            synthetic=synthetic,
            out=out_folder,
            wait=wait,
            device=device,
            memory_mb=memory_mb,
            thorough=thorough,
            command=command(),
            progress=progress,
        )
    levelled = levelled_lines(record.levelling)
    named = copies_sentence(record.pairs, record.copied_defects)
    paragraphs = [record.sentence, *([named] if named else []), *record.notes, *levelled, *_results(record)]
    paragraphs.append(_distances(record))
    show_record(run, out_folder, "audit", record, paragraphs, json)


def _results(record: AuditRecord) -> list[str]:
    """Return what the verdict rests on, a line each."""
    found = record.copying
    if found is None:
        return []
    lines = [record.diversity.sentence] if record.diversity else []
    best = f"copy score: generated up to {max(found.generated, default=0):.2f}"
    if not found.real:
        return [*lines, f"{best}; no real images of different specimens to compare with"]
    lines.append(f"{best}, {_limits(found, 'flagged as a copy')}")
    lines.append(f"self-test: {found.recovered} of {found.planted} planted copies found")
    lines += _part_scores("patch", record.patches, "planted patches (a quarter of an image)")
    lines += _part_scores("defect", record.defects, "moved defects")
    unmeasured: dict[str, list[str]] = {}
    for test in record.tests:
        if test.p is None or test.effect is None:
            unmeasured.setdefault(test.note, []).append(test.name)
            continue
        corrected = f", corrected for {len(record.tests)} tests {test.adjusted:.2g}" if test.adjusted else ""
        lines.append(f"{test.name}: {test.effect:.2f}, p = {test.p:.2g}{corrected} ({test.note})")
    lines += [f"{', '.join(names)}: not measured ({why})" for why, names in unmeasured.items()]
    return lines


def _part_scores(what: str, found: Copying | None, planted: str) -> list[str]:
    """Return the line of a search for copied parts of images, where there was one."""
    if found is None:
        return []
    best = f"{what} score: generated up to {max(found.generated, default=0):.2f}"
    test = f"self-test: {found.recovered} of {found.planted} {planted} found"
    return [f"{best}, {_limits(found, 'flagged')}; {test}"]


def _limits(found: Copying, flagged: str) -> str:
    limit = f"{flagged} from {found.threshold:.2f}" if found.threshold is not None else "no score is flagged"
    return f"real up to {max(found.real):.2f} ({found.groups} specimens); {limit}"


def _distances(record: AuditRecord) -> str:
    """Return the distances in root-mean-square gray levels of 255, a line each."""
    factor = record.root_mean_square
    rows = [("generated to real", record.generated_to_real)]
    rows += [("real to real, other specimen", record.real_to_real)] if record.real_to_real is not None else []
    names = list(record.generated_to_real.quantiles)
    table = [["distance to the nearest, gray levels of 255", *names]]
    for title, distances in rows:
        values = [f"{distances.quantiles[name] * factor:.2f}" for name in names]
        table.append([f"  {title} (n = {len(distances.nearest)})", *values])
    return "\n".join(columns(table))
