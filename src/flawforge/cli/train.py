"""``flawforge train``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import NOTHING, USUAL, Device, Flag, Json, ReadingFlags, RecipeFlags, Wait, Whole, Words, given
from flawforge.core.launch import launched

if TYPE_CHECKING:
    from flawforge.runs.folder import Run

USUAL_SET, MOST_PROPOSED = 64, 1000  # images of a class; between them as many as of the largest class were trained on
FEWEST_KIMG = 0.5  # below which a network that refines composed images has hardly moved from adding nothing
UNLEARNT = "\nSo short a training changes composed images hardly: give it more --minutes."


def train(
    data: str,
    /,
    *,
    out_folder: Annotated[Path, Parameter(name=["--out", "-o"])],
    recipe: Annotated[str | None, Parameter(name=["--recipe", "-r"])] = None,
    minutes: float | None = None,
    classes: Words = None,
    shots: Whole | None = None,
    unlabelled: Annotated[str | None, Parameter(name=["--unlabelled", "--donors"])] = None,
    seed: Whole = 0,
    device: Device = "auto",
    resume: Flag = False,
    wait: Wait = False,
    tensorboard: Flag = False,
    checkpoint_seconds: float = 60.0,
    previews: Whole = 16,
    reading: Annotated[ReadingFlags, Parameter(name="*")] = USUAL,
    settings: Annotated[RecipeFlags, Parameter(name="*")] = NOTHING,
    json: Json = False,
) -> None:
    """Train a generator on the images of DATA and write a run folder.

    (Interrupted, with Ctrl-C or by a crash? Run the same command again with --resume.)

    To use several GPUs or computers, start it with torchrun (docs/guide/processes.md); --batch is then the number of
    images in a step over all of them together.

    Parameters
    ----------
    data
        A folder of images in any layout that `flawforge inspect` reads, or the word `elpv`.
    out_folder
        The run folder to create.
    recipe
        A recipe's name (see `flawforge recipes`) or a TOML file of settings. Default: fewshot.
    minutes
        Training time, including reading the images, in place of the recipe's length. With --kimg too, training ends at
        whichever comes first. If reading takes all of the time, the command fails.
    classes
        The classes to train on, e.g. `--classes scratches`. Default: all.
    shots
        Training images per class, drawn from as many different specimens as possible. Default: all.
    unlabelled
        A folder of further images from the same production line, without labels. The generator learns what surfaces
        look like from them, but does not generate images of their kind. Composed images take their light.
    seed
        Seed of every random number: the same seed on the same machine gives the same generator.
    resume
        Continue the run in --out exactly where it was interrupted; start it when there is none.
    tensorboard
        Also write logs for TensorBoard to RUN/tensorboard (needs the extra `tensorboard`).
    checkpoint_seconds
        Seconds between checkpoints. A crash loses at most the training since the last one.
    previews
        Number of preview grids over the training; 0 for none. They do not affect the weights.
    """
    from flawforge.runs.versions import command
    from flawforge.training.train import train as train_generator

    with drawn_progress() as progress:
        run = train_generator(
            data,
            out_folder,
            recipe,
            minutes=minutes,
            classes=classes,
            shots=shots,
            unlabelled=unlabelled,
            seed=seed,
            device=device,
            resume=resume,
            wait=wait,
            tensorboard=tensorboard,
            checkpoint_seconds=checkpoint_seconds,
            previews=previews,
            command=command(),
            choices=reading.choices,
            progress=progress,
            **given(settings),
        )
    if launched().first:
        _show(run, json)


def _show(run: Run, json: bool) -> None:
    """Print how long was trained, and what comes next."""
    from flawforge.runs.checkpoint import find_checkpoint, require_checkpoint

    checkpoint, best = require_checkpoint(run), find_checkpoint(run)
    facts = {key: value for key, value in checkpoint.facts.items() if key not in ("care", "journal")}
    if json:
        print_json({"run": str(run.path), "checkpoint": checkpoint.name, **facts})
        return
    wanted = max(USUAL_SET, min(MOST_PROPOSED, max(run.settings.data.classes.values(), default=0)))
    following = f"next: flawforge generate {quote(str(run.path))} -n {wanted}"
    if not run.recipe.learns:
        out.print(f"{facts['composition']['sentence']}\n{following}")
        return
    out.print(
        f"trained {facts['kimg']:.1f} kimg in {facts['seconds'] / 60:.1f} minutes: {run.path}"
        + (f" (best: {best.facts['kimg']:.1f} kimg)" if best.step != checkpoint.step else "")
        + (UNLEARNT if run.recipe.composes and facts["kimg"] < FEWEST_KIMG else "")
        + "\n"
        f"{following}"
    )
