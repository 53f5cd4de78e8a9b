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
    directions: Annotated[Words, Parameter(name=["--directions", "--direction"])] = None,
    strength: float = 3.0,
    truncation: float | None = None,
    label: Annotated[str | None, Parameter(name="--class")] = None,
    seed: Whole = 0,
    steps: Whole = 8,
    out_file: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    checkpoint: str = "best",
    overwrite: Flag = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Draw what lies between images of RUN's generator, or along directions: as a grid, or as a film.

    A generator that learnt to draw changes its images little by little; one that copies jumps from one to the next.

    Parameters
    ----------
    run
        The run folder that `flawforge train` made.
    images
        Numbers of at least two images, as `flawforge generate` counts them. Default: 0,1,2,3.
    directions
        Numbers of directions of the latent, 1 that in which images change most: each image goes to both sides along
        each of them. Default: none, between the images.
    strength
        How far along a direction, in standard deviations of the latent.
    truncation
        More typical and less varied images, as of `flawforge generate`. Default: off.
    label
        Their class. Default: the first.
    seed
        The seed of the set.
    steps
        From one image to the next, or from one end of a direction to the other.
    out_file
        Its ending says what it is: .png is a grid with a row for each pair, or each direction and image; .gif or .mp4
        is a film that ends where it begins (.mp4 needs the extra `film`). Default: RUN/interpolation.png or
        RUN/directions.png, which the report shows.
    checkpoint
        Which weights: best (selected during training), newest, or the number of a step in RUN/checkpoints.
    overwrite
        Replace the file.
    """
    from flawforge.studies.latents import interpolate as draw

    with drawn_progress() as progress:
        file = draw(
            run,
            _numbers("--images", images or ["0", "1", "2", "3"]),
            directions=_numbers("--directions", directions or []),
            strength=strength,
            truncation=truncation,
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


def _numbers(option: str, words: list[str]) -> list[int]:
    try:
        return [int(word) for word in words]
    except ValueError:
        raise SettingError(f"{option} is {','.join(words)}; it takes numbers, such as 0,5,9.") from None
