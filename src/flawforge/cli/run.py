"""``flawforge run``: the whole job."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import NOTHING, Device, Json, RecipeFlags, Whole, Words, given
from flawforge.cli.parts import Parts
from flawforge.core.errors import RunBrokenError, RunExistsError, SettingError
from flawforge.core.progress import Progress

if TYPE_CHECKING:
    from flawforge.data.dataset import Dataset
    from flawforge.runs.folder import Run
    from flawforge.runs.records import AuditRecord
    from flawforge.runs.scores import ScoreRecord

REST = 0.25  # share of --minutes kept for generating, audit, score and report
REST_MOST = 1.5  # minutes; these do not take longer when training does
PLAIN = {"novel": None, "truncation": None, "layout": "classes"}  # of a set that this command makes
LEAST = 0.3  # share of --minutes that training gets however long the reading took

EXPLANATION = """[bold]flawforge run DATA --out RUN --minutes 10[/bold] does the whole job:

  1. reads the images in DATA (a folder, or the word elpv) and finds which show the same piece of material
  2. trains a generator on them
  3. makes new images            RUN/synthetic
  4. checks them for copies      RUN/records/audit.json
  5. measures how real they look RUN/records/score.json
  6. draws the report            RUN/report.html

Try it:   flawforge run elpv --classes defective --out runs/cells --minutes 5
          flawforge inspect DATA        says what is in a folder first
          flawforge run --help          every setting

