"""What recipe `native` trains on: real images and composed ones, patches at native scale and whole images of each.

The composed images are a pool that is composed once, a function of the seed; so are the positions of the patches. A
batch is a function of (seed, step) alone, as `flawforge.training.setup.batches.RealBatches` are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Floats32, Ints
from flawforge.core.errors import SettingError
from flawforge.core.images import Pixels, as_planes, to_pixels, to_unit, whole_planes
from flawforge.core.progress import Progress
from flawforge.core.seeds import numpy_stream, torch_stream
from flawforge.core.settings.recipe import Recipe
from flawforge.data.sampling.material import Material
from flawforge.models.latents import draw_latents
from flawforge.models.native import NativeInputs, draw_noise, in_turn, patch_labels
from flawforge.training.composition import Chosen, Composing
from flawforge.training.processes.processes import Processes
from flawforge.training.setup.batches import Order, PairedOrder, make_order, mirror

POOL = 32  # composed images of a class
POOL_BYTES = 1 << 28  # of all classes, at most; but two of each
DEEP = 65535  # composed images are kept in 16 bits


class HalfPatches(ABC):
    """Batches of which half are patches, in turn with the whole of each: what recipes `native` and `placed` share.

    Args:
        material: the training images.
        recipe: the settings.
        seed: of all streams.
        processes: those that share the batch.

    Raises:
        SettingError: the batch is not even in each process.
    """

    order: Order

    def __init__(self, material: Material, recipe: Recipe, seed: int, processes: Processes) -> None:
        if recipe.batch % (2 * processes.count):
            raise SettingError(
                f"a batch of {recipe.batch} images cannot be dealt out to {processes.count} processes with a patch for "
                f"each whole image: give a multiple of {2 * processes.count} (--batch)."
            )
        self.material, self.recipe, self.seed, self.processes = material, recipe, seed, processes
        self.classes, self.count = len(material.training.classes), recipe.batch // 2

    @property
    def paired(self) -> bool:
        """Whether a class that comes in a batch comes twice there."""
        return isinstance(self.order, PairedOrder)

    @abstractmethod
    def codes(self, step: int) -> Ints:
        """Return (batch / 2,) the classes that step number `step` (from 0) shows, in this process."""

    def labels_at(self, step: int, device: torch.device) -> Tensor:
        """Return the labels of `at`."""
        return patch_labels(torch.from_numpy(self.codes(step)), self.classes).to(device)

    def _rows(self, step: int) -> Ints:
        """Return what the order shows in a step, in this process."""
        first = step * self.count
        rows = torch.tensor(self.order.indices(range(first, first + self.count)))
        return self.processes.mine(rows).numpy()

    def _drawn(self, step: int, latent: int) -> tuple[Tensor, Tensor]:
        """Return the latents and the noise of a step, in this process."""
        positions = self.processes.mine([(step * self.count + place,) for place in range(self.count)])
        noise = draw_noise(self.count, self.recipe.resolution, torch_stream(self.seed, "latents", "noise", step))
        return draw_latents(self.seed, "latents", positions, latent), self.processes.mine(noise)

    def _drawn_for_previews(self, count: int) -> tuple[Tensor, Tensor]:
        latents = draw_latents(self.seed, "previews", [(place,) for place in range(count)], self.recipe.latent)
        return latents, draw_noise(count, self.recipe.resolution, torch_stream(self.seed, "previews", "noise"))


class NativeBatches(HalfPatches):
    """Batches of recipe `native`: patches in turn with whole images of the same classes.

    Args:
        material: the training images, and what gives them light.
        chosen: how images are composed.
        recipe: the settings.
        seed: of the streams ``order``, ``latents``, ``samples`` and ``augmentation``.
        processes: those that share the batch.
        progress: where to tell how far composing is.

    Raises:
        SettingError: the batch is not even in each process.
    """

    def __init__(
        self, material: Material, chosen: Chosen, recipe: Recipe, seed: int, processes: Processes, progress: Progress
    ) -> None:
        super().__init__(material, recipe, seed, processes)
        self.labels = material.training.labels
        self.order = make_order(self.labels, self.classes, recipe.balance, 0.5, seed, self.count)
        self.real_whole = np.stack([whole_planes(planes(detail.pixels), recipe.resolution) for detail in material])
        largest = max(sample.height * sample.width for sample in material.training.samples) * material.channels
        each = max(2, min(POOL, POOL_BYTES // (2 * largest * self.classes)))
        self.pool: list[list[Pixels]] = []
        with progress.task("composing", each * self.classes, "images") as task:
            for label in material.training.classes:
                composing = Composing(material, label, chosen.how, chosen.symmetries[label], chosen.fixed)
                made: list[Pixels] = []
                for number in range(each):
                    (one,) = composing.images({number: numpy_stream(seed, "augmentation", "pool", label, number)})
                    made.append(to_pixels(planes(one.pixels), DEEP))
                    task.advance()
                self.pool.append(made)
        self.pool_whole = [
            np.stack([whole_planes(to_unit(one, DEEP), recipe.resolution) for one in made]) for made in self.pool
        ]

    def codes(self, step: int) -> Ints:
        """Return (batch / 2,) the classes that step number `step` (from 0) shows, in this process."""
        return self.labels[self._rows(step)]

    def at(self, step: int, device: torch.device) -> Tensor:
        """Return real images (batch, C, h, w): patches, mirrored as the recipe says, and whole ones."""
        size, rows = self.recipe.resolution, self._rows(step)
        corners = self._corners(step, "real")
        patches = [
            patch(planes(self.material[row].pixels), size, corner)[0] for row, corner in zip(rows, corners, strict=True)
        ]
        images = in_turn(torch.from_numpy(np.stack(patches)), torch.from_numpy(self.real_whole[rows])).to(device)
        return mirror(images, self.recipe.flip, torch_stream(self.seed, "augmentation", step), self.processes)

    def inputs_at(self, step: int, latent: int, device: torch.device) -> NativeInputs:
        """Return the composed images that step number `step` refines, with latents of so many numbers."""
        drawn = numpy_stream(self.seed, "latents", "composed", step).integers(len(self.pool[0]), size=self.count)
        numbers = self.processes.mine(torch.from_numpy(drawn)).tolist()
        pairs = list(zip(self.codes(step).tolist(), numbers, strict=True))
        return self._inputs(pairs, self._corners(step, "composed"), *self._drawn(step, latent), device)

    def preview_inputs(self, codes: Sequence[int], device: torch.device) -> NativeInputs:
        """Return composed images of these classes, with the patch in the middle of each: always the same ones."""
        pairs = [(code, number % len(self.pool[code])) for number, code in enumerate(codes)]
        return self._inputs(pairs, [(0.5, 0.5)] * len(codes), *self._drawn_for_previews(len(codes)), device)

    def _inputs(
        self,
        pairs: Sequence[tuple[int, int]],
        corners: Sequence[tuple[float, float]],
        latents: Tensor,
        noise: Tensor,
        device: torch.device,
    ) -> NativeInputs:
        """Return the composed images (class, number in the pool), with the patches at these corners."""
        cut = [
            patch(to_unit(self.pool[code][number], DEEP), self.recipe.resolution, corner)
            for (code, number), corner in zip(pairs, corners, strict=True)
        ]
        inputs = NativeInputs(
            torch.from_numpy(np.stack([self.pool_whole[code][number] for code, number in pairs])),
            torch.from_numpy(np.stack([pixels for pixels, _ in cut])),
            torch.tensor([place for _, place in cut], dtype=torch.float32),
            latents,
            noise,
        )
        return NativeInputs(*(tensor.to(device) for tensor in inputs))

    def _corners(self, step: int, what: str) -> list[tuple[float, float]]:
        """Return where the patches of this process lie, as shares of the room that there is."""
        shares = numpy_stream(self.seed, "order", "patches", what, step).random((self.count, 2))
        return [(top, left) for top, left in self.processes.mine(torch.from_numpy(shares)).tolist()]


def planes(pixels: Floats32) -> Floats32:
    """Return (C, H, W) in [-1, 1] of (H, W) or (H, W, 3), 0 to 1."""
    unit: Floats32 = np.ascontiguousarray(2 * as_planes(pixels) - 1)
    return unit


def patch(
    image: Floats32, size: tuple[int, int], corner: tuple[float, float]
) -> tuple[Floats32, tuple[int, int, int, int]]:
    """Return a patch (C, h, w) of an image, and where it lies: top, left, height and width of the image.

    An image that is smaller than a patch is continued by its mirror image.

    Args:
        image: (C, H, W).
        size: (h, w).
        corner: where the patch lies, as a share of the room that there is.
    """
    lacking = [max(0, wanted - side) for wanted, side in zip(size, image.shape[1:], strict=True)]
    if any(lacking):
        image = np.pad(image, ((0, 0), (0, lacking[0]), (0, lacking[1])), mode="symmetric")
    height, width = image.shape[1:]
    top, left = (
        int(share * (side - part + 1)) for share, side, part in zip(corner, (height, width), size, strict=True)
    )
    cut = np.ascontiguousarray(image[:, top : top + size[0], left : left + size[1]])
    return cut, (top, left, height - lacking[0], width - lacking[1])
