"""``flawforge export-model``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import Flag, Json, Wait


def export_model(
    run: Path,
    /,
    *,
    licence: Annotated[str, Parameter(name=["--licence", "--license"])] = "not stated",
    out_folder: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    checkpoint: str = "best",
    overwrite: Flag = False,
    wait: Wait = False,
    json: Json = False,
) -> None:
    """Write the generator of RUN as one ONNX file for other programs, with a card that says what it is.

    Latents and class are inputs, the batch is free. The file needs nothing beside it, is checked image by image against
    PyTorch, and is written only where both agree. The card has provenance, the licence of your images as you state it,
    and what audit and score found. Needs the extra `export`.

    Parameters
    ----------
    run
        The run folder that `flawforge train` made.
    licence
        The licence of the training images, in your words, such as "CC BY 4.0" or "internal".
    out_folder
        Where to write generator.onnx, card.md and card.json. Default: RUN/exported, which the report shows.
    checkpoint
        Which weights: best (selected during training), newest, or the number of a step in RUN/checkpoints.
    overwrite
        Replace an exported generator that is in the folder; nothing else is ever replaced.
    """
    from flawforge.runs.generator.cards import EXPORTED
    from flawforge.runs.model_cards import GENERATOR
    from flawforge.runs.versions import command
    from flawforge.studies.portable import export_model as write_model

    with drawn_progress() as progress:
        card = write_model(
            run,
            out_folder,
            licence=licence,
            checkpoint=checkpoint,
            overwrite=overwrite,
            wait=wait,
            command=command(),
            progress=progress,
        )
    folder = run / EXPORTED if out_folder is None else out_folder
    if json:
        print_json({"folder": str(folder), **card.model_dump(mode="json")})
        return
    out.print(f"{folder / GENERATOR}: {', '.join(card.classes)}", markup=False, soft_wrap=True)
    out.print(
        f"differs from PyTorch by at most {card.onnx.difference:.1e} on {card.onnx.images} images, from -1 to 1",
        markup=False,
    )
    out.print(f"licence of the training images: {card.licence}", markup=False)
    out.print(f"card: {folder / 'card.md'}", markup=False, soft_wrap=True)
