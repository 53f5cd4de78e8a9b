"""``flawforge trial``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from rich.markup import escape

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.core.errors import SettingError

if TYPE_CHECKING:
    from flawforge.runs.trials import TrialRecord

Flag = Annotated[bool, Parameter(negative="")]


def trial(
    data: str,
    /,
    *,
    out_folder: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    shots: str | None = None,
    seeds: int | None = None,
    arms: str | None = None,
    model: str | None = None,
    task: Literal["type", "good"] | None = None,
    minutes: float | None = None,
    plan: Flag = False,
    recipe: Annotated[str | None, Parameter(name=["--recipe", "-r"])] = None,
    generator_minutes: float | None = None,
    generator_kimg: float | None = None,
    generator: str | None = None,
    share: float | None = None,
    made: int | None = None,
    folds: int | None = None,
    steps: int | None = None,
    batch: int | None = None,
    resolution: str | None = None,
    policy: str | None = None,
    test_share: float | None = None,
    good_shots: int | None = None,
    classes: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
    unlabelled: Path | None = None,
    seed: int | None = None,
    workers: int | None = None,
    on: Literal["local", "ray"] = "local",
    address: str | None = None,
    early_stop: bool = True,
    resume: Flag = False,
    json: Flag = False,
) -> None:
    """Do generated images make the inspection model better? A controlled experiment, with a verdict.

    A test set is put aside first, by pieces of material. Then, for each repeat: draw the shots, train a generator on
    them and nothing else, and train the same classifier in every arm, with equal steps and batches:

    - `real`, `classical`: the shots, without and with strong classical transforms
    - `placebo`: as many repeats of shots as there are generated images elsewhere
    - `generated`, `filtered`: with generated images; `filtered` in the way that was chosen inside the shots
    - `recommended`: `filtered` where the evidence inside the shots says so, else `classical`
    - `taught`: the generator's pretrained knowledge without generating; `taught-generated` with both
    - `only-generated`; and `copy-paste`, where masks or boxes exist

    The verdict is "helps" (by how much), "no evidence" (and what could have been seen) or "hurts".

    Begin with `--plan`: it says how long the trial takes and what gain it could find. A first look in an hour or so:
    `flawforge trial DATA --out trials/first --shots 5 --seeds 4 --generator-minutes 1`. For an answer that convinces
    others take 10 seeds. Stopped or killed, the same command goes on; more seeds, shots, arms or models add to it.

    Parameters
    ----------
    data
        A folder of images in two or more classes, or the word `elpv`.
    out_folder
        The trial's folder. Default: trials/ and the name of DATA.
    shots
        Training images of each class, e.g. `5` or `5,10,20` for a learning curve. Default: 5.
    seeds
        Repeats, each with shots, generator and classifiers of its own. Default: 10.
    arms
        What to compare, e.g. `classical,generated,filtered`. `classical` must be there.
        Default: real,classical,placebo,taught,generated,filtered,recommended.
    model
        The inspection model: small-cnn, effnet-probe, effnet-finetune, or module:factory for your own; several with
        commas. Default: small-cnn.
    task
        `type` tells the classes apart; `good` tells defective from good (needs a class `good`). Default: type.
    minutes
        Time for all of it: as many repeats are done as fit, two at least.
    plan
        Only say how long it takes and what gain it could find, and end. (It times a few steps of each model.)
    recipe
        The generator's recipe (see `flawforge recipes`). Default: fewshot.
    generator_minutes
        Training time of each generator. Default: the recipe's own length, which can be hours.
    generator_kimg
        Training length of each generator in thousands of images: repeatable to the last bit.
    generator
        A generator of your own, module:function, called with (dataset of shots, images a class, seed).
    share
        Part of each batch that is generated in the arm `generated`. Default: 0.25.
    made
        Images of each class that every generator makes. Default: 128.
    folds
        Inner folds for the choice of how to use generated images, each with a generator of its own; 0 chooses nothing
        and recommends nothing. Default: 3.
    steps
        Optimiser steps of every classifier. Default: 900.
    batch
        Images in each of these steps. Default: 48.
    resolution
        Pixels at which classifiers see images, as 64 or 64x96. Default: 64.
    policy
        Classical transforms, e.g. light or strong. Default: those that were found best for each model.
    test_share
        Part of the images that is tested on. Default: 0.5.
    good_shots
        With `--task good`, images of the good class. Default: as many as of all defects together.
    classes
        The classes to take. Default: all.
    unlabelled
        A folder of more images of the same line, without labels, for the generators and for the arm `taught`. Refused
        when one of them shows what a test image shows.
    seed
        Of everything. Default: 0.
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
    json
        Print the record (or the plan) as JSON.
    """
    asked: dict[str, Any] = {
        "shots": _numbers(shots), "seeds": seeds, "arms": _words(arms), "models": _words(model), "task": task,
        "recipe": recipe, "generator_minutes": generator_minutes, "generator_kimg": generator_kimg,
        "generator": generator, "share": share, "made": made, "folds": folds, "steps": steps, "batch": batch,
        "resolution": resolution, "policy": policy, "test_share": test_share, "good_shots": good_shots, "seed": seed,
    }  # fmt: skip
    given = {key: value for key, value in asked.items() if value is not None}
    folder = out_folder if out_folder is not None else Path("trials") / (Path(data).resolve().name or "trial")
    _do(data, folder, given, {"classes": classes, "unlabelled": unlabelled, "minutes": minutes, "workers": workers},
        {"on": on, "address": address, "early_stop": early_stop}, plan, resume, json)  # fmt: skip


def _do(
    data: str,
    folder: Path,
    given: dict[str, Any],
    common: dict[str, Any],
    only_run: dict[str, Any],
    plan: bool,
    resume: bool,
    json: bool,
) -> None:
    from dataclasses import asdict

    from flawforge.runs.trials import TRIAL_FILE
    from flawforge.runs.versions import command
    from flawforge.studies.trial import plan_trial
    from flawforge.studies.trial import trial as run_trial
    from flawforge.studies.trial_bench import load_bench

    if resume:
        load_bench(folder)
    with drawn_progress() as progress:
        if plan:
            told = plan_trial(data, folder, progress=progress, **common, **given)
            if json:
                print_json(asdict(told))
            else:
                out.print(escape(told.sentence))
            return
        record = run_trial(data, folder, command=command(), progress=progress, **common, **only_run, **given)
    if json:
        print_json(record.model_dump(mode="json"))
        return
    out.print(record.verdict.sentence, markup=False)
    for line in record.verdict.advice:
        out.print(f"- {line}", markup=False)
    out.print(_table(record), markup=False)
    out.print(f"record: {folder / TRIAL_FILE}", markup=False, soft_wrap=True)


def _table(record: TrialRecord) -> str:
    """Return the arms' results, a line each."""
    metric = record.protocol.metric
    width = max(len(one.arm) for one in record.results) if record.results else 0
    lines = []
    for shots in record.protocol.shots:
        for model in record.protocol.models:
            lines.append(f"{shots} shots, {model}: {metric} in %, mean of the repeats and 95 % interval")
            for one in record.results:
                if (one.shots, one.model) == (shots, model):
                    found = one.metrics[metric]
                    between = (
                        "" if found.low is None or found.high is None else f"{_part(found.low)} to {_part(found.high)}"
                    )
                    lines.append(f"  {one.arm:{width}}  {_part(found.value)}  {between}".rstrip())
    return "\n".join(lines)


def _part(value: float | None) -> str:
    return "not measured" if value is None else f"{100 * value:5.1f}"


def _words(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(word.strip() for word in text.split(",") if word.strip())


def _numbers(text: str | None) -> tuple[int, ...] | None:
    words = _words(text)
    if words is None:
        return None
    if not words or not all(word.isdigit() for word in words):
        raise SettingError(f"--shots is '{text}'; it is a number of images a class, or several with commas: 5,10,20.")
    return tuple(int(word) for word in words)
