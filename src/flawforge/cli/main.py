"""The command ``flawforge``: its verbs, and the one place where errors end."""

from __future__ import annotations

import itertools
import os
import re
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: idle threads sleep instead of spinning
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # before torch: large tensors lie in large pages (Linux)

from cyclopts import App, CycloptsError
from rich.markup import escape

from flawforge import __version__
from flawforge.cli.audit import audit
from flawforge.cli.console import err, take_any_letter
from flawforge.cli.data.convert import convert
from flawforge.cli.data.demo_data import demo_data
from flawforge.cli.data.export import export
from flawforge.cli.generate import generate
from flawforge.cli.generator.curate import curate
from flawforge.cli.generator.export_model import export_model
from flawforge.cli.generator.interpolate import interpolate
from flawforge.cli.generator.project import project
from flawforge.cli.generator.serve import serve
from flawforge.cli.inspect import inspect
from flawforge.cli.pod import pod
from flawforge.cli.predict import predict
from flawforge.cli.recipes import recipes
from flawforge.cli.report import report
from flawforge.cli.run import run
from flawforge.cli.score import score
from flawforge.cli.search import search
from flawforge.cli.studio.studio import studio
from flawforge.cli.train import train
from flawforge.cli.trial import trial
from flawforge.core.errors import (
    DiskFullError,
    FlawforgeError,
    OtherProcessError,
    RunUnwritableError,
    SettingError,
    speak_of_options,
)
from flawforge.core.files import explain_unreadable
from flawforge.core.launch import LINGER, launched, stand_back
from flawforge.core.settings.bounds import BOUNDS, check_numbers
from flawforge.core.settings.recipe import Recipe

HELP = """Generate new images of a defect from the few you have, and test whether they are copies, look real and
improve your inspection model.

A first try, on a folder of images: `flawforge run DATA --out runs/first --minutes 10`, then open
runs/first/report.html.

DATA is a folder of images as it is: one folder per class, flat, what labelling tools write (COCO, YOLO, Pascal VOC,
LabelMe, CVAT, tables), or a published set with its masks (MVTec AD, VisA, ...); or the word `elpv`. `flawforge inspect
DATA` shows what is seen in it. RUN is the folder that `train` or `run` made. Results go to standard output, progress to
standard error. Exit codes: 0 done, 1 a problem that the message explains, 2 wrong usage.
"""

app = App(name="flawforge", help=HELP, version=__version__, help_format="markdown", suppress_keyboard_interrupt=False)
for _verb in (
    run,
    inspect,
    train,
    generate,
    curate,
    audit,
    score,
    trial,
    predict,
    pod,
    search,
    report,
    export,
    export_model,
    serve,
    studio,
    project,
    interpolate,
    convert,
    recipes,
    demo_data,
):
    app.command(_verb)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a problem that is explained, 2 wrong usage."""
    speak_of_options()
    take_any_letter()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        _refuse_in_several(words)
        _refuse_numbers(words)
        app(words, exit_on_error=False, print_error=False, console=None)
    except CycloptsError as error:
        if not launched().first:  # the first one says it
            time.sleep(LINGER)
            sys.exit(2)
        err.print(f"[red]wrong usage:[/red] {escape(str(error).strip())}{_dash_hint(error, words)}")
        err.print("[dim]See flawforge --help, or flawforge COMMAND --help.[/dim]")
        sys.exit(2)
    except OtherProcessError:
        sys.exit(1)
    except FlawforgeError as error:
        err.print(f"[red]error:[/red] {escape(str(error))}")
        for note in (*getattr(error, "__notes__", ()), *_recipe_hint(str(error), words), *_disk_hint(error, words)):
            err.print(note, markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("[red]stopped.[/red]")
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output went away, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # of a file that we looked at; what we write is explained where it is written
        if error.filename is None:
            raise
        err.print(f"[red]error:[/red] {escape(explain_unreadable(error))}")
        sys.exit(1)


def _refuse_numbers(words: list[str]) -> None:
    """Refuse a number outside its bounds before the command loads what it works with, which takes seconds."""
    if words and words[0] in app and not {"--help", "-h", "--version"} & set(words):
        _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
        check_numbers(**{name: value for name, value in bound.arguments.items() if name in BOUNDS})


def _recipe_hint(message: str, words: list[str]) -> list[str]:
    """Return how a verb without options for a recipe's settings takes those that a message names."""
    verb = words[0] if words and words[0] in app else None
    if verb is None:
        return []
    own = {name for argument in app[verb].assemble_argument_collection() for name in argument.names}
    named = [Recipe.flag(field) for field in Recipe.model_fields if Recipe.flag(field) in message.split()]
    lacking = [name for name in named if name not in own]
    if not lacking or "--recipe" not in own:
        return []
    line = f"{lacking[0][2:].replace('-', '_')} = ..."
    return [
        f"flawforge {verb} has no {lacking[0]}: write such settings into a file, as `{line}`, and give it with "
        f"--recipe FILE.toml."
    ]


def _disk_hint(error: FlawforgeError, words: list[str]) -> list[str]:
    """Return how to go on after a full disk, for the verbs that begin anew unless they are told otherwise; and how to
    write elsewhere, for those that can.
    """
    if isinstance(error, DiskFullError) and words[0] in ("train", "search") and "--resume" not in words:
        return ["To go on from what is there, add --resume to it."]
    given = {word.partition("=")[0] for word in words} & {"--out", "-o", "--sync"}
    if isinstance(error, RunUnwritableError) and not given and words[0] in app:
        own = (name for argument in app[words[0]].assemble_argument_collection() for name in argument.names)
        return ["To write elsewhere, add --out."] if "--out" in own else []
    return []


def _dash_hint(error: CycloptsError, words: list[str]) -> str:
    """Return how a value that begins with a dash is typed, where that is what was wrong."""
    arguments = app[words[0]].assemble_argument_collection() if words and words[0] in app else []
    counts = {name: argument.token_count() for argument in arguments for name in argument.names}
    option = ""  # the last one before the word
    for before, word in itertools.pairwise(words):
        name = before.partition("=")[0]
        option = name if name in counts else option
        taken, several = counts.get(option, (0, False))
        wanted = several or (taken and before == option)
        told = any(one in str(error) for one in (f"option: {word}", f"{option} requires"))
        if wanted and told and word not in counts and re.fullmatch(r"-[^-\d].*", word):
            return f"\nA value that begins with a dash follows a =, as in {escape(option)}={escape(word)}"
    return ""


def _refuse_in_several(words: list[str]) -> None:
    """Refuse, among processes that were started together, what one process is to do; and only one of them says so."""
    launch = launched()
    if launch.count == 1 or words[:1] == ["train"]:
        return
    if not launch.first:
        stand_back()
    raise SettingError(
        f"{launch.count} processes were started together, and only 'flawforge train' shares its work among them. Train "
        f"with torchrun, then run the rest without it: 'flawforge run' with the same DATA and --out goes on from there."
    )
