"""What a user asks of placed images: grounds, masks, a region and a strength; what is left out is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.arrays import Bools
from flawforge.core.errors import DataNotFoundError, DataUnusableError, ImageBrokenError, SettingError
from flawforge.core.folder_kinds import READ_ENDINGS
from flawforge.core.percent import percent
from flawforge.core.progress import Progress
from flawforge.core.settings.recipe import ON_GROUNDS
from flawforge.data.dataset import Dataset
from flawforge.data.good_names import find_good
from flawforge.data.mask_pixels import levels_of, mask_pixels
from flawforge.data.reading.load import load_regardless
from flawforge.data.sampling.grounds import refuse_defects
from flawforge.data.sampling.joined import join
from flawforge.runs.folder import Run
from flawforge.studies.sets import training_rows
from flawforge.training.estimated_masks import with_saved_masks

FEW_LEVELS = 16  # a mask with more was smoothed or compressed, and is cut in the middle
MOST = 0.5  # of an image that a mask may mark; beyond, it is taken for an inverted one
NAMED = 3  # files in a sentence
ENDINGS = ("_mask", "-mask", "_gt", "-gt")  # of the names of masks, beyond that of their ground


@dataclass(frozen=True)
class AskedPlacing:
    """What a user asks for.

    Attributes:
        grounds: images to put defects on; None: those of the run.
        masks: name to outline of a defect, (H, W) bool, of the size of its ground; empty: drawn.
        region: (H, W) bool, where drawn positions may lie; None: anywhere on the part.
        strength: of all images; None: drawn about that of the recipe.
    """

    grounds: Dataset | None = None
    masks: Mapping[str, Bools] = field(default_factory=dict)
    region: Bools | None = None
    strength: float | None = None

    def facts(self) -> dict[str, Any]:
        """Return what tells it from others, as JSON values; empty where nothing is asked for."""
        masks = hashlib.sha256(b"".join(name.encode() + mask.tobytes() for name, mask in sorted(self.masks.items())))
        told = {
            "grounds": None if self.grounds is None else self.grounds.fingerprint[:12],
            "masks": masks.hexdigest()[:12] if self.masks else None,
            "region": None if self.region is None else hashlib.sha256(self.region.tobytes()).hexdigest()[:12],
            "strength": self.strength,
        }
        return {name: value for name, value in told.items() if value is not None}


def read_asked_placing(
    run: Run,
    whole: Dataset | None,
    grounds: Dataset | str | Path | None,
    masks: str | Path | None,
    region: str | Path | None,
    strength: float | None,
    progress: Progress,
) -> AskedPlacing:
    """Read what is asked for.

    Args:
        run: of a recipe that places, where anything is asked for.
        whole: all images of the place that its training images come from.
        grounds: good images, or a folder of them. masks: a folder of mask images. region: a mask image.
        strength: above 0. progress: where to tell how far it is.

    Raises:
        SettingError: the run's recipe does not place. DataNotFoundError: there is no such folder or file.
        DataUnusableError: a ground is held out, or shows a marked defect, here or in the run; or a mask is
            unreadable, empty or inverted, or reaches out of the region.
    """
    given = {"--grounds": grounds, "--masks": masks, "--region": region, "--strength": strength}
    if not run.recipe.places or whole is None:
        if asked := [name for name, value in given.items() if value is not None]:
            raise SettingError(
                f"{asked[0]} is for recipes that put defects on grounds ({', '.join(ON_GROUNDS)}); {run.path} is "
                f"of recipe '{run.recipe.name}'. Leave it out."
            )
        return AskedPlacing()
    found = None
    if grounds is not None:
        found = _grounds(run, whole, grounds, progress)
    outlines = {} if masks is None else read_masks(Path(masks))
    inside = None if region is None else read_mask(Path(region), "--region", most=1.0)
    if inside is not None:
        _refuse_beside(outlines, inside, f"--region {region}")
    return AskedPlacing(found, outlines, inside, strength)


def _refuse_beside(masks: Mapping[str, Bools], region: Bools, name: str) -> None:
    other = [mask for mask, plane in masks.items() if plane.shape != region.shape]
    beside = [mask for mask, plane in masks.items() if plane.shape == region.shape and (plane & ~region).any()]
    for some, fault in ((other, "have another size than"), (beside, "reach out of")):
        if some:
            raise DataUnusableError(
                f"--masks: {len(some):,} of {len(masks):,} masks {fault} {name} (such as {some[0]}). A mask says where "
                f"its defect is, and the region where defects may be: mend either, or leave it out."
            )


def _grounds(run: Run, whole: Dataset, grounds: Dataset | str | Path, progress: Progress) -> Dataset:
    found = load_regardless(grounds, whole.choices, progress=progress, option="--grounds")
    refuse_defects(found, whole.classes, find_good(whole.classes))
    part, rows = training_rows(run, whole, progress)
    known = {sample.sha256 for sample in with_saved_masks(part, run.estimated_masks).samples if sample.marks}
    if shown := [sample.file for sample in found.samples if sample.sha256 in known]:
        raise DataUnusableError(
            f"--grounds {found.source}: {len(shown):,} of {len(found):,} images (such as {shown[0]}) are images of the "
            f"run's data that show a defect. Give good images only."
        )
    refuse_held_out(part, rows, found, progress)
    return found.scaled_as(part.take(rows))


def refuse_held_out(part: Dataset, rows: list[int], grounds: Dataset, progress: Progress) -> None:
    """Refuse grounds that are held out, or show the same specimen as such an image.

    Args:
        part: images of the classes that training chose from. rows: those that it took. grounds: the images.
        progress: where to tell how far the search for specimens is.

    Raises:
        DataUnusableError: some are.
    """
    taken = set(rows)
    back = part.take(row for row in range(len(part)) if row not in taken)
    if not len(back):
        return
    held = {sample.sha256 for sample in back.samples}
    near = [sample.file for sample in grounds.samples if sample.sha256 in held]
    if not near:
        both = join(back, grounds)
        groups = both.groups(progress)
        contents = np.array([sample.sha256 for sample in both.samples])
        apart = {sample.sha256 for sample in grounds.samples}
        same = np.isin(groups, groups[np.isin(contents, list(held))])
        near = [both.samples[row].file for row in np.flatnonzero(same) if contents[row] in apart]
    if near:
        raise DataUnusableError(
            f"--grounds {grounds.source}: {len(near):,} of {len(grounds):,} images are held out, or show the same "
            f"specimen as a held-out image (such as {', '.join(near[:NAMED])}). What is judged by those must not have "
            f"been trained on their ground: take them out."
        )


def read_masks(folder: Path) -> dict[str, Bools]:
    """Return the masks of a folder by the names of their files, without endings.

    Raises:
        DataNotFoundError: there is none. DataUnusableError: some are unreadable, empty or inverted: all are named.
    """
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in READ_ENDINGS]
    if not files:
        why = "there is no mask image in it" if folder.is_dir() else "there is no such folder; masks are in one"
        raise DataNotFoundError(f"--masks {folder}: {why}.")
    masks, faults = {}, []
    for path in files:
        try:
            masks[path.relative_to(folder).with_suffix("").as_posix()] = read_mask(path, "--masks")
        except (DataUnusableError, ImageBrokenError) as error:
            faults.append(str(error))
    if faults:
        more = f" And {len(faults) - NAMED:,} more such masks." if len(faults) > NAMED else ""
        raise DataUnusableError(" ".join(faults[:NAMED]) + more)
    return masks


def read_mask(path: Path, option: str, most: float = MOST) -> Bools:
    """Return (H, W) bool, what a mask image marks: all but its lowest level, of a smoothed one the lighter half.

    Raises:
        DataNotFoundError: there is no such file. ImageBrokenError: it cannot be read. DataUnusableError: it marks
        nothing, or more than a share of `most`.
    """
    if not path.is_file():
        raise DataNotFoundError(f"{option} {path}: there is no such file.")
    return checked_mask(_marked(path), f"{option} {path}", most)


def checked_mask(mask: Bools, name: str, most: float = MOST) -> Bools:
    """Return a mask, or say what is wrong with it.

    Raises:
        DataUnusableError: it marks nothing, or more than a share of `most`.
    """
    if not mask.any():
        raise DataUnusableError(f"{name} is empty: it marks no pixel.")
    if mask.mean() > most:
        raise DataUnusableError(
            f"{name} marks {percent(float(mask.mean()))} of its image, more than half. If it is inverted, give it with "
            f"the defect white and the ground black."
        )
    return mask


def _marked(path: Path) -> Bools:
    pixels = mask_pixels(path)
    levels, _ = levels_of(pixels)
    if len(levels) == 1:
        return np.asarray(pixels > 0)
    cut = levels[0] if len(levels) <= FEW_LEVELS else (levels[0] + levels[-1]) / 2
    return np.asarray(pixels > cut)


def ground_name(mask: str) -> str:
    """Return the name of the ground that a mask belongs to by its own: without an ending like ``_mask``."""
    return next((mask.removesuffix(ending) for ending in ENDINGS if mask.endswith(ending)), mask)
