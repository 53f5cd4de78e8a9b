"""Policies: how far the classical transforms of a classifier's training images go, by name."""

from __future__ import annotations

from flawforge.core.errors import SettingError, did_you_mean
from flawforge.core.settings.fields import Settings, setting


class ClassicalPolicy(Settings):
    """How training images are changed at random, differently at every step. Every field at its default changes nothing.

    A change of strength s is drawn uniformly from -s to s for each image; noise, blur and the erased part from 0 to s.
    """

    flip_horizontal: bool = setting(False, help="Mirror left and right, half of the images.")
    flip_vertical: bool = setting(False, help="Mirror top and bottom, half of the images.")
    quarter_turns: bool = setting(
        False,
        help="Turn by 0, 90, 180 or 270 degrees, equally often. Wrong where a direction tells classes apart, as the "
        "rolling direction of a strip may. Images that are not square turn by 0 or 180 degrees only.",
    )
    degrees: float = setting(0.0, ge=0, le=180, unit="degrees", help="Turn by up to this angle, either way.")
    shift: float = setting(0.0, ge=0, le=0.5, unit="of the side", help="Move by up to this part of height and width.")
    scale: float = setting(
        0.0, ge=0, lt=1, help="Enlarge or shrink by a factor from 1 / (1 + this) to 1 + this, even in its logarithm."
    )
    brightness: float = setting(0.0, ge=0, le=1, unit="of white", help="Add up to this, black being 0 and white 1.")
    contrast: float = setting(
        0.0, ge=0, le=3, help="Multiply the distance from the image's mean by a factor from 1 / (1 + this) to 1 + this."
    )
    noise: float = setting(0.0, ge=0, le=0.5, unit="of white", help="Standard deviation of added noise, at most.")
    blur: float = setting(0.0, ge=0, le=4, unit="pixels", help="Standard deviation of the blur, at most.")
    erasing: float = setting(
        0.0, ge=0, le=0.5, unit="of the area", help="Part of the image that a rectangle is set to its mean in, at most."
    )
    chance: float = setting(
        1.0, ge=0, le=1, help="Probability of each change (mirrors and quarter turns have their own)."
    )
    one_change: bool = setting(
        False,
        help="Make one change only in each image, drawn among those with a strength above 0, whatever 'chance' says "
        "(TrivialAugment). Mirrors and quarter turns come on top.",
    )
    mixup: float = setting(
        0.0,
        ge=0,
        le=8,
        help="Blend pairs of images and of their labels; the share is drawn from Beta(this, this). 0: never.",
    )
    cutmix: float = setting(
        0.0,
        ge=0,
        le=8,
        help="Paste a rectangle of another image and mix the labels by area; the area is drawn from Beta(this, this). "
        "With 'mixup' too, each batch gets one of both. 0: never.",
    )

    @property
    def mixes(self) -> bool:
        """Whether labels become soft."""
        return self.mixup > 0 or self.cutmix > 0


NONE = ClassicalPolicy()
MIRRORS = ClassicalPolicy(flip_horizontal=True, flip_vertical=True)
LIGHT = ClassicalPolicy(flip_horizontal=True, flip_vertical=True, shift=0.06, brightness=0.08)
STRONG = ClassicalPolicy(
    flip_horizontal=True,
    flip_vertical=True,
    degrees=10,
    shift=0.12,
    scale=0.25,
    brightness=0.2,
    contrast=0.5,
    noise=0.04,
    blur=0.7,
    erasing=0.15,
    chance=0.5,
)
TRIVIAL = ClassicalPolicy(
    flip_horizontal=True,
    flip_vertical=True,
    degrees=30,
    shift=0.3,
    scale=0.6,
    brightness=0.4,
    contrast=1.0,
    noise=0.1,
    blur=1.5,
    erasing=0.3,
    one_change=True,
)
CUTMIX = TRIVIAL.model_copy(update={"cutmix": 1.0})
POLICIES = {
    "none": NONE,
    "mirrors": MIRRORS,
    "light": LIGHT,
    "strong": STRONG,
    "trivial": TRIVIAL,
    "trivial-cutmix": CUTMIX,
}


def policy(name: str | ClassicalPolicy, own: str = "auto") -> ClassicalPolicy:
    """Return a policy by name, or as it is given; ``auto`` is a model's own.

    Raises:
        SettingError: there is none of this name.
    """
    if isinstance(name, ClassicalPolicy):
        return name
    name = own if name == "auto" else name
    if name not in POLICIES:
        raise SettingError(
            f"policy is '{name}'; allowed: auto, {', '.join(POLICIES)}.{did_you_mean(name, POLICIES)} "
            f"In Python a ClassicalPolicy of your own will do too."
        )
    return POLICIES[name]
