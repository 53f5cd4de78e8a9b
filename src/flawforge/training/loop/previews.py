"""Previews: what fixed latents look like while training goes on, and real images laid out in the same way."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from flawforge.core.files import write_bytes, write_json
from flawforge.core.images import Pixels, as_picture, eight_bits, encode_png, grid, to_pixels
from flawforge.core.seeds import numpy_stream
from flawforge.data.dataset import Dataset
from flawforge.models.latents import draw_latents, generated_images
from flawforge.runs.folder import Run

SIDE = 6  # a grid has 6 x 6 images
KEPT_REAL = 36  # real images kept at their own size for the report


class Previews:
    """Draws the grids of one run. It draws from the stream ``previews`` alone, so it changes no weight."""

    def __init__(self, run: Run, latent: int, seed: int, white: int, classes: int = 1) -> None:
        self.run, self.white = run, white
        self.labels = torch.arange(SIDE * SIDE) // SIDE % classes  # a row a class
        self.latents = draw_latents(seed, "previews", [(i,) for i in range(SIDE * SIDE)], latent)

    def draw(self, maker: nn.Module, kimg: float, device: torch.device) -> None:
        """Write ``previews/kimg_000012.800.png`` from a generator; its mode (training or not) is put back."""
        images = generated_images(maker, self.latents, self.labels, SIDE, device)
        self._write(f"kimg_{kimg:010.3f}.png", to_eight_bits(images.cpu()))

    def draw_last(self, maker: nn.Module, device: torch.device) -> None:
        """Draw what the end of a session shows besides: nothing."""

    def draw_real(self, data: Dataset, pixels: Pixels, seed: int) -> None:
        """Write ``previews/real.png`` and, at their own size, up to 36 files ``previews/real/000.png``, with the class
        of each in ``previews/real/classes.json``.
        """
        chosen = numpy_stream(seed, "previews", "real").permutation(len(data))[:KEPT_REAL]
        self._write("real.png", [eight_bits(pixels[i], self.white) for i in chosen])
        folder = self.run.previews / "real"
        folder.mkdir(exist_ok=True)
        classes: dict[str, str] = {}
        for place, index in enumerate(sorted(int(i) for i in chosen)):
            name = f"{place:03d}.png"
            classes[name] = data.samples[index].label
            image = data.read(index)
            mode = "I;16" if image.dtype == np.uint16 else data.samples[index].format.mode
            mode = "L" if mode == "I;16" and image.dtype == np.uint8 else mode
            write_bytes(folder / name, encode_png(image, mode), durable=False)
        write_json(self.run.real_classes_file, classes)

    def _write(self, name: str, images: list[Pixels]) -> None:
        self.run.save_sheet(name, grid(images, SIDE))


def to_eight_bits(images: Tensor) -> list[Pixels]:
    """Return 8-bit images (H, W) or (H, W, 3) for looking at, from a float tensor (N, C, H, W) in [-1, 1]."""
    return [as_picture(planes) for planes in to_pixels(images.numpy())]
