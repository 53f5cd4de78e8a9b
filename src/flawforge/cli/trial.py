"""``flawforge trial``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from rich.markup import escape

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import NONE_GIVEN, USUAL, Flag, Json, ReadingFlags, TrialFlags, Wait, Whole, Words, given
from flawforge.core.plural import plural

if TYPE_CHECKING:
    from flawforge.runs.trials import TrialRecord


def trial(
    data: str,
    /,
    *,
    out_folder: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    minutes: float | None = None,
    plan: Flag = False,
    classes: Words = None,
    unlabelled: Annotated[Path | None, Parameter(name=["--unlabelled", "--donors"])] = None,
    synthetic: Path | None = None,
    synthetic_saw: Path | None = None,
    workers: Whole | None = None,
    on: Literal["local", "ray"] = "local",
    address: str | None = None,
    early_stop: bool = True,
    no_model: Flag = False,
    reading: Annotated[ReadingFlags, Parameter(name="*")] = USUAL,
    settings: Annotated[TrialFlags, Parameter(name="*")] = NONE_GIVEN,
    resume: Flag = False,
    anew: Flag = False,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Do generated images make the inspection model better? A controlled experiment, with a verdict.

    A test set is held out first; images of one specimen are never on both sides. Then, for each repeat: draw the
    training images (the shots), train a generator on them and nothing else, and train the same classifier in every arm,
    with equal steps and batches:

    - `real`, `classical`: the shots, without and with strong classical transforms
    - `placebo`: as `classical`, with repeated shots in the place of generated images
    - `generated`, `filtered`: with generated images; for `filtered`, cross-validation on the shots chooses how they are
      used
    - `recommended`: `filtered` where cross-validation favours it, else `classical`
    - `pseudo-labelled`: a pretrained network labels the unlabelled images (else changed copies of the shots), and the
      classifier trains on them too, without a generator; `pseudo-labelled-generated`: generated images as well
    - `only-generated`; `copy-paste`, where masks or boxes exist; and `pasted-on-plentiful`, `fourier-adapted`,
      `histogram-matched` and `random-light`, which change real images by other real ones

    With `--task locate` the question is whether they help to say where a defect is: the data need masks or boxes, the
    models are `unet` and `effnet-dense`, the arms those whose images have masks, and the verdict rests on pixel average
    precision.

    The verdict is "helps" (by how much), "no evidence" (and what gain could have been detected) or "hurts".

    Start with `--plan`: it shows how long the trial takes and what gain it could detect. By itself it does as many
    repeats as 15 minutes allow. For an answer that convinces others: `--repeats 10`. Interrupted? Run the same command
    again to resume. More repeats, shots, arms or models can be added later; they narrow the intervals, but cannot
    change a verdict that was given.

    Parameters
    ----------
    data
        A folder of images in two or more classes, or the word `elpv`.
    out_folder
        The trial's folder. Default: trials/ and the name of DATA.
    minutes
        Time budget: as many repeats as fit, but at least the three that a verdict needs. Default: 15 minutes, and with
        --repeats as long as these take. A trial goes on where it ended when it gets more time.
    plan
        Only show how long the trial takes and what gain it could detect. (It times a few steps of each model.)
    classes
        The classes to take. Default: all.
    unlabelled
        A folder of more images of the same material and camera, without labels, for the generators and for the arm
        `pseudo-labelled`. Refused when one of them shows what a test image shows.
    synthetic
        A folder of generated images of any other tool, in the classes of DATA: an arm, set:NAME, named after it.
        Refused when one of them shows what a test image shows. Without --arms, the trial then trains no generator.
    synthetic_saw
        The folder of the real images that their generator was trained on: they are kept out of the test set. Default:
        not known, and the result says what that means.
    workers
        How many cells (trainings of one generator or one classifier) run at the same time. Default: one for each core.
    on
        `local` uses processes of this machine, `ray` a Ray cluster (extra `ray`).
    address
        Address of the Ray cluster. Default: the one that this machine belongs to, or a new one here.
    early_stop
        Stop when the evidence is clear. The interim analyses keep the false-positive rate at 2.5%.
    no_model
        Leave out the models to keep. Without it, the advised arm of each model is trained at the end on all images
        outside the test set and written to `model` in the trial's folder, for `flawforge predict`.
    anew
        Where --out holds a trial of other settings, images, recipe or code, remove its results and begin. Without
        this option such a trial is refused.
    resume
        Resume the trial in `--out`, and fail when there is none. (A trial is resumed without this option too.)
    """
    from flawforge.reports.trial.page import trial_report
    from flawforge.runs.folder_errors import refuse_other
    from flawforge.runs.versions import command
    from flawforge.studies.trial import load_bench, plan_trial
    from flawforge.studies.trial import trial as run_trial

    folder = out_folder if out_folder is not None else Path("trials") / (Path(data).resolve().name or "trial")
    common: dict[str, Any] = {
        **{"choices": reading.choices, "classes": classes, "unlabelled": unlabelled, "minutes": minutes},
        **{"synthetic": synthetic, "synthetic_saw": synthetic_saw},
        "workers": workers,
        "keep_model": not no_model,
        "wait": wait,
        **given(settings),
    }
    if resume:
        refuse_other(folder, "trial")
        load_bench(folder)
    with drawn_progress() as progress:
        common["progress"] = progress
        if plan:
            planned = plan_trial(data, folder, **common)
            if json:
                print_json(asdict(planned))
            else:
                out.print(escape(planned.sentence))
            return
        record = run_trial(
            data, folder, on=on, address=address, early_stop=early_stop, anew=anew, command=command(), **common
        )
        page = trial_report(folder)
    if json:
        print_json(record.model_dump(mode="json"))
        return
    _show(record, folder, page)


