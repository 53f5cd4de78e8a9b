"""A policy at work: whole batches of training images, changed at random, differently in every step."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from flawforge.core.seeds import torch_stream
from flawforge.core.settings.policies import ClassicalPolicy
from flawforge.data.augmentation.geometry import mirror_some, quarter_turn, warp
from flawforge.data.augmentation.mixing import mix
from flawforge.data.augmentation.photometry import blur, brighten, erase, rectangles, roughen, stretch

CHANGES = ("degrees", "shift", "scale", "brightness", "contrast", "noise", "blur", "erasing")
ASPECT = 3.0  # of an erased rectangle, at most, either way


class ClassicalTransforms:
    """The transforms of one training.

    The numbers are a function of (seed, address), drawn on the CPU from the stream ``augmentation``.

    Args:
        policy: which changes, and how far.
        seed: of the training.
    """

    def __init__(self, policy: ClassicalPolicy, seed: int) -> None:
        self.policy, self.seed = policy, seed
        strengths = [float(getattr(policy, name)) for name in CHANGES]
        self.active = [index for index, strength in enumerate(strengths) if strength > 0]

    def __call__(self, images: Tensor, *address: int | str) -> Tensor:
        """Return the images changed, each on its own.

        Args:
            images: (N, C, H, W) float in [-1, 1].
            address: what addresses the numbers, e.g. the step.

        Returns:
            (N, C, H, W) in [-1, 1].
        """
        return self.with_masks(images, images[:, :0], *address)[0]

    def with_masks(self, images: Tensor, masks: Tensor, *address: int | str) -> tuple[Tensor, Tensor]:
        """Return the images and their masks: turned, moved and scaled alike, and nothing marked where a part is erased.

        Args:
            images: (N, C, H, W) float in [-1, 1].
            masks: (N, M, H, W) float, 0 to 1; M may be 0. Moved ones are interpolated.
            address: what addresses the numbers, the same as without masks.

        Returns:
            (N, C, H, W) in [-1, 1] and (N, M, H, W) in [0, 1].
        """
        draws = torch_stream(self.seed, "augmentation", "classical", *address)
        unit = torch.rand(len(images), 24, generator=draws).to(images.device)
        channels = images.shape[1]
        both = self._turn(torch.cat([images, masks], 1), unit[:, 0], unit[:, 1], unit[:, 2])
        if not self.active:
            return both[:, :channels], both[:, channels:]
        on = self._chosen(unit[:, 3], unit[:, 4:12])
        signed = unit * 2 - 1
        policy = self.policy
        if policy.degrees or policy.shift or policy.scale:
            degrees = signed[:, 12] * policy.degrees * on[:, 0]
            shift = signed[:, 13:15] * policy.shift * on[:, 1:2]
            scale = _factor(signed[:, 15], policy.scale) ** on[:, 2]
            moved = (degrees != 0) | (shift != 0).any(1) | (scale != 1)
            both = _some(both, moved, lambda some, at: warp(some, degrees[at], shift[at], scale[at]))
        images, masks = both[:, :channels], both[:, channels:]
        if policy.contrast:
            images = stretch(images, _factor(signed[:, 16], policy.contrast) ** on[:, 4])
        if policy.brightness:
            images = brighten(images, signed[:, 17] * policy.brightness * on[:, 3])
        if policy.blur:
            blurred = unit[:, 18] * policy.blur * on[:, 6]
            images = _some(images, blurred > 0, lambda some, at: blur(some, blurred[at], policy.blur))
        if policy.noise:
            normal = torch.randn(len(images), 1, *images.shape[2:], generator=draws).to(images.device)
            images = roughen(images, unit[:, 19] * policy.noise * on[:, 5], normal)
        if policy.erasing:
            area = unit[:, 20] * policy.erasing * on[:, 7]
            aspect = torch.exp(signed[:, 21] * math.log(ASPECT))
            inside = rectangles(unit[:, 22:24], area, aspect, *images.shape[2:])
            images, masks = erase(images, inside), masks * ~inside
        return images.clamp(-1, 1), masks

    def mix(self, images: Tensor, labels: Tensor, *address: int | str) -> tuple[Tensor, Tensor]:
        """Return changed images (N, C, H, W) and their labels (N, K) blended with others of the batch where the policy
        says so; the labels sum to the same in all.
        """
        return mix(images, labels, self.policy, torch_stream(self.seed, "augmentation", "mixing", *address))

    def _turn(self, images: Tensor, left: Tensor, top: Tensor, quarter: Tensor) -> Tensor:
        if self.policy.flip_horizontal:
            images = mirror_some(images, left < 0.5, 3)
        if self.policy.flip_vertical:
            images = mirror_some(images, top < 0.5, 2)
        if self.policy.quarter_turns:
            images = quarter_turn(images, (quarter * 4).long())
        return images

    def _chosen(self, picks: Tensor, each: Tensor) -> Tensor:
        """Return (N, 8) 0 or 1: which changes act on which image."""
        if not self.policy.one_change:
            return (each < self.policy.chance).float()
        among = torch.tensor(self.active, device=picks.device)
        picked = among[(picks * len(self.active)).long()]
        return torch.nn.functional.one_hot(picked, len(CHANGES)).float()


def _some(images: Tensor, chosen: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Change the chosen images alone, (N,) bool: most policies move or blur few of a batch, and both cost time."""
    places = chosen.nonzero()[:, 0]
    if len(places) == len(images):
        return change(images, places)
    return images.index_copy(0, places, change(images[places], places)) if len(places) else images


def _factor(signed: Tensor, strength: float) -> Tensor:
    """Return (N,) factors from 1 / (1 + strength) to 1 + strength, even in the logarithm, of numbers from -1 to 1."""
    return torch.exp(signed * math.log1p(strength))
