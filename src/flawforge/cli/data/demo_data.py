"""``flawforge demo-data``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from flawforge.cli.console import drawn_progress, out, print_json
from flawforge.cli.flags import Json, Whole


def demo_data(
    folder: Path,
    /,
    *,
    n: Annotated[Whole, Parameter(name=["-n", "--number"])] = 200,
    seed: Whole = 0,
    json: Json = False,
) -> None:
    """Draw artificial images of steel with defects into FOLDER, to try every command on: one folder per class.

    The classes are patch, pit and scratch. The images are gray, 128 x 128 pixels, and have the licence of Flawforge.
    Existing images are kept.

    Parameters
    ----------
    folder
        The folder to create.
    n
        Images per class.
    seed
        Seed of the drawing: another seed draws other images.
    """
    from flawforge.data.demo import DEFECTS
    from flawforge.data.demo import demo_data as draw

    with drawn_progress() as progress:
        draw(folder, n, seed=seed, progress=progress)
    if json:
        print_json({"folder": str(folder), "classes": dict.fromkeys(DEFECTS, n), "seed": seed})
        return
    out.print(f"{n * len(DEFECTS):,} images of {len(DEFECTS)} classes ({', '.join(DEFECTS)}): {escape(str(folder))}")
