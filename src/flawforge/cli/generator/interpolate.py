"""``flawforge interpolate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import Device, Flag, Json, Whole, Words
from flawforge.core.errors import SettingError


def interpolate(
    run: Path,
    /,
    *,
    images: Words = None,
    label: Annotated[str | None, Parameter(name="--class")] = None,
    seed: Whole = 0,
    steps: Whole = 8,
    out_file: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    checkpoint: str = "best",
    overwrite: Flag = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Draw what lies between images of RUN's generator: as a grid, or as a film.

    A generator that learnt to draw changes its images little by little; one that copies jumps from one to the next.

    Parameters
    ----------
    run
        The run folder that `flawforge train` made.
    images
        Numbers of at least two images, as `flawforge generate` counts them. Default: 0,1,2,3.
    label
        Their class. Default: the first.
    seed
        The seed of the set.
    steps
        From one image to the next.
    out_file
        Its ending says what it is: .png is a grid with a row for each pair; .gif or .mp4 is a film that ends where it
        begins (.mp4 needs the extra `film`). Default: RUN/interpolation.png, which the report shows.
    checkpoint
        Which weights: best (selected during training), newest, or the number of a step in RUN/checkpoints.
    overwrite
        Replace the file.
    """
    from flawforge.studies.latents import interpolate as draw

    try:
        numbers = [int(word) for word in images or ("0", "1", "2", "3")]
    except ValueError:
        raise SettingError(
            f"--images is {','.join(images or ())}; it names images by numbers, such as 0,5,9."
        ) from None
    with drawn_progress() as progress:
        file = draw(
            run,
            numbers,
            label=label,
            seed=seed,
            steps=steps,
            out=out_file,
            checkpoint=checkpoint,
            overwrite=overwrite,
            device=device,
            progress=progress,
        )
    if json:
        print_json({"file": str(file)})
    else:
        out.print(str(file), markup=False, soft_wrap=True)
