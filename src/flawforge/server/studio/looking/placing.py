"""The grounds of a run and a defect on one of them, in a process of its own: masks and images may come from anyone."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flawforge.core.arrays import Bools
    from flawforge.core.images import Pixels
    from flawforge.data.dataset import Dataset
    from flawforge.data.sampling.grounds import Source
    from flawforge.studies.synthesis.placing.placer import Placer

MOST_GROUNDS = 500  # that a page is told of


def describe_grounds(run: str, within: tuple[str, ...]) -> dict[str, Any]:
    """Return the classes that a run places, its grounds: file, width, height, and the class whose defect is on it
    (empty: any may be put there); and what to know of the defects' masks, in sentences.

    Args:
        run: folder of the run. within: folders that its images may lie in, resolved.

    Raises:
        SettingError: its recipe places nothing, or its images lie elsewhere. Others as of `place`.
    """
    from flawforge.data.estimates import estimated_sentences

    placer = _placer(run, within)
    grounds = placer.grounds.sources
    told = [(s.sample.file, s.sample.width, s.sample.height, s.label) for s in grounds[:MOST_GROUNDS]]
    notes = estimated_sentences(placer.material.training.samples)
    return {"classes": placer.classes, "grounds": told, "count": len(grounds), "notes": notes}


def ground_picture(run: str, within: tuple[str, ...], file: str, side: int | None) -> bytes:
    """Return the PNG file of a ground, of at most `side` pixels a side (None: its own); errors as `paint_defect`."""
    from flawforge.core.images import within_square

    source = _source(_placer(run, within), file)
    pixels = _eight_bits(source.data.read(source.row), source.data.deep_white)
    return _png(pixels if side is None or side >= max(pixels.shape[:2]) else within_square(pixels, side))


def paint_defect(
    run: str, within: tuple[str, ...], file: str, mask: str | None, label: str, strength: float, seed: int
) -> dict[str, bytes]:
    """Return the PNG files ``image`` and ``mask`` of a defect on a ground.

    Args:
        run, within: as `describe_grounds`.
        file: of the ground.
        mask: a PNG file of the ground's size in base64, white where the defect is to be; None: drawn.
        label, strength, seed: as of `place`.

    Raises:
        DataUnusableError: the run has no such ground, as all that are held out; or the mask is none of its size.
        Others as of `describe_grounds` and `place`.
    """
    import numpy as np

    from flawforge.runs.folder import Run
    from flawforge.studies.synthesis import place

    source = _source(_placer(run, within), file)
    ground = source.data.read(source.row)
    outline = None if mask is None else _mask(mask, ground.shape[1], ground.shape[0])
    made = place(ground, outline, label, Run(Path(run)), strength=strength, seed=seed)
    shown = _eight_bits(made.pixels, source.data.deep_white)
    return {"image": _png(shown), "mask": _png(made.mask.astype(np.uint8) * 255)}


def _placer(run: str, within: tuple[str, ...]) -> Placer:
    """Open a run whose images lie in folders that may be read: its settings, which may come from anyone, name them."""
    from flawforge.data.reading.load import place_again
    from flawforge.runs.folder import Run
    from flawforge.studies.synthesis import opened_placer

    opened, allowed = Run(Path(run)), tuple(map(Path, within))
    data, more = opened.settings.data, opened.settings.unlabelled
    named = [place_again(data.source, data.root), data.choices.get("labels")]
    named += [] if more is None else [place_again(more.source, more.root)]
    for path in named:
        if path:
            _refuse_elsewhere(Path(path).expanduser(), allowed)
    placer = opened_placer(opened)
    for images in (placer.material.training, placer.material.others):
        if images is not None:
            _refuse_links(images, allowed)
    return placer


def _refuse_links(images: Dataset, allowed: tuple[Path, ...]) -> None:
    for sample in images.samples:
        for file in (sample.path, *sample.mask_files):
            _refuse_elsewhere(images.root / file, allowed)


def _refuse_elsewhere(path: Path, allowed: tuple[Path, ...]) -> None:
    from flawforge.core.errors import SettingError

    if not any(path.resolve().is_relative_to(folder) for folder in allowed):
        raise SettingError(
            "the images of this run lie outside the folders that this studio may read, so its grounds are not shown. "
            "Name their folder when you start it: flawforge studio FOLDER --data IMAGES."
        )


def _source(placer: Placer, file: str) -> Source:
    from flawforge.core.errors import DataUnusableError

    for source in placer.grounds.sources:
        if source.sample.file == file:
            return source
    raise DataUnusableError(
        f"'{file}' is no ground of this run: it is held out, shows a defect that nothing marks, or is not there."
    )


def _mask(text: str, width: int, height: int) -> Bools:
    import numpy as np
    from PIL import Image

    from flawforge.core.errors import DataUnusableError

    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=("PNG",)) as file:
            size, plain = file.size, file.mode in ("1", "L")
            marked = np.asarray(file.convert("L")) > 127 if plain and size == (width, height) else None
    except Exception as error:
        raise DataUnusableError("the mask is no PNG file that can be read.") from error
    if marked is None:
        raise DataUnusableError(
            f"the mask has {size[0]}x{size[1]} pixels and the ground {width}x{height}: a mask is a gray or "
            f"black-and-white PNG of its ground's size."
        )
    return np.asarray(marked)


def _eight_bits(pixels: Pixels, white: int) -> Pixels:
    import numpy as np

    from flawforge.core.images import eight_bits

    return pixels if pixels.dtype == np.uint8 else eight_bits(pixels, white)


def _png(pixels: Pixels) -> bytes:
    from flawforge.core.images import encode_png

    return encode_png(pixels, "L" if pixels.ndim == 2 else "RGB", compression=1)
