"""The settings of a locator's training: a network that says where a defect is; the same in all arms of a trial."""

from __future__ import annotations

from typing import Any, Final

from flawforge.core.settings.fields import Settings, setting
from flawforge.core.settings.policies import ClassicalPolicy, policy
from flawforge.core.settings.resolution import Resolution

LOCATORS = ("unet", "effnet-dense")
USUAL: Final[dict[str, Any]] = {  # of a trial's task locate, where it is not given
    "models": LOCATORS,
    "resolution": (128, 128),
    "steps": 400,
    "batch": 12,
    "made": 256,
    "share": 0.5,
}
OWN_POLICY = {"unet": "strong", "effnet-dense": "strong"}


class LocatorSettings(Settings):
    """All that decides how a locator is trained, but for the images, the share of new ones and the seed."""

    model: str = setting(
        "unet",
        allowed=f"{', '.join(LOCATORS)}, or module:factory",
        help="The network: a small U-Net from scratch, two convolutions on frozen EfficientNet-Lite0 maps, or a "
        "factory of your own, called with (1, channels, (height, width)).",
    )
    resolution: Resolution = setting(
        (128, 128), unit="pixels", allowed="32 to 1024, or HEIGHTxWIDTH", help="Height and width that the model sees."
    )
    steps: int = setting(400, ge=1, le=1_000_000, unit="optimiser steps", help="Length of the training, in every arm.")
    batch: int = setting(12, ge=2, le=4096, unit="images", help="Images in one step, real and new together.")
    policy: str | ClassicalPolicy = setting(
        "auto",
        allowed="auto, none, mirrors, light, strong, trivial",
        help="Classical transforms of every image shown, and of its mask. 'auto': what was found best for the model.",
    )

    @property
    def transforms(self) -> ClassicalPolicy:
        """The policy that is given or named, or the model's own.

        Raises:
            SettingError: there is none of this name.
        """
        return policy(self.policy, OWN_POLICY.get(self.model, "strong"))
