"""``flawforge audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress, out, print_json

if TYPE_CHECKING:
    from flawforge.runs.records import AuditRecord


def audit(
    run: Path,
    /,
    *,
    data: str | None = None,
    k: Annotated[int, Parameter(name=["-k", "--neighbours"])] = 5,
    channels: Literal["first", "all"] = "first",
    pairs: int = 12,
    synthetic: Path | None = None,
    device: str = "auto",
    memory_mb: float = 1024,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Are the generated images copies of the training images?

    Each generated image is compared, pixel by pixel, with every training image, mirrored as training mirrored them.
    Beside it stands the same distance between real images of different pieces of material: the scale for "near".
    Look at the nearest pairs in the report. This first form cannot see copies that were shifted, cropped or turned a
    little.

    Parameters
    ----------
    run
        The run folder, with a synthetic set (see `flawforge generate`).
    data
        The training images, if they have moved since the training.
    k
        Training images to rank for each generated one.
    channels
        `first` compares the first colour channel, as published; `all` compares every one.
    pairs
        Keep pictures of so many of the nearest pairs, for the report.
    synthetic
        The folder of another synthetic set than RUN/synthetic.
    device
        auto, cpu, cuda, cuda:1, ... `auto` takes a GPU where there is one.
    memory_mb
        Bound on the memory that images take; what is beyond it waits in a scratch file in RUN.
    json
        Print the whole record as JSON.
    """
    from flawforge.runs.versions import command
    from flawforge.studies.audit import audit as audit_set

    with drawn_progress() as progress:
        record = audit_set(
            run, data=data, k=k, channels=channels, pairs=pairs, synthetic=synthetic, device=device,
            memory_mb=memory_mb, command=command(), progress=progress,
        )  # fmt: skip
    if json:
        print_json(record.model_dump(mode="json"))
        return
    out.print(record.sentence, markup=False)
    out.print(_table(record), markup=False)
    out.print(f"record: {run / 'records' / 'audit.json'}\nnext: flawforge report {run}", markup=False)


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
