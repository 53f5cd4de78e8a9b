"""``flawforge audit``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import Device, HeldOutFolder, Json, Whole

if TYPE_CHECKING:
    from flawforge.runs.records import AuditRecord


def audit(
    run: Path,
    /,
    *,
    data: str | None = None,
    held_out: HeldOutFolder = None,
    k: Annotated[Whole, Parameter(name=["-k", "--neighbours"])] = 5,
    channels: Annotated[Literal["first", "all"], Parameter(name=["--compare-channels", "--channels"])] = "first",
    pairs: Whole = 12,
    synthetic: Path | None = None,
    device: Device = "auto",
    memory_mb: float = 1024,
    json: Json = False,
) -> None:
    """Are the generated images copies of the training images?

    Each generated image is laid onto the training images: mirrored, turned, shifted, scaled. How well it fits is
    compared with how well real images of different pieces of material fit each other, from which comes one verdict:
    copies found, no evidence of copying (and how many copies would have been noticed), too few images to tell, or
    cannot tell. Beside it stand the plain distances, pixel by pixel. Look at the pairs in the report.

    Parameters
    ----------
    run
        The run folder, with a synthetic set (see `flawforge generate`).
    data
        The images that the run was trained on, or chosen from, if they have moved since.
    k
        Training images to rank for each generated one.
    channels
        `first` compares the first colour channel, as published; `all` compares every one.
    pairs
        Keep pictures of so many of the nearest pairs, for the report.
    synthetic
        The folder of another synthetic set than RUN/synthetic.
    memory_mb
        Bound on the memory that images take; what is beyond it waits in a scratch file in RUN.
    """
    from flawforge.runs.versions import command
    from flawforge.studies.copies import audit as audit_set

    with drawn_progress() as progress:
        record = audit_set(
            run, data=data, held_out=held_out, k=k, channels=channels, pairs=pairs, synthetic=synthetic, device=device,
            memory_mb=memory_mb, command=command(), progress=progress,
        )  # fmt: skip
    if json:
        print_json(record.model_dump(mode="json"))
        return
    for sentence in (record.sentence, *record.notes):
        out.print(sentence, markup=False)
    out.print(_scores(record), markup=False)
    out.print(_table(record), markup=False)
    out.print(f"record: {run / 'records' / 'audit.json'}\nnext: flawforge report {quote(str(run))}", markup=False)


def _scores(record: AuditRecord) -> str:
    """Return what the verdict rests on, a line each."""
    found = record.copying
    if found is None:
        return ""
    lines = [record.diversity.sentence] if record.diversity else []
    best = f"{max(found.generated, default=0):.2f}"
    if not found.real:
        return "\n".join([*lines, f"copy score: generated up to {best}; no scale"])
    limit = f"{found.threshold:.2f}" if found.threshold is not None else "not to be had"
    lines.append(
        f"copy score: generated up to {best}, real of other pieces up to {max(found.real):.2f} "
        f"({found.groups} groups); called a copy from {limit}"
    )
    lines.append(f"self-test: {found.recovered} of {found.planted} planted, disguised copies found")
    for test in record.tests:
        if test.p is not None and test.effect is not None:
            corrected = f", {test.adjusted:.2g} corrected for {len(record.tests)} tests" if test.adjusted else ""
            lines.append(f"{test.name}: {test.effect:.2f}, p = {test.p:.2g}{corrected} ({test.note})")
        else:
            lines.append(f"{test.name}: not measured: {test.note}")
    return "\n".join(lines)


def _table(record: AuditRecord) -> str:
    """Return the distances in root-mean-square gray levels of 255, a line each."""
    factor = record.root_mean_square
    rows = [("generated to training image", record.generated_to_real)]
    rows += [("real to real, other piece", record.real_to_real)] if record.real_to_real is not None else []
    names = list(record.generated_to_real.quantiles)
    lines = [f"{'distance to the nearest, gray levels of 255':44}" + "".join(f"{name:>8}" for name in names)]
    for title, distances in rows:
        values = "".join(f"{distances.quantiles[name] * factor:8.2f}" for name in names)
        lines.append(f"  {title} (n = {len(distances.nearest)})".ljust(44) + values)
    return "\n".join(lines)
