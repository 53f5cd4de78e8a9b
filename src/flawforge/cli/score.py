"""``flawforge score``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import Device, HeldOutFolder, Json, Whole

if TYPE_CHECKING:
    from flawforge.runs.scores import Number, Quantity, ScoreRecord

WORDS = {
    "kid": "kernel distance (KID)",
    "fid": "Fréchet distance (FID)",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "spectrum": "power spectrum, dB",
    "histogram": "gray levels, of 255",
}


def score(
    run: Path,
    /,
    *,
    data: str | None = None,
    synthetic: Path | None = None,
    extractor: str = "effnet-lite0",
    held_out: HeldOutFolder = None,
    device: Device = "auto",
    seed: Whole = 0,
    pictures: Whole = 8,
    json: Json = False,
) -> None:
    """Do the generated images look real, and are they all alike?

    Measures kernel and Fréchet distance, precision, recall, density, coverage, power spectrum and gray levels, each
    beside the same number for real images of other material (the only scale on which it means anything) and for
    mirrored, shifted and brightened training images. Real images that training did not see are taken where there are
    any: the rest of the classes after `train --shots`, or `--held-out`. Fewer than 12 pieces of real material are too
    few to tell.

    Parameters
    ----------
    run
        The run folder, with a synthetic set (see `flawforge generate`).
    data
        The images that the run was trained on, or chosen from, if they have moved since.
    synthetic
        The folder of another synthetic set than RUN/synthetic.
    extractor
        What images are compared by: `effnet-lite0`, `pixels`, or an ONNX file of your own (extra `export`). Numbers of
        different extractors are not comparable, and none is the Inception FID.
    seed
        Of the random halves, the bootstrap and the classical transforms.
    pictures
        Keep pictures of so many of the most and of the least realistic images, for the report.
    """
    from flawforge.runs.versions import command
    from flawforge.studies.realism import score as score_set

    with drawn_progress() as progress:
        record = score_set(
            run, data=data, synthetic=synthetic, extractor=extractor, held_out=held_out, device=device, seed=seed,
            pictures=pictures, command=command(), progress=progress,
        )  # fmt: skip
    if json:
        print_json(record.model_dump(mode="json"))
        return
    for sentence in (record.sentence, *record.notes):
        out.print(sentence, markup=False)
    if record.quantities:
        out.print(_table(record), markup=False)
    out.print(f"record: {run / 'records' / 'score.json'}\nnext: flawforge report {quote(str(run))}", markup=False)


def _table(record: ScoreRecord) -> str:
    """Return the numbers with their 95 % intervals, a line each; a star marks those beyond the real images'."""
    against = f"{record.extractor}, {record.halves} random halves of {record.half} images"
    lines = [f"{against:48}{'generated':>26}{'real':>26}{'classical':>26}"]
    for quantity in record.quantities:
        numbers = (quantity.generated, quantity.real, quantity.classical)
        lines.append(f"{_name(quantity):48}" + "".join(f"{_shown(number):>26}" for number in numbers))
    return "\n".join(lines)


def _name(quantity: Quantity) -> str:
    mark = " *" if quantity.outside else ""
    return f"  {WORDS[quantity.name]} ({quantity.better} is better, n = {quantity.generated.n}){mark}"


def _shown(number: Number) -> str:
    if number.value is None:
        return "not measured"
    interval = "" if number.low is None or number.high is None else f" [{number.low:.3g}, {number.high:.3g}]"
    return f"{number.value:.3g}{interval}"
