"""A model folder: weights and card in, the trained network out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from flawforge.core.errors import RunBrokenError, RunNotFoundError, SettingError
from flawforge.core.files import sha256_file, write_bytes
from flawforge.models.classifier import Mirrored, ShiftedLogits, build_classifier
from flawforge.models.one_class import Joined, OneClass
from flawforge.runs.model_cards import CARD, MODELS, WEIGHTS, ModelCard, read_card
from flawforge.runs.trials import TRIAL_FILE, read_trial

MIRRORED = {3: "mirrored left and right", 2: "mirrored top and bottom"}


def network_parts(network: nn.Module) -> list[str]:
    """Return what a trained network is made of, the outermost part first; ``classifier`` is what a factory builds."""
    if isinstance(network, ShiftedLogits):
        return ["shifted", *network_parts(network.network)]
    if isinstance(network, Mirrored):
        return [MIRRORED[network.axis], *network_parts(network.network)]
    if isinstance(network, Joined):
        return ["joined", *network_parts(network.classifier)]
    if isinstance(network, OneClass):
        return ["one-class"]
    return ["classifier"]


def _assembled(parts: Sequence[str], card: ModelCard) -> nn.Module:
    """Return a network of these parts, whose weights are still to be loaded."""
    kind, rest = parts[0], parts[1:]
    if kind == "shifted":
        return ShiftedLogits(_assembled(rest, card), np.zeros(len(card.classes)))
    if kind in MIRRORED.values():
        axis = next(axis for axis, name in MIRRORED.items() if name == kind)
        return Mirrored(_assembled(rest, card), axis)
    if kind == "joined":
        return Joined(_assembled(rest, card), OneClass())
    if kind == "one-class":
        return OneClass()
    return build_classifier(card.model, len(card.classes), card.input.channels, card.input.resolution, card.seed)


def logit_shift(network: nn.Module, classes: int) -> list[float]:
    """Return the (K,) shift that a trained network adds to its logits; zeros where it adds none."""
    found = next((part for part in network.modules() if isinstance(part, ShiftedLogits)), None)
    return [0.0] * classes if found is None else [float(value) for value in found.shift]


def write_weights(folder: Path, network: nn.Module) -> str:
    """Write a network's weights and buffers into a folder, which must exist, and return the file's SHA-256."""
    from safetensors.torch import save

    state = {name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()}
    write_bytes(folder / WEIGHTS, save(state))
    return sha256_file(folder / WEIGHTS)


def open_model(folder: Path) -> tuple[ModelCard, nn.Module]:
    """Return the card of a model folder, and its network, in evaluation mode on the CPU.

    Raises:
        RunNotFoundError: it is no model folder. RunBrokenError: a file is damaged, or is not the one of the card.
        SettingError: the network is the user's own, and its factory cannot be imported or returns another network.
    """
    from safetensors.torch import load

    card = read_card(folder)
    file = folder / WEIGHTS
    if not file.is_file() or sha256_file(file) != card.weights_sha256:
        state = "is not the one that the card names" if file.is_file() else "is missing"
        raise RunBrokenError(f"{file} {state}. Make the model again with flawforge trial.")
    try:
        network = _assembled(card.parts, card)
    except SettingError as error:
        if not card.own:
            raise
        raise SettingError(
            f"{folder} holds weights alone; its network is built by your factory {card.model}, as in the trial: {error}"
        ) from None
    weights = load(file.read_bytes())
    _fit_buffers(network, weights)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise SettingError(
            f"{folder} does not fit the network that {card.model} builds today; it must be the one of the trial: "
            f"{reason}"
        ) from None
    return card, network.eval()


def _fit_buffers(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Give buffers whose size depends on the training images, such as a memory bank, the size of the stored ones."""
    for name, buffer in list(network.named_buffers()):
        if name in weights and weights[name].shape != buffer.shape:
            owner, _, last = name.rpartition(".")
            setattr(network.get_submodule(owner), last, torch.zeros_like(weights[name]))


def find_model(place: Path) -> Path:
    """Return the model folder that a path means: itself, or the best model of a trial's folder.

    Raises:
        RunNotFoundError: there is no model, or no such folder. RunBrokenError: the trial's record is damaged.
    """
    if (place / CARD).is_file() or not (place / TRIAL_FILE).is_file():
        if not place.exists():
            raise RunNotFoundError(
                f"there is no folder {place}. MODEL is a trial's folder, or OUT/{MODELS}/NAME in it."
            )
        read_card(place)
        return place
    kept = read_trial(place).kept
    if not kept:
        raise RunNotFoundError(
            f"the trial in {place} has left no model. Run the trial's command again, without --no-model; its finished "
            f"cells are kept."
        )
    return place / next((one for one in kept if one.best), kept[0]).folder
