"""``flawforge project``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import Device, Flag, Json, Wait, Whole


def project(
    run: Path,
    image: Path,
    /,
    *,
    label: Annotated[str | None, Parameter(name="--class")] = None,
    steps: Whole = 200,
    seed: Whole = 0,
    out_folder: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    checkpoint: str = "best",
    overwrite: Flag = False,
    wait: Wait = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Find the latent whose image is nearest to a real one: what is left is what the generator cannot show.

    It prints the distance of the nearest random image and of the found one, and how near images of the generator itself
    were found in the same way. The picture shows, from the left: the real image, the nearest random one, the found one,
    and the difference around mid-gray.

    Parameters
    ----------
    run
        The run folder that `flawforge train` made.
    image
        The image file. It is brought to the network's size and colours.
    label
        The class to search in. Default: all.
    steps
        Steps of the search; more come nearer and take longer.
    seed
        Of the random images that it begins at.
    out_folder
        Where to write projection.json (with the latent) and projection.png. Default: RUN/projections/NAME, which the
        report shows.
    checkpoint
        Which weights: best (selected during training), newest, or the number of a step in RUN/checkpoints.
    overwrite
        Replace a projection that is in the folder; nothing else is ever replaced.
    """
    from flawforge.runs.generator.projections import PROJECTION_PICTURE, PROJECTIONS
    from flawforge.runs.versions import command
    from flawforge.studies.latents import project as search

    with drawn_progress() as progress:
        record = search(
            run,
            image,
            label=label,
            steps=steps,
            seed=seed,
            out=out_folder,
            checkpoint=checkpoint,
            overwrite=overwrite,
            wait=wait,
            device=device,
            command=command(),
            progress=progress,
        )
    folder = run / PROJECTIONS / image.stem if out_folder is None else out_folder
    if json:
        print_json({"folder": str(folder), **record.model_dump(mode="json")})
        return
    out.print(record.sentence, markup=False)
    out.print(f"class: {record.label}; picture: {folder / PROJECTION_PICTURE}", markup=False, soft_wrap=True)
