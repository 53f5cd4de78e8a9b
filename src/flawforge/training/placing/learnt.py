"""The engine that learns: real defects laid into new shapes on other grounds, refined by a network inside the mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from flawforge.core.arrays import Bools, Floats32, Ints
from flawforge.core.errors import TrainingDivergedError
from flawforge.core.images import as_planes, whole_planes
from flawforge.core.settings.recipe import Placing
from flawforge.data.augmentation.composition import scaling
from flawforge.data.augmentation.pasting import (
    HOW,
    Blending,
    Cutout,
    Defect,
    PlacedDefect,
    fill_mask,
    lay_on,
    reshaped,
    soft_mask,
)
from flawforge.data.augmentation.planes import to_like
from flawforge.data.augmentation.positions import Ground
from flawforge.data.augmentation.shapes import is_thick, shape_between, without_margin
from flawforge.data.sampling.grounds import Grounds
from flawforge.data.sampling.material import Material
from flawforge.models.placed import PlacedGenerator
from flawforge.training.placing.engine import CopyPaste, DrawnDefect

AROUND = 1.5  # side of the window that the network sees, in the defect's longest sides
WINDOW = 64  # pixels of that window's sides, at least

BLENDED = 0.5  # of the defects, whose shape is drawn between two of the class where these are thick enough

Part = tuple[slice, slice]


class Window(NamedTuple):
    """What the network changes: the part of an image about a defect.

    Attributes:
        laid: (h, w) or (h, w, 3), 0 to 1, the ground with a real defect laid on it.
        ground: likewise, the ground alone.
        alpha: (h, w), the soft mask.
    """

    laid: Floats32
    ground: Floats32
    alpha: Floats32

    def planes(self) -> Floats32:
        """Return (2C + 1, h, w): images in [-1, 1], the soft mask in [0, 1]."""
        planes = [as_planes(one) for one in (self.laid, self.ground)]
        return np.concatenate([2 * planes[0] - 1, 2 * planes[1] - 1, self.alpha[None]]).astype(np.float32)


Refine = Callable[[Window, np.random.Generator], Floats32]
"""What changes a window: (h, w) or (h, w, 3), 0 to 1, of the same size."""


@dataclass(frozen=True)
class Refining:
    """A trained network at work on windows of one class.

    Attributes:
        network: the generator, in evaluation mode.
        code: the class's number.
        resolution: of the window as a whole.
        latent: numbers of its latent.
        device: where it is.
    """

    network: PlacedGenerator
    code: int
    resolution: tuple[int, int]
    latent: int
    device: torch.device

    def __call__(self, window: Window, rng: np.random.Generator) -> Floats32:
        """Return the window refined.

        Raises:
            TrainingDivergedError: the weights make values that are no numbers.
        """
        planes = window.planes()
        inputs = (
            torch.from_numpy(planes)[None],
            torch.from_numpy(whole_window(planes, self.resolution))[None],
            torch.tensor([self.code]),
            torch.from_numpy(rng.standard_normal((1, self.latent)).astype(np.float32)),
            torch.from_numpy(rng.standard_normal((1, 1, *planes.shape[1:])).astype(np.float32)),
        )
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            made = self.network.refine(*(tensor.to(self.device) for tensor in inputs))[0].cpu().numpy()
        if not np.isfinite(made).all():
            raise TrainingDivergedError("the network makes values that are not numbers: train with smaller step sizes.")
        out: Floats32 = (np.clip(made, -1, 1) + 1) / 2
        return out[0] if window.laid.ndim == 2 else np.ascontiguousarray(out.transpose(1, 2, 0))


class Placed(CopyPaste):
    """Puts learnt defects of a class on grounds.

    Args:
        material, grounds, label, how, strength, symmetries: as of `CopyPaste`.
        refine: what the network makes of a window.
    """

    def __init__(
        self,
        material: Material,
        grounds: Grounds,
        label: str,
        how: Placing,
        refine: Refine,
        strength: float | None = None,
        symmetries: Sequence[int] = (0,),
    ) -> None:
        super().__init__(material, grounds, label, how, strength, symmetries)
        self.refine = refine

    def _drawn(self, number: int, rng: np.random.Generator) -> DrawnDefect:
        """Draw a defect, and as often as not a shape between its own and another of the class."""
        if rng.random() >= BLENDED:
            return super()._drawn(number, rng)
        (shot, defect, place, turn), (_, other, beside, _) = self._defect(number, rng), self._defect(number, rng)
        own, theirs = without_margin(defect.mask), without_margin(other.mask)
        across = any(place.rims[axis] and place.rims[axis + 2] for axis in (0, 1))
        if across or place.rims != beside.rims or not (is_thick(own) and is_thick(theirs)):
            return super()._drawn(number, rng)
        weight = float(rng.random())
        shape = shape_between(own, theirs, weight)
        settings = {"turn": turn, "shape": round(weight, 4)}
        return DrawnDefect(reshaped(defect, shape, self.how.bend, rng), place, shot.row, settings)

    def rebuilt(self, defect: Defect, row: int, rng: np.random.Generator) -> tuple[Window, Floats32]:
        """Return what a real defect is to be made of again, and what it really shows: its own surroundings and mask,
        under it the light of its image with the grain of a ground, in it another defect of the class.
        """
        own = Ground(_regrained(defect, self.grounds[int(rng.choice(self.numbers))]))
        others = [shot for shot in self.shots if shot.row != row] or self.shots
        shot = others[int(rng.integers(len(others)))]
        cutout, corner = fill_mask(shot.defects[int(rng.choice(len(shot.defects), p=shot.shares))], defect.mask)
        window, *_ = laid_window(own, cutout, corner, self.how.blending)
        return window, defect.pixels[window_about(soft_mask(defect.mask) > 0)]

    def _shown(
        self,
        ground: Ground,
        cutout: Cutout,
        corner: tuple[int, int],
        strength: float,
        blending: Blending,
        rng: np.random.Generator,
    ) -> PlacedDefect:
        window, part, laid = laid_window(ground, cutout, corner, blending)
        under, pixels = window.ground, ground.pixels.copy()
        changed = np.clip(under + np.float32(strength) * (self.refine(window, rng) - under), 0, 1)
        pixels[part] = np.where(to_like(laid.support[part], under), changed, under)
        return PlacedDefect(pixels, laid.mask, laid.support)


def laid_window(
    ground: Ground, cutout: Cutout, corner: tuple[int, int], blending: Blending
) -> tuple[Window, Part, PlacedDefect]:
    """Return what the network sees of a cutout that is laid on a ground, which part that is, and the whole."""
    laid = lay_on(ground.pixels, cutout, corner, 1.0, blending, ground.light)
    alpha, (height, width) = np.zeros(ground.size, np.float32), cutout.alpha.shape
    alpha[corner[0] : corner[0] + height, corner[1] : corner[1] + width] = cutout.alpha
    part = window_about(laid.support)
    return Window(laid.pixels[part], ground.pixels[part], alpha[part]), part, laid


def window_about(support: Bools) -> Part:
    """Return the part of an image (H, W) that the network sees with a defect."""
    lines = [np.flatnonzero(support.any(axis)) for axis in (1, 0)]
    side = max(WINDOW, round(AROUND * max(int(line[-1] - line[0]) + 1 for line in lines)))
    part = []
    for line, whole in zip(lines, support.shape, strict=True):
        start = int(np.clip((line[0] + line[-1] + 1 - side) // 2, 0, max(0, whole - side)))
        part.append(slice(start, min(start + side, whole)))
    return part[0], part[1]


def whole_window(planes: Floats32, size: tuple[int, int]) -> Floats32:
    """Return a window (2C + 1, h, w), as of `Window.planes`, resized to `size`."""
    images = np.concatenate([planes[:-1], 2 * planes[-1:] - 1])
    small = whole_planes(images, size)
    small[-1] = (small[-1] + 1) / 2
    return small


def _regrained(defect: Defect, ground: Ground) -> Floats32:
    """Return a defect's image without it: inside its soft mask its light, with the grain of another ground."""
    light, like = defect.light, defect.pixels
    grain = (ground.pixels - to_like(ground.light, like)) * to_like(
        scaling(ground.light, light.mean(), HOW.light_power), like
    )
    if ground.marked is not None:
        grain = np.where(to_like(ground.marked, like), 0, grain)
    rows, columns = (_reflected(side, whole) for side, whole in zip(light.shape, ground.size, strict=True))
    under = to_like(light, like) + grain[rows][:, columns]
    out: Floats32 = np.clip(like + to_like(soft_mask(defect.mask), like) * (under - like), 0, 1).astype(np.float32)
    return out


def _reflected(count: int, side: int) -> Ints:
    """Return so many positions on a side, to and fro."""
    along = np.arange(count) % (2 * side)
    return np.minimum(along, 2 * side - 1 - along)
