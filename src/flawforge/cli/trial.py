"""``flawforge trial``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from rich.markup import escape

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import NONE_GIVEN, Flag, Json, TrialFlags, Whole, Words, given

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
    unlabelled: Path | None = None,
    workers: Whole | None = None,
    on: Literal["local", "ray"] = "local",
    address: str | None = None,
    early_stop: bool = True,
    settings: Annotated[TrialFlags, Parameter(name="*")] = NONE_GIVEN,
    resume: Flag = False,
    json: Json = False,
) -> None:
    """Do generated images make the inspection model better? A controlled experiment, with a verdict.

    A test set is put aside first, by pieces of material. Then, for each repeat: draw the shots, train a generator on
    them and nothing else, and train the same classifier in every arm, with equal steps and batches:

    - `real`, `classical`: the shots, without and with strong classical transforms
    - `placebo`: as many repeats of shots as there are generated images elsewhere
    - `generated`, `filtered`: with generated images; `filtered` in the way that was chosen inside the shots
    - `recommended`: `filtered` where the evidence inside the shots says so, else `classical`
    - `pseudo-labelled`: a pretrained network labels the unlabelled images (else changed copies of the shots), and the
      classifier trains on them too, without a generator; `pseudo-labelled-generated`: generated images as well
    - `only-generated`; and `copy-paste`, where masks or boxes exist

    The verdict is "helps" (by how much), "no evidence" (and what could have been seen) or "hurts".

    Begin with `--plan`: it says how long the trial takes and what gain it could find. A first look in an hour or so:
    `flawforge trial DATA --out trials/first --shots 5 --seeds 4 --generator-minutes 1`. For an answer that convinces
    others take 10 seeds. Stopped or killed, the same command goes on; more seeds, shots, arms or
    models add to it, but bring no new verdict once it has one.

    Parameters
    ----------
    data
        A folder of images in two or more classes, or the word `elpv`.
    out_folder
        The trial's folder. Default: trials/ and the name of DATA.
    minutes
        Time for all of it: as many repeats are done as fit, but at least the three that a verdict needs.
    plan
        Only say how long it takes and what gain it could find, and end. (It times a few steps of each model.)
    classes
        The classes to take. Default: all.
    unlabelled
        A folder of more images of the same material and camera, without labels, for the generators and for the arm
        `pseudo-labelled`. Refused when one of them shows what a test image shows.
    workers
        Cells at a time. Default: one for each core.
    on
        `local` works in processes of this machine, `ray` on a Ray cluster (extra `ray`).
    address
        Of the Ray cluster. Default: the one that this machine belongs to, or a new one here.
    early_stop
        Stop when the evidence is clear, by bounds that keep the chance of a wrong verdict.
    resume
        Go on with the trial in `--out`; it is refused when there is none. (Without it too a trial goes on.)
    """
    folder = out_folder if out_folder is not None else Path("trials") / (Path(data).resolve().name or "trial")
    common = {"classes": classes, "unlabelled": unlabelled, "minutes": minutes, "workers": workers}
    only_run = {"on": on, "address": address, "early_stop": early_stop}
    _do(data, folder, given(settings), common, only_run, plan, resume, json)


def _do(
    data: str,
    folder: Path,
    asked: dict[str, Any],
    common: dict[str, Any],
    only_run: dict[str, Any],
    plan: bool,
    resume: bool,
    json: bool,
) -> None:
    from dataclasses import asdict

    from flawforge.reports.trial.page import trial_report
    from flawforge.runs.folder_errors import refuse_other
    from flawforge.runs.trials import TRIAL_FILE
    from flawforge.runs.versions import command
    from flawforge.studies.trial import load_bench, plan_trial
    from flawforge.studies.trial import trial as run_trial

    if resume:
        refuse_other(folder, "trial")
        load_bench(folder)
    with drawn_progress() as progress:
        if plan:
            told = plan_trial(data, folder, progress=progress, **common, **asked)
            if json:
                print_json(asdict(told))
            else:
                out.print(escape(told.sentence))
            return
        record = run_trial(data, folder, command=command(), progress=progress, **common, **only_run, **asked)
        page = trial_report(folder)
    if json:
        print_json(record.model_dump(mode="json"))
        return
    out.print(record.verdict.sentence, markup=False)
    for line in record.verdict.advice:
        out.print(f"- {line}", markup=False)
    out.print(_table(record), markup=False)
    out.print(f"record: {folder / TRIAL_FILE}\nreport: {page}", markup=False, soft_wrap=True)


def _table(record: TrialRecord) -> str:
    """Return the arms' results, a line each."""
    metric = record.protocol.metric
    width = max(len(one.arm) for one in record.results) if record.results else 0
    lines = []
    for shots in record.protocol.shots:
        for model in record.protocol.models:
            lines.append(f"{shots} images per class, {model}: {metric} in %, mean of the repeats and 95% CI")
            for one in record.results:
                if (one.shots, one.model) == (shots, model):
                    found = one.metrics[metric].within(0.0, 1.0)
                    between = (
                        "" if found.low is None or found.high is None else f"{_part(found.low)} to {_part(found.high)}"
                    )
                    lines.append(f"  {one.arm:{width}}  {_part(found.value)}  {between}".rstrip())
    return "\n".join(lines)


def _part(value: float | None) -> str:
    return "not measured" if value is None else f"{100 * value:5.1f}"
