"""Images at places of a generator's latents, painted in a process of their own: the studio has no PyTorch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

DIRECTIONS = 8  # that a page has sliders for
NEAR = 0.35  # of a quarter circle, from an image to one that is like it


@dataclass(frozen=True)
class PaintedPlace:
    """A place in the latents.

    Attributes:
        label: class.
        seed: of the set. image: number, as `generate` counts.
        truncation: as of `generate`.
        to: number of another image; `part` of the way to it is gone, 0 to 1.
        near: from there to an image that is like it, and from that to the next, each by its number.
        along: then along directions, by number from 1, so many standard deviations.
    """

    label: str
    seed: int = 0
    image: int = 0
    truncation: float | None = None
    to: int | None = None
    part: float = 0.0
    near: tuple[int, ...] = ()
    along: tuple[tuple[int, float], ...] = ()


def describe_generator(run: str) -> dict[str, Any]:
    """Return the classes that a run's generator can paint, and how many directions there are.

    Raises:
        RunNotFoundError, SettingError, RunBrokenError: it can paint none.
    """
    painter = _painter(run, _state(run))
    return {"classes": painter.classes, "directions": min(DIRECTIONS, painter.sampler.recipe.latent)}


def paint(run: str, place: PaintedPlace) -> bytes:
    """Return the PNG file of an image, at the size of the network; errors as `describe`."""
    return _painter(run, _state(run)).paint(place)


def _state(run: str) -> tuple[int, ...]:
    """Return what differs when there are other weights."""
    files = sorted((Path(run) / "checkpoints").glob("*"))
    return tuple(file.stat().st_mtime_ns for file in files if file.is_file())


@lru_cache(maxsize=1)
def _painter(run: str, state: tuple[int, ...]) -> Painter:
    return Painter(run)


class Painter:
    """A loaded generator."""

    def __init__(self, run: str) -> None:
        """Load the network of a run; errors as `describe`."""
        from flawforge.studies.synthesis import ImagesOnDemand

        loaded = ImagesOnDemand(run, device="cpu", verb="explore")
        self.classes, self.sampler = loaded.classes, loaded.sampler
        self._directions: dict[str, Tensor] = {}

    def paint(self, place: PaintedPlace) -> bytes:
        """Return a PNG file.

        Raises:
            SettingError: there is no such class.
        """
        import torch

        from flawforge.core.errors import SettingError
        from flawforge.core.images import as_picture, encode_png, to_pixels
        from flawforge.models.latents import generated_images

        if place.label not in self.classes:
            raise SettingError(f"there is no class '{place.label}'; there are {', '.join(self.classes)}.")
        sampler = self.sampler
        number = sampler.classes.index(place.label) if sampler.recipe.knows_classes else 0
        latent = self._latent(place, number)
        made = generated_images(sampler.network, latent[None], torch.tensor([number]), 1, sampler.device)[0]
        picture = as_picture(to_pixels(made.numpy()))
        return encode_png(picture, "L" if picture.ndim == 2 else "RGB")

    def _latent(self, place: PaintedPlace, number: int) -> Tensor:
        from flawforge.models.directions import principal_directions
        from flawforge.models.latents import draw_latents
        from flawforge.studies.latents import part_way

        size, sampler = self.sampler.recipe.latent, self.sampler

        def drawn(image: int) -> Tensor:
            return draw_latents(place.seed, "samples", [(place.label, image)], size, place.truncation)[0]

        import torch

        here = drawn(place.image)
        if place.to is not None:
            here = part_way(here, drawn(place.to), torch.tensor([place.part]))[0]
        for depth in range(len(place.near)):
            other = draw_latents(place.seed, "previews", [("near", *place.near[: depth + 1])], size)[0]
            angle = NEAR * math.pi / 2
            here = math.cos(angle) * here + math.sin(angle) * other
        if place.along:
            if place.label not in self._directions:
                self._directions[place.label] = principal_directions(
                    sampler.network, size, number, sampler.batch, sampler.device
                )
            for which, amount in place.along:
                here = here + amount * self._directions[place.label][which - 1]
        return here
