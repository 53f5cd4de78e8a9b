"""The engines that put defects on real grounds: real ones, cut out and bent, or drawn ones. Each image has a mask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flawforge.core.arrays import Bools
from flawforge.core.errors import DataUnusableError
from flawforge.core.settings.recipe import PATTERNS, Placing
from flawforge.data.augmentation.pasting import (
    Blending,
    Cutout,
    Defect,
    PlacedDefect,
    cutout_of,
    fill_mask,
    lay_on,
    soft_mask,
)
from flawforge.data.augmentation.positions import NOWHERE, Ground, Occurrence, find_corner
from flawforge.data.augmentation.procedural import draw_pattern, fill_pattern
from flawforge.data.estimates import estimated_from
from flawforge.data.grouping.registration import turned
from flawforge.data.sampling.grounds import Grounds
from flawforge.data.sampling.material import Material
from flawforge.training.placing.defects import Shot, find_shots

DRAWN = (0.7, 1.4)  # of the strength, where none is asked for
ATTEMPTS = 24  # defects and grounds that are drawn for an image before it is said that nothing fits


@dataclass(frozen=True)
class PlacedImage:
    """A ground with a defect on it.

    Attributes:
        placed: pixels, mask and support of what was put there.
        ground: its number among the grounds.
        own: (H, W) bool, defects that the ground had; None: none.
        shot: row of the training image that the defect was cut from; None: it was drawn.
        settings: strength, and what else was drawn: as JSON values.
    """

    placed: PlacedDefect
    ground: int
    own: Bools | None
    shot: int | None
    settings: dict[str, Any]

    @property
    def mask(self) -> Bools:
        """(H, W) all that is marked: where the soft mask is 0.5 or more, and the ground's own defects."""
        return self.placed.mask if self.own is None else self.placed.mask | self.own


@dataclass(frozen=True)
class DrawnDefect:
    """A defect before it is put anywhere.

    Attributes:
        cutout: what is put on a ground.
        place: where it was, and which rims it touches.
        shot: as of `PlacedImage`.
        settings: what was drawn, as JSON values.
    """

    cutout: Cutout
    place: Occurrence
    shot: int | None
    settings: dict[str, Any]


