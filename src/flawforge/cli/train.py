"""``flawforge train``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import NOTHING, Device, Flag, Json, RecipeFlags, Whole, Words, given
from flawforge.core.launch import launched


def train(
    data: str,
    /,
    *,
    out_folder: Annotated[Path, Parameter(name=["--out", "-o"])],
    recipe: Annotated[str | None, Parameter(name=["--recipe", "-r"])] = None,
    minutes: float | None = None,
    classes: Words = None,
    shots: Whole | None = None,
    unlabelled: str | None = None,
    seed: Whole = 0,
    device: Device = "auto",
    resume: Flag = False,
    tensorboard: Flag = False,
    checkpoint_seconds: float = 60.0,
    previews: Whole = 16,
    settings: Annotated[RecipeFlags, Parameter(name="*")] = NOTHING,
    json: Json = False,
) -> None:
    """Train a generator on the images of DATA and leave a run folder.

    Several GPUs or computers share the work under torchrun (docs/guide/processes.md); --batch counts the images of
    all of them together.

    Ctrl-C saves and says how to go on. The same command with --resume goes on exactly where it stopped.

    Parameters
    ----------
    data
        A folder of images in any layout that `flawforge inspect` knows, or the word `elpv`.
    out_folder
        The run folder to make.
    recipe
        A recipe's name (see `flawforge recipes`) or a TOML file of settings. Default: fewshot.
    minutes
        Train for so long, reading included, whatever the recipe's length; with --kimg too, whichever ends first. Where
        reading takes all of it, that is an error: no untrained generator is left.
    classes
        The classes to learn, e.g. `--classes scratches`. Default: all.
    shots
        Images per class to learn from, drawn from as many different pieces of material as there are. Default: all.
    unlabelled
        A folder of more images of the same line, whose class nobody knows: surfaces are learnt from them too, but none
        is made.
    seed
        Of every random number: the same seed on the same machine gives the same generator.
    resume
        Go on with the run in --out, exactly where it stopped; begin it when there is none.
    tensorboard
        Also write logs for TensorBoard into RUN/tensorboard (extra `tensorboard`).
    checkpoint_seconds
        Time between checkpoints: what a crash can cost.
    previews
        Preview grids over the training; 0 draws none. They change no weight.
    """
    from flawforge.runs.checkpoint import find_checkpoint, require_checkpoint
    from flawforge.runs.versions import command
    from flawforge.training.train import train as train_generator

    with drawn_progress() as progress:
        run = train_generator(
            data, out_folder, recipe, minutes=minutes, classes=classes, shots=shots, unlabelled=unlabelled,
            seed=seed, device=device,
            resume=resume, tensorboard=tensorboard, checkpoint_seconds=checkpoint_seconds, previews=previews,
            command=command(), progress=progress, **given(settings),
        )  # fmt: skip
    if not launched().first:
        return
    checkpoint, best = require_checkpoint(run), find_checkpoint(run)
    facts = {key: value for key, value in checkpoint.facts.items() if key not in ("care", "journal")}
    if json:
        print_json({"run": str(run.path), "checkpoint": checkpoint.name, **facts})
        return
    out.print(
        f"trained {facts['kimg']:.1f} kimg in {facts['seconds'] / 60:.1f} minutes: {run.path}"
        + (f" (best: {best.facts['kimg']:.1f} kimg)" if best.step != checkpoint.step else "")
        + "\n"
        f"next: flawforge generate {quote(str(run.path))} -n 64"
    )