def _show(record: TrialRecord, folder: Path, page: Path) -> None:
    """Print the outcome, the advice, the numbers and what was left where."""
    from flawforge.runs.trials import TRIAL_FILE

    out.print(record.verdict.sentence, markup=False)
    for line in record.verdict.advice:
        out.print(f"- {line}", markup=False)
    out.print(_table(record), markup=False)
    for kept in record.kept:
        best = ", the best of these models" if kept.best and len(record.kept) > 1 else ""
        out.print(
            f"model to keep: {folder / kept.folder} ({kept.arm}; {kept.measured}{best})", markup=False, soft_wrap=True
        )
    if record.kept:
        out.print(f"use it: flawforge predict {quote(str(folder))} IMAGES", markup=False, soft_wrap=True)
    out.print(f"record: {folder / TRIAL_FILE}\nreport: {page}", markup=False, soft_wrap=True)


def _table(record: TrialRecord) -> str:
    """Return the arms' results, a line each."""
    from flawforge.runs.estimates import gain_points, in_percent

    metric, lines = record.protocol.metric, dict[str, list[str]]()
    width = max((len(result.arm) for result in record.results), default=0)
    for result in record.results:
        setting = record.setting(result)
        interval = "" if result.metrics[metric].low is None else " and 95% CI"
        title = f"{setting}: {metric} in %, mean of {plural(len(result.seeds), 'repeat')}{interval}"
        row = f"  {result.arm:{width}}  {in_percent(result.metrics[metric])}"
        if record.protocol.rare:
            beside = {name: found.value for name, found in result.metrics.items() if name != metric}
            row += "".join(f"; {name} {100 * value:.1f}" for name, value in beside.items() if value is not None)
        lines.setdefault(title, []).append(row)
    for found in record.primary if record.protocol.rare else ():
        lines[f"{record.setting(found)}: {found.arm} minus {found.control}"] = [
            f"  {name}: {gain_points(gain)}" for name, gain in found.figures.items()
        ]
    return "\n".join(line for title, rows in lines.items() for line in (title, *rows))