class Engine(ABC):
    """Puts defects of one class on grounds.

    Args:
        material: the training images.
        grounds: what they are put on.
        label: the class.
        how: the settings.
        strength: of every image; None: each draws one about that of the settings.

    Raises:
        DataUnusableError: there is no ground for the class.
    """

    def __init__(
        self, material: Material, grounds: Grounds, label: str, how: Placing, strength: float | None = None
    ) -> None:
        self.material, self.grounds, self.label, self.how, self.strength = material, grounds, label, how, strength
        self.occurrences: list[Occurrence] = []
        self.numbers = grounds.of_class(label)
        if not len(self.numbers):
            if grounds.region is not None:
                height, width = grounds.region.shape
                raise DataUnusableError(
                    f"--region has {width}x{height} pixels, and no ground for class '{label}' has this size: it says "
                    f"where on grounds of its own size defects may lie."
                )
            raise DataUnusableError(
                f"there is no image to put defects of class '{label}' on: no good image, and none of the class "
                f"whose labels say where its defect is. Give good images with --grounds DIR."
            )

    def image(self, rng: np.random.Generator) -> PlacedImage:
        """Return an image: ground, defect and position are drawn.

        Raises:
            DataUnusableError: no defect that was tried fits the grounds.
        """
        for _ in range(ATTEMPTS):
            number = int(rng.choice(self.numbers))
            found = self._placed(self._drawn(number, rng), number, rng)
            if found is not None:
                return found
        raise DataUnusableError(
            f"none of {ATTEMPTS} defects of class '{self.label}' fits a ground: they are larger than it, or what is "
            f"free of it does not reach the rim that the class touches. Give larger grounds, or another --region."
        )

    def places(self, rng: np.random.Generator, most: int) -> list[PlacedImage]:
        """Return at most `most` images of one defect on one ground, at different places; empty: it fits nowhere."""
        for _ in range(ATTEMPTS):
            number = int(rng.choice(self.numbers))
            drawn = self._drawn(number, rng)
            found = [self._placed(drawn, number, rng) for _ in range(3 * most)]
            at = {tuple(one.settings["corner"]): one for one in found if one is not None}
            if at:
                return list(at.values())[:most]
        return []

    def inside(self, mask: Bools, rng: np.random.Generator, number: int | None = None) -> PlacedImage:
        """Return an image whose defect has the outline of a mask (H, W), on a ground of its size.

        Args:
            mask: at least one pixel.
            rng: where ground and defect come from.
            number: of the ground; None: one of the mask's size is drawn.

        Raises:
            DataUnusableError: no ground has this size.
        """
        fitting = self.grounds.of_size(self.numbers, mask.shape)
        if number is None and not len(fitting):
            raise DataUnusableError(
                f"a mask has {mask.shape[1]}x{mask.shape[0]} pixels, and no ground has this size. Give masks of the "
                f"size of the grounds (--grounds DIR)."
            )
        number = int(rng.choice(fitting)) if number is None else number
        return self._filled(mask, number, rng)

    @abstractmethod
    def _drawn(self, number: int, rng: np.random.Generator) -> DrawnDefect:
        """Draw a defect for a ground."""

    def _placed(self, drawn: DrawnDefect, number: int, rng: np.random.Generator) -> PlacedImage | None:
        corner = find_corner(drawn.cutout.support, drawn.place, self.occurrences, self.grounds[number], rng)
        return None if corner is None else self._laid(drawn.cutout, corner, number, drawn.shot, drawn.settings, rng)

    @abstractmethod
    def _filled(self, mask: Bools, number: int, rng: np.random.Generator) -> PlacedImage:
        """Fill a mask on a ground with a defect."""

    def _laid(
        self,
        cutout: Cutout,
        corner: tuple[int, int],
        number: int,
        shot: int | None,
        settings: dict[str, Any],
        rng: np.random.Generator,
    ) -> PlacedImage:
        ground, strength = self.grounds[number], self.strength
        if strength is None:
            strength = self.how.strength * float(np.exp(rng.uniform(*np.log(DRAWN))))
        blending: Blending = self.how.blending if shot is not None else "relit"
        placed = self._shown(ground, cutout, corner, strength, blending, rng)
        told = {"strength": round(strength, 4), "blending": blending, "corner": list(corner), **settings}
        if shot is not None and (source := estimated_from(self.material.training.samples[shot])):
            told["outline"] = f"estimated from {source}"
        return PlacedImage(placed, number, ground.marked, shot, told)

    def _shown(
        self,
        ground: Ground,
        cutout: Cutout,
        corner: tuple[int, int],
        strength: float,
        blending: Blending,
        rng: np.random.Generator,
    ) -> PlacedDefect:
        """Return a ground with a cutout on it; an engine that learns draws from `rng`."""
        return lay_on(ground.pixels, cutout, corner, strength, blending, ground.light)


