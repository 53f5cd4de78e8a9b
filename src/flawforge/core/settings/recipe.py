"""All that decides how a generator is trained: the fields of a recipe, their ranges and what they mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from flawforge.core.settings.fields import Settings, setting
from flawforge.core.settings.resolution import Resolution

Channels = Annotated[Literal["data", 1, 3], BeforeValidator(lambda v: int(v) if v in ("1", "3") else v)]


@dataclass(frozen=True)
class Composition:
    """How images are composed, as the fields of these names in `Recipe` say."""

    blend: float = 1.0
    relight: float = 1.0
    light_width: float = 0.1
    light_power: float = 0.7
    zoom: float = 1.1
    candidates: int = 1


@dataclass(frozen=True)
class Placing:
    """How defects are put on grounds, as the fields of these names in `Recipe` say."""

    blending: Literal["relit", "feathered", "seamless"] = "relit"
    strength: float = 1.0
    bend: float = 0.06
    scaling: float = 1.25
    pattern: Literal["all", "scratch", "spot", "scar", "texture"] = "all"
    label: str = ""


UNLEARNT = ("compose", "copy-paste", "procedural")  # designs without a network
ON_GROUNDS = ("copy-paste", "procedural", "placed")  # designs that put defects on real grounds
PATTERNS = ("scratch", "spot", "scar", "texture")  # that design procedural draws
PLACING = tuple(field.name for field in fields(Placing))  # fields of the designs that place
PASTING = ("blending", "strength", "bend", "scaling", "keep_geometry")  # of them, those of real defects
COMPOSING = (*(field.name for field in fields(Composition)), "keep_geometry")  # fields of this design alone


class Recipe(Settings):
    """All that decides what training does, but for the data, the seed and the machine.

    `resolution` is (height, width). Two recipes with equal fields train the same network on the same data in the
    same way. `dump` and `Settings.parse` are inverse to each other.
    """

    name: str = setting(
        allowed="a recipe's name",
        help="The recipe's name; a changed recipe keeps the name of the one it was changed from.",
    )
    design: Literal["dcgan", "fewshot", "compose", "native", "copy-paste", "procedural", "placed"] = setting(
        "dcgan",
        help="The networks: 'dcgan' is the published pair, which does not tell classes apart; 'fewshot' is a "
        "light class-conditional generator with a discriminator on the features of a frozen ImageNet network; "
        "'compose' has none: it joins details of real images and the light of others; 'native' composes images and "
        "refines them by a network, at their own size; 'copy-paste' puts real defects on other real grounds and "
        "'procedural' drawn ones, each with its mask, without learning; 'placed' refines what copy-paste puts there by "
        "a network, inside the mask.",
    )
    resolution: Resolution = setting(
        unit="pixels",
        allowed="8 to 1024, or HEIGHTxWIDTH",
        help="Height and width of the images that the networks work with, written 128 or 96x160 (design 'native': of "
        "the patches and of the whole image as the coarse network sees it). Each side is a "
        "multiple of 2^k, where 4·2^k is the largest such number within the shorter side. Doubling it takes four "
        "times as long.",
    )
    channels: Channels = setting(
        "data",
        help="Colour channels: 'data' takes 1 for gray images (also gray ones stored as RGB) and 3 for colour ones; "
        "3 forces colour, as the published experiment does with gray steel.",
    )
    latent: int = setting(
        100,
        ge=1,
        le=4096,
        unit="numbers",
        help="Length of the random vector (latent) that one image is generated from.",
    )
    generator_depth: int = setting(
        ge=1,
        le=1024,
        unit="channels",
        help="Channels of the generator's last hidden layer; each layer before it has twice as many (design "
        "'fewshot': up to eight times as many; 'native': of its first layers).",
    )
    discriminator_depth: int = setting(
        ge=1,
        le=1024,
        unit="channels",
        help="Channels of the discriminator's first layer; each layer after it has twice as many (designs "
        "'fewshot' and 'native': of every layer of its heads).",
    )
    loss: Literal["bce", "hinge"] = setting(
        "bce",
        help="The adversarial loss: 'bce' is binary cross-entropy as published; 'hinge' gives no gradient to the "
        "discriminator where it is right by a margin.",
    )
    batch: int = setting(12, ge=2, le=4096, unit="images", help="Real images, and as many generated ones, in one step.")
    epochs: float = setting(
        gt=0,
        le=1e6,
        unit="passes over the data",
        help="Length of the training, unless 'kimg' is set: steps = epochs x images / batch, rounded up.",
    )
    kimg: float | None = setting(
        None,
        gt=0,
        le=1e6,
        unit="thousand real images shown",
        help="Length of the training in images instead of epochs. Unset: 'epochs' decides.",
    )
    generator_lr: float = setting(1e-4, gt=0, le=1, help="Adam's step size for the generator.")
    discriminator_lr: float = setting(4e-4, gt=0, le=1, help="Adam's step size for the discriminator.")
    beta1: float = setting(0.5, ge=0, lt=1, help="Adam's memory of the gradient, both networks.")
    beta2: float = setting(0.999, ge=0, lt=1, help="Adam's memory of the squared gradient, both networks.")
    flip: Literal["none", "horizontal", "vertical", "both"] = setting(
        "none",
        help="Mirror each real image at random while training. 'both' is right where a part has no up or left: it "
        "turns one image into four. The audit then looks for mirrored copies too.",
    )
    augment: Literal["none", "light", "full"] = setting(
        "none",
        help="Random changes of real and generated images before the discriminator sees them (DiffAugment), so that it "
        "cannot memorize a small training set: 'light' shifts and changes brightness and contrast, 'full' also cuts "
        "a square out.",
    )
    augment_target: float = setting(
        0.0,
        ge=0,
        lt=1,
        help="Adapt how often images are augmented, so that the mean sign of the discriminator's output on real images "
        "stays at this value (ADA; 0.6 is usual). 0: always augment.",
    )
    diversity: float = setting(
        0.0,
        ge=0,
        le=100,
        help="Weight of a loss term that makes the generated images of a class differ as much, at coarse scales, as "
        "the real ones do. It acts only while they differ less, and prevents images that are all alike. 0: off.",
    )
    rebuilding: float = setting(
        3.0,
        ge=0,
        le=100,
        help="Weight of a loss term of design 'placed': real defects are made again from their masks and surroundings, "
        "and compared with what they are over squares of 4 pixels; and grain stays near that of what was pasted. "
        "0: off.",
    )
    ema_kimg: float = setting(
        0.0,
        ge=0,
        le=1e4,
        unit="kimg",
        help="Half-life of the moving average of the generator's weights, from which images are generated. 0: no "
        "average, the last weights.",
    )
    balance: float = setting(
        0.0,
        ge=0,
        le=1,
        help="Class balance in training: 0 shows each image equally often, 1 each class equally often, 0.5 each class "
        "in proportion to the square root of its number of images.",
    )
    unlabelled_share: float = setting(
        0.25,
        gt=0,
        lt=1,
        help="Share of unlabelled images (--unlabelled) among the images shown in training; less where there "
        "are fewer.",
    )
    judge_kimg: float = setting(
        0.0,
        ge=0,
        le=1e4,
        unit="kimg",
        help="Evaluate the generator each time so many images have been shown, and keep the best checkpoint: by its "
        "distance (KID) to held-out images over the share of them that it covers, where there are enough, else by an "
        "estimate from the training images. It does not affect the weights and takes about 3% of the time at most. "
        "0: off, the last weights are kept.",
    )
    rescues: int = setting(
        0,
        ge=0,
        le=10,
        help="How many times training recovers from a collapse, by going back to the best weights and continuing with "
        "stronger augmentation and half the step sizes, before it stops with the best weights. 0: it only warns.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto",
        help="Number format of matrix products and convolutions; weights are always float32. 'auto' uses bfloat16 "
        "where the processor or GPU has instructions for it, else float32.",
    )

    blend: float = setting(
        1.0,
        ge=0,
        le=1,
        help="Share of the composed images that show details of two real images of the class, joined by a smooth "
        "random mask; 0: each shows one, in another light.",
    )
    relight: float = setting(
        1.0, ge=0, le=1, help="Share of the composed images that get the light of another image; 0: all keep their own."
    )
    light_width: float = setting(
        0.1,
        gt=0,
        le=1,
        unit="shorter sides",
        help="What of an image counts as its light: the standard deviation of the Gaussian low-pass. Each composed "
        "image draws one from this to 2.5 times this. Smaller takes more from the other image.",
    )
    light_power: float = setting(
        0.7,
        ge=0,
        le=1,
        help="How details follow the light of a composed image: 1 scales them in proportion, as a reflecting surface "
        "does; 0 leaves them as they are.",
    )
    zoom: float = setting(
        1.1,
        ge=1,
        le=2,
        help="Details of composed images are enlarged by a random factor up to this one, and a random part is shown.",
    )
    candidates: int = setting(
        1,
        ge=1,
        le=64,
        unit="images",
        help="Images composed for each one that is kept: the nearest, in the features of a frozen network, to the "
        "point halfway between a real image of the class and the mean of all. More reach more unseen images; 8 take "
        "six times as long.",
    )
    keep_geometry: bool = setting(
        False,
        help="Compose without mirroring, turning, enlarging or joining images: for parts with holes, rims or cells "
        "whose places are fixed. Where good or training images show such a geometry it is found without this.",
    )

    blending: Literal["relit", "feathered", "seamless"] = setting(
        "relit",
        help="How a placed defect meets its ground: 'relit' replaces its light by the ground's, 'feathered' keeps its "
        "own and joins both by a soft border, 'seamless' solves Poisson's equation, so that its border takes the "
        "ground's levels.",
    )
    strength: float = setting(
        1.0,
        gt=0,
        le=4,
        help="How strongly placed defects show: 1 as real ones do. Each image draws from 0.7 to 1.4 times this.",
    )
    bend: float = setting(
        0.06,
        ge=0,
        le=0.5,
        unit="of the defect's length",
        help="Elastic bends of a pasted defect and its mask: the standard deviation of the displacement. 0: none.",
    )
    scaling: float = setting(
        1.25, ge=1, le=4, help="A pasted defect is shown at a random size from 1/x to x times its own."
    )
    pattern: Literal["all", "scratch", "spot", "scar", "texture"] = setting(
        "all",
        help="What design 'procedural' draws: bright or dark scratches and spots, scars (narrow strips of another "
        "place), texture of another place inside Perlin noise; 'all' draws each as often.",
    )
    label: str = setting(
        "",
        allowed="a class's name",
        help="Class of what design 'procedural' draws. Empty: each pattern is a class of its own name.",
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_unset(cls, values: Any) -> Any:  # once None, "chosen from the images"; so in runs of that time
        return {name: value for name, value in values.items() if value is not None or name not in COMPOSING}

    @model_validator(mode="after")
    def _check_resolution(self) -> Recipe:
        height, width = self.resolution
        if not (min(height, width) >= 8 and max(height, width) <= 1024):
            raise ValueError(f"resolution {height}x{width} is outside 8 to 1024 pixels")
        step = 2**self.stages
        if height % step or width % step:
            near = [max(step, round(side / step) * step) for side in (height, width)]
            raise ValueError(
                f"resolution {height}x{width}: both sides must be multiples of {step}; near: {near[0]}x{near[1]}"
            )
        return self

    @property
    def knows_classes(self) -> bool:
        """Whether one generator makes each class on demand."""
        return self.design != "dcgan"

    @property
    def learns(self) -> bool:
        """Whether a network is trained, with a latent to draw; composing has neither."""
        return self.design not in UNLEARNT

    @property
    def places(self) -> bool:
        """Whether defects are put on real grounds, so that each image has its mask."""
        return self.design in ON_GROUNDS

    @property
    def needs_masks(self) -> bool:
        """Whether it must know which pixels of its training images are the defect."""
        return self.places and self.design != "procedural"

    @property
    def composes(self) -> bool:
        """Whether images are made of the details of real ones, which the manifest names."""
        return self.design in ("compose", "native") or self.places

    def labels(self, classes: Sequence[str], *, unlabelled: bool) -> int:
        """Return how many classes its networks tell apart: unlabelled images are one more, but for what composes, which
        takes nothing but their light.
        """
        return len(classes) + (unlabelled and not self.composes)

    @property
    def own_fields(self) -> tuple[str, ...]:
        """The fields that decide anything in this design."""
        if self.design == "procedural":
            return ("name", "design", "resolution", "channels", "strength", "pattern", "label")
        if not self.learns:
            return ("name", "design", "resolution", "channels", *(PASTING if self.places else COMPOSING))
        left_out = {*PLACING, "rebuilding", *(("unlabelled_share", "judge_kimg") if self.composes else COMPOSING)}
        if self.places:
            left_out = {"unlabelled_share", "judge_kimg", "flip", *PLACING, *COMPOSING} - {*PASTING}
        return tuple(field for field in type(self).model_fields if field not in left_out)

    @property
    def stages(self) -> int:
        """How often the generator doubles the size (5 from 4x4 to 128x128): floor(log2(shorter side / 4))."""
        return int(math.log2(min(self.resolution) / 4))

    @property
    def base(self) -> tuple[int, int]:
        """Height and width of the smallest feature map: (4, 4) for any square power of two."""
        return self.resolution[0] >> self.stages, self.resolution[1] >> self.stages

    def steps(self, images: int) -> int:
        """Return the number of optimiser steps on a dataset of so many images (3,200 for `dcgan-sn` on 300)."""
        shown = self.kimg * 1000 if self.kimg is not None else self.epochs * images
        return max(1, math.ceil(round(shown / self.batch, 6)))

    def dump(self) -> dict[str, Any]:
        """Return all fields as plain JSON values, in the order of the class."""
        return self.model_dump(mode="json")
