"""The generator of recipe `placed`: it changes a ground inside a soft mask into a defect of a class.

It sees the ground, the soft mask, and a real defect laid into it, which it refines as `flawforge.models.native` refines
composed images: a coarse network sees the window about the mask as a whole, with class and latent, and a fine one
pixel by pixel, with noise. What they add is multiplied by the soft mask, so every pixel outside is the ground's own.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from flawforge.models.native import NativeGenerator, in_turn, local_mean, sampled

GRAIN = 3.0  # weight of the grain, beside what is coarser: without it small defects get a woven pattern
COARSE = 4  # pixels a side over which a rebuilt defect is compared with the real one


class PlacedInputs(NamedTuple):
    """What N placed defects are made from in training. Windows hold C channels with a real defect laid on the ground, C
    of the ground alone, and the soft mask.

    Attributes:
        whole: (N, 2C + 1, h, w) windows at the recipe's resolution.
        patches: (N, 2C + 1, h, w) a patch of each at native scale.
        places: (N, 4) top and left of the patch, height and width of the window, in pixels.
        latents: (N, L).
        noise: (N, 1, h, w) noise of each patch.
        truth: (2N, C, h, w) what the patch and the whole window really show, where that is known.
        known: (N,) 1 where it is: the mask is that of a real defect on its own ground; else 0.
    """

    whole: Tensor
    patches: Tensor
    places: Tensor
    latents: Tensor
    noise: Tensor
    truth: Tensor
    known: Tensor

    def missed(self, made: Tensor) -> Tensor:
        """Return how far rebuilt defects (2N, C, h, w) are from real ones, over squares of 4 pixels, as grain cannot be
        known; and how far the grain of all is from that of the real defects laid in (self-regularisation: Shrivastava
        et al. 2017, 1612.07828). Both are mean absolute differences inside the soft masks.
        """
        channels, known = made.shape[1], self.known.repeat_interleave(2)[:, None, None, None]
        seen, made = in_turn(self.patches, self.whole), made.float()
        alpha, laid = seen[:, -1:], seen[:, :channels]
        apart = F.avg_pool2d((made - self.truth) * alpha * known, COARSE).abs().sum()
        added = made - laid
        grain = ((added - local_mean(added)) * alpha).abs().sum()
        far = apart / F.avg_pool2d(alpha * known, COARSE).sum().clamp_min(1) + GRAIN * grain / alpha.sum().clamp_min(1)
        out: Tensor = far / channels
        return out


class PlacedGenerator(NativeGenerator):
    """Windows to windows with a defect; parameters as of `NativeGenerator`."""

    def __init__(self, latent: int, depth: int, channels: int, stages: int, classes: int) -> None:
        super().__init__(latent, depth, channels, stages, classes, beside=channels + 1)
        self.channels = channels

    def forward(self, inputs: PlacedInputs, labels: Tensor) -> Tensor:  # type: ignore[override]
        """Return (2N, C, h, w): of each the patch, then the whole window; `labels` are (2N,), as `patch_labels`."""
        said = self.embedding(labels[1::2])
        added = self.coarse(inputs.whole, torch.cat([said, inputs.latents], 1))
        coarse = sampled(added, inputs.places, inputs.patches.shape[2:])
        patches = self._finished(inputs.patches, coarse, said, inputs.noise)
        return in_turn(patches, inputs.whole[:, : self.channels] + inputs.whole[:, -1:] * added)

    def refine(self, image: Tensor, whole: Tensor, label: Tensor, latents: Tensor, noise: Tensor) -> Tensor:
        """Return a window (1, C, H, W) with a defect, not clipped; `image` and `whole` hold 2C + 1 channels."""
        said = self.embedding(label)
        added = self.coarse(whole, torch.cat([said, latents], 1))
        coarse = F.interpolate(added, image.shape[2:], mode="bilinear", align_corners=False)
        return self._finished(image, coarse, said, noise)

    def _finished(self, image: Tensor, coarse: Tensor, said: Tensor, noise: Tensor) -> Tensor:
        alpha, beside = image[:, -1:], image[:, self.channels :]
        shown = image[:, : self.channels] + alpha * coarse
        out: Tensor = shown + alpha * self.fine(torch.cat([shown, beside], 1), said, noise)
        return out
