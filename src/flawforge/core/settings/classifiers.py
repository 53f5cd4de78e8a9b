"""The settings of an inspection model's training: what is the same in all arms of a trial."""

from __future__ import annotations

from typing import Literal

from flawforge.core.settings.fields import Settings, setting
from flawforge.core.settings.policies import ClassicalPolicy, policy
from flawforge.core.settings.resolution import Resolution

CLASSIFIERS = ("small-cnn", "effnet-probe", "effnet-focus", "effnet-finetune")
NEED_GOOD = ("effnet-focus",)  # models that compare every image with good ones
OWN_POLICY = {  # measured: docs/decisions/classical.md
    "small-cnn": "trivial-cutmix",
    "effnet-probe": "mirrors",
    "effnet-focus": "mirrors",
}


class ClassifierSettings(Settings):
    """All that decides how a classifier is trained, but for the images, the share of generated ones and the seed.

    Every arm of a trial takes the same settings, so the same number of optimiser steps of the same batch.
    """

    model: str = setting(
        "small-cnn",
        allowed=f"{', '.join(CLASSIFIERS)}, or module:factory",
        help="The network: a small one from scratch, a linear layer on frozen EfficientNet-Lite0 features, one on the "
        "features of the positions that differ most from good images, the same network fine-tuned, or a factory of "
        "your own, called with (classes, channels, (height, width)).",
    )
    resolution: Resolution = setting(
        (64, 64), unit="pixels", allowed="32 to 1024, or HEIGHTxWIDTH", help="Height and width that the model sees."
    )
    steps: int = setting(900, ge=1, le=1_000_000, unit="optimiser steps", help="Length of the training, in every arm.")
    batch: int = setting(48, ge=2, le=4096, unit="images", help="Images in one step, real and generated together.")
    lr: float | None = setting(
        None, gt=0, le=10, help="AdamW's largest step size. Unset: what was found best for the model."
    )
    weight_decay: float | None = setting(
        None, ge=0, le=10, help="AdamW's decay of weights (not of norms and biases). Unset: the model's own."
    )
    warm_up: float = setting(
        0.1, ge=0, lt=1, unit="of the steps", help="Step size rises over this part, then falls to 0 along a cosine."
    )
    adjusted_loss: bool = setting(
        False, help="The loss sees the logits plus the logarithm of how often each class is shown."
    )
    label_smoothing: float = setting(
        0.0, ge=0, lt=1, help="Part of each label that is spread over all classes, of real images."
    )
    ema_kimg: float = setting(
        0.0, ge=0, le=1e4, unit="kimg", help="Half-life of a moving average of the weights; 0: the last weights."
    )
    policy: str | ClassicalPolicy = setting(
        "auto",
        allowed="auto, none, mirrors, light, strong, trivial, trivial-cutmix",
        help="Classical transforms of every image shown. 'auto': what was found best for the model.",
    )
    views: int = setting(
        1024,
        ge=1,
        le=1_000_000,
        unit="images",
        help="For effnet-probe and effnet-focus: changed images whose features are worked out once and then drawn "
        "from, real and generated each.",
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto", help="Number format of the heavy products; 'auto' takes bfloat16 where the machine multiplies in it."
    )

    @property
    def transforms(self) -> ClassicalPolicy:
        """The policy that is given or named, or the model's own.

        Raises:
            SettingError: there is none of this name.
        """
        return policy(self.policy, OWN_POLICY.get(self.model, "strong"))