Stopped, or killed? The same command goes on where it was, and skips what is done."""


def run(
    data: str | None = None,
    /,
    *,
    out_folder: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    minutes: float | None = None,
    recipe: Annotated[str | None, Parameter(name=["--recipe", "-r"])] = None,
    n: Annotated[Whole | None, Parameter(name=["-n", "--number"])] = None,
    classes: Words = None,
    shots: Whole | None = None,
    unlabelled: str | None = None,
    seed: Whole = 0,
    device: Device = "auto",
    settings: Annotated[RecipeFlags, Parameter(name="*")] = NOTHING,
    json: Json = False,
) -> None:
    """Do all of it: train on DATA, make new images, check them for copies, measure how real they look, draw the report.

    Run again, it goes on where it stopped and skips what is done. Where the check for copies or the score fails, the
    rest is still made and the report drawn, and the error is told at the end. Without DATA it explains itself.

    Parameters
    ----------
    data
        A folder of images in any layout that `flawforge inspect` knows, or the word `elpv`.
    out_folder
        The run folder. Default: runs/ and the name of DATA.
    minutes
        Time for all of it; training gets what the rest does not need. Default: the recipe's own length, which
        can take hours for some recipes on a processor.
    recipe
        A recipe's name (see `flawforge recipes`) or a TOML file of settings. Default: fewshot.
    n
        Images to make of each class. Default: 64.
    classes
        The classes to learn, e.g. `--classes scratches`. Default: all.
    shots
        Images per class to learn from. Default: all.
    unlabelled
        A folder of more images of the same line, of any kind, to learn surfaces from.
    seed
        Of every random number.
    """
    started = time.monotonic()
    if data is None:
        out.print(EXPLANATION)
        return
    from flawforge.data.grouping.shots import check_shots
    from flawforge.data.reading.load import load
    from flawforge.reports.page import report
    from flawforge.runs.folder import Run
    from flawforge.studies.copies import audit
    from flawforge.studies.realism import score
    from flawforge.training.setup.preflight_checks import refuse_at_once

    folder = out_folder if out_folder is not None else Path("runs") / (Path(data).resolve().name or "run")
    if n is not None and n < 1:
        raise SettingError(f"-n is {n}; it is a number of images of each class, from 1.")
    refuse_at_once(folder, recipe, given(settings), minutes=minutes, seed=seed, resume=True)
    with drawn_progress() as progress:
        whole = load(data, progress=progress)
        if not Run(folder).settings_file.exists():  # else it goes on as it was begun
            check_shots(whole.select(classes).counts, shots)
        dataset = whole.select(classes, shots, seed, progress)
        groups = int(dataset.groups(progress).max()) + 1 if len(dataset) else 0
        _tell(dataset, groups, progress)
        asked = {"recipe": recipe, "classes": classes, "shots": shots, "seed": seed, "device": device,
                 "unlabelled": unlabelled}  # fmt: skip
        spent = (time.monotonic() - started) / 60
        trained = _train(data, folder, minutes, asked, given(settings), spent, progress)
        made = _generate(trained, n, seed, device, progress)
        parts = Parts(progress)
        found = parts.tried("audit", lambda: _audited(trained, whole) or audit(
            trained, data=whole, device=device, command=_command(), progress=progress
        ))  # fmt: skip
        looks = parts.tried("score", lambda: _scored(trained, whole) or score(
            trained, data=whole, device=device, seed=seed, command=_command(), progress=progress
        ))  # fmt: skip
        page = report(trained, progress=progress)
    if found is None or looks is None:
        raise parts.failed(page)
    if json:
        told = {"generated": made, "audit": found.sentence, "score": looks.sentence}
        print_json({"run": str(folder), "report": str(page), **told})
        return
    out.print(escape(found.sentence))
    out.print(escape(looks.sentence))
    out.print(f"[bold]report:[/bold] {escape(str(page))}", soft_wrap=True)


def _tell(dataset: Dataset, groups: int, progress: Progress) -> None:
    named = ", ".join(f"{count:,} {label}" for label, count in dataset.counts.items())
    progress.say(f"{dataset.source}: {named}; {groups:,} different pieces of material")
    if dataset.broken:
        command = f"flawforge inspect {shlex.quote(str(dataset.source))}"
        progress.warn(f"{len(dataset.broken)} files were passed over; see why: {command}")


def _train(
    data: str,
    folder: Path,
    budget: float | None,
    asked: dict[str, Any],
    changes: dict[str, Any],
    spent: float,
    progress: Progress,
) -> Run:
    """Train, or go on, for what the rest leaves of the budget. A budget that was given before means
    the same time again.
    """
    from flawforge.runs.folder import Run
    from flawforge.training.train import train

    there = Run(folder)
    known = there.settings if there.settings_file.exists() else {}
    if budget is None or known.get("budget") == budget:
        minutes, budget = known.get("minutes"), known.get("budget")
    else:
        minutes = max(budget * LEAST, budget - spent - min(REST_MOST, REST * budget))
    return train(
        data, folder, asked["recipe"], minutes=minutes, budget=budget, classes=asked["classes"], shots=asked["shots"],
        unlabelled=asked["unlabelled"],
        seed=asked["seed"], device=asked["device"], resume=True, command=_command(), progress=progress, **changes,
    )  # fmt: skip


def _generate(run: Run, n: int | None, seed: int, device: str, progress: Progress) -> int:
    """Make the synthetic set. One of this checkpoint is kept as it is; one that this command made earlier is replaced.

    Raises:
        RunExistsError: a set of an earlier checkpoint was made with settings that this command does not know.
    """
    from flawforge.runs.checkpoint import find_checkpoint
    from flawforge.studies.sets import FACTS, read_facts
    from flawforge.studies.synthesis import generate

    stale = False
    if (run.synthetic / FACTS).is_file():
        there = read_facts(run.synthetic)
        stale = there["checkpoint"] != find_checkpoint(run).name
        enough = n is None or n <= min(there["classes"].values())
        if there["complete"] and not stale and enough:
            return int(there["n"])
        own = [f"{key} {there.get(key)}" for key, usual in PLAIN.items() if there.get(key, usual) != usual]
        if own or there["seed"] != seed:
            told = ", ".join(own) or f"seed {there['seed']}"
            raise RunExistsError(
                f"{run.synthetic} holds a set with settings of its own ({told}), and is kept. Make it anew with: "
                f"{there['command']} --overwrite, or move it away; then run this again."
            )
        n = n if n is not None else max(there["classes"].values())
    made = generate(
        run, 64 if n is None else n, seed=seed, overwrite=stale, device=device, command=_command(), progress=progress
    )  # fmt: skip
    return int(made.facts["n"])


def _audited(run: Run, whole: Dataset) -> AuditRecord | None:
    """Return the run's audit record when it is of the present synthetic set and real images, else None."""
    from flawforge.runs.records import AuditRecord, load_record, record_file
    from flawforge.studies.sets import read_facts

    if not record_file(run, "audit").is_file():
        return None
    try:
        record = load_record(run, "audit", AuditRecord)
    except RunBrokenError:  # then it is made anew
        return None
    settings = run.settings
    learnt = settings.get("unlabelled", {}).get("with_training", settings["data"]["fingerprint"])
    present = {"synthetic": read_facts(run.synthetic)["manifest_sha256"], "data": learnt, "real": whole.fingerprint}
    looked_at = {"real": whole.fingerprint, **record.inputs}  # which older versions did not write down
    return record if looked_at == present else None


def _scored(run: Run, whole: Dataset) -> ScoreRecord | None:
    """Return the run's score record when it is of the present synthetic set and real images, else None."""
    from flawforge.runs.records import load_record, record_file
    from flawforge.runs.scores import ScoreRecord
    from flawforge.studies.sets import read_facts

    if not record_file(run, "score").is_file():
        return None
    try:
        record = load_record(run, "score", ScoreRecord)
    except RunBrokenError:  # then it is made anew
        return None
    present = {
        "synthetic": read_facts(run.synthetic)["manifest_sha256"],
        "data": run.settings["data"]["fingerprint"],
        "real": whole.fingerprint,
    }
    return record if present.items() <= record.inputs.items() else None


def _command() -> str:
    from flawforge.runs.versions import command

    return command()
