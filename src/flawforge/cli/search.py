"""``flawforge search``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flawforge.cli.console import columns, drawn_progress, out, print_json
from flawforge.cli.flags import USUAL, Device, Flag, Json, ReadingFlags, Whole, Words

if TYPE_CHECKING:
    from flawforge.runs.searches import SearchRecord


def search(
    data: str,
    /,
    *,
    out_folder: Annotated[Path, Parameter(name=["--out", "-o"])],
    recipe: Annotated[str | None, Parameter(name=["--recipe", "-r"])] = None,
    settings: Words = None,
    trials: Whole = 24,
    kimg: float = 6.0,
    minutes: float | None = None,
    confirmations: Whole = 2,
    classes: Words = None,
    shots: Whole | None = None,
    resolution: str | None = None,
    workers: Whole = 1,
    seed: Whole = 0,
    device: Device = "auto",
    extractor: str = "effnet-lite0",
    storage: str | None = None,
    resume: Flag = False,
    reading: Annotated[ReadingFlags, Parameter(name="*")] = USUAL,
    json: Json = False,
) -> None:
    """Search the settings of a recipe on DATA and write the best ones into a recipe file for `flawforge train`.

    Small changes of the settings can ruin a generator. The search trains with many settings, ranks them by the kernel
    distance (KID) to held-out images, stops the worse ones early, and compares the winner with the recipe as it was on
    fresh seeds and on images that nothing was chosen by. Where the gain does not hold, it says so and keeps the recipe
    as it was. It needs the extra `search`, and images of 40 or more different specimens. Ctrl-C saves; the same command
    with --resume resumes. Other terminals, or machines that share the folder, help when they run it too.

    Parameters
    ----------
    data
        A folder of images in any layout that `flawforge inspect` knows, or the word `elpv`.
    out_folder
        The folder of the search: best.toml, search.html, records/search.json, and a run folder for each trial.
    recipe
        The recipe or TOML file to start from. Default: fewshot.
    settings
        The settings to search, each with a range of your own if you like, for example
        `--settings generator-lr ema-kimg=0.2..2 augment=light,full`. Default: generator-lr, discriminator-lr, augment,
        diversity, ema-kimg.
    trials
        Number of settings to try.
    kimg
        Full length of a trial: about as long as you will train.
    minutes
        Begin no trial after this many minutes. The comparison on fresh seeds comes after it.
    confirmations
        Fresh seeds on which the winner and the recipe as it was are compared; 0 leaves the comparison out.
    classes
        The classes to learn, for example `--classes scratches`. Default: all.
    shots
        Training images per class. Default: all of the 60% that are not held out.
    resolution
        Height and width to train at, as for `flawforge train`.
    workers
        Trials that run at the same time on this machine; they share its cores.
    seed
        Seed of the split of the images, of the settings that are drawn and of every trial's training.
    extractor
        The feature extractor that images are compared by, as for `flawforge score`.
    storage
        An Optuna storage such as `postgresql://...` for workers that share no folder. Default: a journal file in --out.
    resume
        Resume the search in --out, or join it from another terminal or machine.
    """
    from flawforge.reports.search.page import search_page
    from flawforge.runs.searches import RECIPE_FILE
    from flawforge.runs.versions import command
    from flawforge.studies.search import search as search_settings

    with drawn_progress() as progress:
        record = search_settings(
            data,
            out_folder,
            recipe,
            settings=settings,
            trials=trials,
            kimg=kimg,
            minutes=minutes,
            confirmations=confirmations,
            classes=classes,
            shots=shots,
            workers=workers,
            seed=seed,
            device=device,
            extractor=extractor,
            storage=storage,
            resume=resume,
            command=command(),
            choices=reading.choices,
            progress=progress,
            resolution=resolution,
        )
        page = search_page(out_folder)
    if json:
        print_json(record.model_dump(mode="json"))
        return
    out.print(record.sentence, markup=False)
    out.print(_sensitivity_table(record), markup=False)
    file, name = quote(str(out_folder / RECIPE_FILE)), "tuned" if record.changed else record.start["name"]
    out.print(f"report: {page}\nnext: flawforge train {quote(data)} --recipe {file} --out runs/{name}", markup=False)


def _sensitivity_table(record: SearchRecord) -> str:
    """Return how much each setting mattered, a line each."""
    best = next((trial for trial in record.trials if trial.number == record.best), None)
    rows = [("setting", "recipe", "best", "importance", "tried")]
    for found in record.sensitivity:
        importance = found.why or f"{found.importance:.0%}"
        value = "" if best is None else _short(best.settings[found.field])
        name, tried = found.field.replace("_", "-"), found.tried.split("=")[1]
        rows.append((name, _short(record.start[found.field]), value, importance, tried))
    return "\n".join(columns(rows))


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
