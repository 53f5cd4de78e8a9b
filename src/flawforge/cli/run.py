"""``flawforge run``: the whole job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import NOTHING, USUAL, Device, Flag, Json, ReadingFlags, RecipeFlags, Wait, Whole, Words, given

EXPLANATION = """[bold]flawforge run DATA --out RUN --minutes 10[/bold] does the whole job:

  1. reads the images in DATA (a folder, or the word elpv) and finds which ones show the same specimen
  2. trains a generator on them
  3. generates images              RUN/synthetic
  4. tests whether they are copies RUN/records/audit.json
  5. scores how real they look     RUN/records/score.json
  6. draws the report              RUN/report.html

Try it:   flawforge run elpv --classes defective --out runs/cells --minutes 5
          flawforge inspect DATA        shows what is in a folder
          flawforge run --help          lists every setting

Interrupted? Run the same command again to resume; finished steps are skipped."""


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
    unlabelled: Annotated[str | None, Parameter(name=["--unlabelled", "--donors"])] = None,
    seed: Whole = 0,
    device: Device = "auto",
    resume: Flag = False,
    wait: Wait = False,
    reading: Annotated[ReadingFlags, Parameter(name="*")] = USUAL,
    settings: Annotated[RecipeFlags, Parameter(name="*")] = NOTHING,
    json: Json = False,
) -> None:
    """Do the whole job: train on DATA, generate images, test them for copies, score how real they look, and report.

    Interrupted? Run the same command again to resume; finished steps are skipped. If the audit or the score fails, the
    report is still drawn, and the error is shown at the end. Without DATA the command explains its steps.

    Parameters
    ----------
    data
        A folder of images in any layout that `flawforge inspect` knows, or the word `elpv`.
    out_folder
        The run folder. Default: runs/ and the name of DATA.
    minutes
        Time for the whole job; training gets what the other steps do not need. Default: the recipe's own length, which
        can take hours without a GPU.
    recipe
        A recipe's name (see `flawforge recipes`) or a TOML file of settings. Default: fewshot.
    n
        Images to generate per class. Default: 64.
    classes
        The classes to learn, e.g. `--classes scratches`. Default: all.
    shots
        Images per class to learn from. Default: all.
    unlabelled
        A folder of further images from the same production line, without labels. The generator learns what surfaces
        look like from them, but does not generate images of their kind. Composed images take their light.
    seed
        Seed of every random number.
    resume
        Changes nothing: the same command always resumes.
    """
    if data is None:
        out.print(EXPLANATION)
        return
    from flawforge.runs.versions import command
    from flawforge.whole_job import run as run_all

    folder = out_folder if out_folder is not None else Path("runs") / (Path(data).resolve().name or "run")
    with drawn_progress() as progress:
        done = run_all(
            data,
            folder,
            recipe,
            minutes=minutes,
            n=n,
            classes=classes,
            shots=shots,
            unlabelled=unlabelled,
            seed=seed,
            wait=wait,
            device=device,
            command=command(),
            choices=reading.choices,
            progress=progress,
            **given(settings),
        )
    if json:
        sentences = {"composed": done.first, "audit": done.audit.sentence, "score": done.score.sentence}
        sentences["beyond"] = done.score.beyond_sentence
        print_json({"run": str(folder), "report": str(done.report), "generated": done.generated, **sentences})
        return
    if done.first:
        out.print(escape(done.first))
    out.print(escape(done.audit.sentence))
    out.print(escape(done.score.sentence))
    if done.score.beyond_sentence:
        out.print(escape(done.score.beyond_sentence))
    out.print(f"[bold]report:[/bold] {escape(str(done.report))}", soft_wrap=True)
