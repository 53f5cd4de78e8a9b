"""One defect on one ground, from Python: to look at strengths, places and masks before a set is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arrays import Bools
from flawforge.core.errors import DataUnusableError, SettingError, did_you_mean
from flawforge.core.images import WHITES, Pixels, in_channels, to_pixels
from flawforge.core.progress import SILENT
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.bounds import check_numbers
from flawforge.data.augmentation.positions import Ground
from flawforge.data.camera_pixels import pixel_range
from flawforge.data.dataset import Dataset
from flawforge.data.decode import examine, read_image
from flawforge.data.sampling.grounds import OneGround
from flawforge.data.writing.patches import parts_of, patch_of
from flawforge.runs.checkpoint import find_checkpoint
from flawforge.runs.folder import Run
from flawforge.studies.sets import load_whole
from flawforge.studies.synthesis.placing.asked import AskedPlacing, checked_mask, read_mask
from flawforge.studies.synthesis.placing.placer import Placer

OPEN = 4  # runs whose images stay read


@dataclass(frozen=True)
class PlacedOnce:
    """A ground with a defect on it.

    Attributes:
        pixels: (H, W) or (H, W, 3), uint8 or uint16 as the ground; outside `support` the ground's own.
        mask: (H, W) bool, where the soft mask is 0.5 or more.
        support: (H, W) bool, all pixels that were changed.
        boxes: (left, top, right, bottom) of the connected parts of the mask, right and bottom outside.
        settings: strength, corner and what else was drawn.
    """

    pixels: Pixels
    mask: Bools
    support: Bools
    boxes: tuple[tuple[int, int, int, int], ...]
    settings: dict[str, Any]


def place(
    ground: Pixels | str | Path,
    mask: Bools | str | Path | None,
    label: str,
    run: Run | str | Path,
    *,
    strength: float | None = None,
    seed: int = 0,
) -> PlacedOnce:
    """Put a defect of a class on a ground.

    The run's images are read at the first call and kept for the next ones. What is made here is no set: nothing is
    written, and held-out grounds are not refused.

    Args:
        ground: (H, W) or (H, W, 3), uint8 or uint16, or an image file.
        mask: (H, W) bool of the ground's size, or a mask file: outline and place of the defect. None: drawn.
        label: a class that the run makes.
        run: of recipe ``copy-paste``, ``procedural`` or ``placed``.
        strength: above 0, up to 4: 1 as real defects. None: drawn about that of the recipe.
        seed: from 0: another seed draws another defect, and without a mask another place.

    Raises:
        SettingError: the run's recipe places nothing, or there is no such class. RunNotFoundError: there is no run.
        DataUnusableError: the mask is empty, inverted or of another size, no defect fits the ground, or it is no image.
        DataNotFoundError: the training images are gone, or there is no such file.
    """
    check_numbers(defect_strength=strength, seed=seed)
    run = run if isinstance(run, Run) else Run.open(run)
    placer = opened_placer(run)
    if label not in placer.classes:
        raise SettingError(
            f"the run makes no class '{label}'.{did_you_mean(label, placer.classes)} It makes: "
            f"{', '.join(placer.classes)}."
        )
    read, white = _ground(ground, placer.material.training)
    levels = in_channels(read, placer.material.channels)
    grounds = OneGround(Ground(levels.astype(np.float32) / np.float32(white)))
    engine, rng = placer.new_engine(label, grounds, strength), numpy_stream(seed, "samples", "place", label)
    if mask is None:
        made = engine.image(rng)
    else:
        outline = _mask(mask)
        if outline.shape != read.shape[:2]:
            raise DataUnusableError(
                f"the mask has {outline.shape[1]}x{outline.shape[0]} pixels and the ground {read.shape[1]}x"
                f"{read.shape[0]}: a mask says where on its ground the defect is."
            )
        made = engine.inside(outline, rng, 0)
    placed = made.placed
    shown = to_pixels(2 * placed.pixels - 1, white)
    if read.ndim == 3 and shown.ndim == 2:
        shown = np.where(placed.support[..., None], shown[..., None], read)
    patch = patch_of(placed.mask)
    boxes = () if patch is None else tuple(part.box for part in parts_of(patch, diagonal=True))
    return PlacedOnce(shown, placed.mask, placed.support, boxes, made.settings)


def opened_placer(run: Run) -> Placer:
    """Return what `place` places with: the run's images are read at the first call, and kept.

    Raises:
        SettingError: the run's recipe places nothing. Others as `place`.
    """
    if not run.recipe.places:
        raise SettingError(f"{run.path} is of recipe '{run.recipe.name}', which puts no defects on grounds.")
    return _opened(run.path, find_checkpoint(run).name)


@lru_cache(OPEN)
def _opened(path: Path, checkpoint: str) -> Placer:
    run = Run.open(path)
    return Placer(run, find_checkpoint(run), load_whole(run, None, SILENT), AskedPlacing(), SILENT)


def _ground(ground: Pixels | str | Path, training: Dataset) -> tuple[Pixels, int]:
    """Return a ground's pixels and its white: of 16 bits that of the training images, or its own where these have 8."""
    if not isinstance(ground, (str, Path)):
        _refuse_other_arrays(ground)
    if isinstance(ground, (str, Path)):
        facts = examine(Path(ground))
        deep, peak = facts.format.mode == "I;16", facts.peak
    else:
        deep = ground.dtype == np.uint16
        peak = pixel_range(ground).peak if deep else 255
    own = next(white for white in WHITES[1:] if white >= peak)
    white = 255 if not deep else training.deep_white if training.bits == 16 else own
    if isinstance(ground, (str, Path)):
        return read_image(Path(ground), bits=16 if deep else 8, white=white), white
    return np.minimum(ground, ground.dtype.type(white)), white


def _refuse_other_arrays(ground: object) -> None:
    found = f"a {type(ground).__name__}"
    if isinstance(ground, np.ndarray):
        found = f"{ground.dtype} {ground.shape}"
        if ground.dtype in (np.uint8, np.uint16) and ground.size and ground.ndim > 1 and ground.shape[2:] in ((), (3,)):
            return
    raise DataUnusableError(
        f"the ground is {found}; it is an image file, or an array uint8 or uint16 of (height, width) or "
        f"(height, width, 3)."
    )


def _mask(mask: Bools | str | Path) -> Bools:
    if isinstance(mask, (str, Path)):
        return read_mask(Path(mask), "mask")
    plane = np.asarray(mask) > 0
    if plane.ndim != 2:
        raise DataUnusableError(f"the mask has the shape {plane.shape}; it is (height, width), true on the defect.")
    return checked_mask(plane, "the mask")