class CopyPaste(Engine):
    """Puts real defects of a class, cut out of its training images, on other grounds.

    Args:
        material, grounds, label, how, strength: as of `Engine`.
        symmetries: turns that the class shows, 0 to 7.

    Raises:
        DataUnusableError: no defect of the class can be cut out, or there is no ground for it.
    """

    def __init__(
        self,
        material: Material,
        grounds: Grounds,
        label: str,
        how: Placing,
        strength: float | None = None,
        symmetries: Sequence[int] = (0,),
    ) -> None:
        super().__init__(material, grounds, label, how, strength)
        self.symmetries, self.shots = list(symmetries), find_shots(material, label)
        if not self.shots:
            raise DataUnusableError(no_defects([label]))
        self.occurrences = [
            place.turned(turn) for shot in self.shots for place in shot.occurrences for turn in self.symmetries
        ]

    def _drawn(self, number: int, rng: np.random.Generator) -> DrawnDefect:
        shot, defect, place, turn = self._defect(number, rng)
        scale = float(np.exp(rng.uniform(-1, 1) * np.log(self.how.scaling)))
        ground = self.grounds[number]
        cutout = cutout_of(defect, self._factors(defect, place, ground, scale), self.how.bend, rng)
        return DrawnDefect(cutout, place, shot.row, {"turn": turn, "scale": round(scale, 4)})

    def _filled(self, mask: Bools, number: int, rng: np.random.Generator) -> PlacedImage:
        shot, defect, _, turn = self._defect(number, rng)
        cutout, corner = fill_mask(defect, mask)
        return self._laid(cutout, corner, number, shot.row, {"turn": turn, "mask": "given"}, rng)

    def _defect(self, number: int, rng: np.random.Generator) -> tuple[Shot, Defect, Occurrence, int]:
        """Draw a training image of the class, other than the ground where there is one, a defect in it, and a turn."""
        own, samples = self.grounds.content(number), self.material.training.samples
        others = [shot for shot in self.shots if samples[shot.row].sha256 != own] or self.shots
        shot = others[int(rng.integers(len(others)))]
        part = int(rng.choice(len(shot.defects), p=shot.shares))
        turn, plain = int(rng.choice(self.symmetries)), shot.defects[part]
        defect = Defect(*(turned(plane, turn) for plane in (plain.pixels, plain.mask, plain.marked)))
        return shot, defect, shot.occurrences[part].turned(turn), turn

    def _factors(self, defect: Defect, place: Occurrence, ground: Ground, scale: float) -> tuple[float, float]:
        """Return by how much a defect is scaled: one that reaches from rim to rim does so on its new ground too."""
        top, left, bottom, right = defect.corners
        factors = []
        for axis, own in enumerate((bottom - top, right - left)):
            across = place.rims[axis] and place.rims[axis + 2]
            factors.append(ground.size[axis] / own if across else scale)
        return factors[0], factors[1]


class Procedural(Engine):
    """Puts drawn defects on grounds; scars and textures come from other grounds. Parameters as of `Engine`; the class
    is that of the settings, or the pattern's own name.
    """

    def _drawn(self, number: int, rng: np.random.Generator) -> DrawnDefect:
        name, ground = self._pattern(rng), self.grounds[number]
        cutout = draw_pattern(name, ground, self._other(number, rng), rng)
        return DrawnDefect(cutout, Occurrence((0.5, 0.5), NOWHERE), None, {"pattern": name})

    def _filled(self, mask: Bools, number: int, rng: np.random.Generator) -> PlacedImage:
        name, ground = self._pattern(rng), self.grounds[number]
        empty = np.zeros(mask.shape, np.float32)
        plain = Cutout(empty, empty, soft_mask(mask)).trimmed().alpha
        rows, columns = np.flatnonzero(soft_mask(mask).any(1)), np.flatnonzero(soft_mask(mask).any(0))
        cutout = fill_pattern(name, plain, ground, self._other(number, rng), rng)
        settings = {"pattern": name, "mask": "given"}
        return self._laid(cutout, (int(rows[0]), int(columns[0])), number, None, settings, rng)

    def _pattern(self, rng: np.random.Generator) -> str:
        if self.how.pattern != "all":
            return self.how.pattern
        return PATTERNS[int(rng.integers(len(PATTERNS)))] if self.how.label else self.label

    def _other(self, number: int, rng: np.random.Generator) -> Ground:
        others = self.numbers[self.numbers != number]
        return self.grounds[int(rng.choice(others)) if len(others) else number]


def drawn_classes(how: Placing) -> list[str]:
    """Return the classes that drawn defects have."""
    if how.label:
        return [how.label]
    return list(PATTERNS) if how.pattern == "all" else [how.pattern]


def no_defects(labels: Sequence[str]) -> str:
    """Return why defects cannot be cut out of the images of these classes."""
    return (
        f"no training image of {', '.join(labels)} has a defect that can be cut out: labels must mark it by a mask or "
        f"a box, and not more than half of the image. Add masks, leave the class out with --classes, or take recipe "
        f"compose, which needs none."
    )
