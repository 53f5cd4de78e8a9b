"""Training of an inspection model on real images, and on generated ones beside them.

Every arm of a trial comes through here, with the same settings: the same number of optimiser steps, the same images in
a batch, the same transforms. What differs is what the images are, and how many of a batch are generated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.core.errors import DataUnusableError, TrainingDivergedError
from flawforge.core.seeds import derive
from flawforge.core.settings.classifiers import ClassifierSettings
from flawforge.models.classifier import Lite0Classifier, build_classifier
from flawforge.training.classifier.batch_schedule import generated_counts
from flawforge.training.classifier.material import FeatureBatches, ImageBatches, Material, norms_of, to_unit
from flawforge.training.processes.device import resolve_precision
from flawforge.training.state.ema import MovingAverage

BEST = {"small-cnn": (2e-3, 0.05), "effnet-probe": (1e-2, 0.05), "effnet-finetune": (2e-4, 0.05)}  # lr, weight decay
OWN = (1e-3, 0.05)  # of a user's network
FEWEST_ALONE = 4  # generated images that get a pass of their own: the statistics of fewer mean little
PREDICT_BATCH = 64


def fit(
    settings: ClassifierSettings,
    real: Material | None,
    classes: int,
    seed: int,
    generated: Material | None = None,
    share: float = 0.0,
    pretrain: float = 0.0,
    device: torch.device | None = None,
) -> nn.Module:
    """Train a classifier and return it, in evaluation mode.

    Every step shows `settings.batch` images, of which `round(share * batch)` are generated; both kinds are drawn
    class-balanced, each image as often as the others of its class. The result is a function of the arguments.

    Args:
        settings: the same in all arms.
        real: the real images; None where `share` is 1.
        classes: number of classes.
        seed: of the first weights, the order and the transforms.
        generated: images that stand beside the real ones; for a placebo, repeats of these.
        share: generated images' part of every batch, 0 to 1.
        pretrain: part of the steps that come first and show generated images alone.
        device: None is the CPU.

    Raises:
        SettingError: an unknown model or policy, or a part outside 0 to 1.
        DataUnusableError: images or labels that do not fit, or a kind that is asked for and missing.
        TrainingDivergedError: the loss is no longer a number.
    """
    device = device or torch.device("cpu")
    counts = generated_counts(
        settings.steps, settings.batch, share=share, pretrain=pretrain, falls_from=settings.share_falls_from
    )
    channels, resolution = _check(real, generated, classes, bool((counts < settings.batch).any()), bool(counts.any()))
    network = build_classifier(settings.model, classes, channels, resolution, seed).to(device)
    shown = {"real": int((settings.batch - counts).sum()), "generated": int(counts.sum())}
    kinds = {"real": real, "generated": generated}
    form = FeatureBatches if settings.model == "effnet-probe" else ImageBatches
    batches = {
        kind: form(material, kind, shown[kind], settings, classes, seed, device)
        for kind, material in kinds.items()
        if material is not None and shown[kind]
    }
    if isinstance(network, Lite0Classifier):
        _prepare(network, batches, settings, seed)
    with torch.random.fork_rng(devices=[]):  # a user's dropout draws from the global generator
        torch.manual_seed(derive(seed, "augmentation", "dropout"))
        forward: Callable[[Tensor], Tensor] = network
        if isinstance(network, Lite0Classifier) and form is FeatureBatches:
            forward = network.head
        return _train(network, forward, batches, counts.tolist(), settings, device)


def predict(network: nn.Module, images: Tensor) -> Tensor:
    """Return (N, K) float32 probabilities on the CPU; an image's row depends on it alone.

    Args:
        network: as `fit` returns it.
        images: (N, C, H, W) uint8.
    """
    device = next(network.parameters()).device
    network.eval()
    rows = [torch.empty(0)]
    with torch.inference_mode():
        for part in torch.split(images, PREDICT_BATCH):
            full = F.pad(part, (0, 0, 0, 0, 0, 0, 0, PREDICT_BATCH - len(part)))  # one size: one order of summing
            logits = network(to_unit(full.to(device)).contiguous(memory_format=torch.channels_last))
            rows.append(logits.float().softmax(1)[: len(part)].cpu())
    return torch.cat(rows[1:]) if len(rows) > 1 else rows[0]


def _train(
    network: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batches: dict[str, ImageBatches],
    counts: list[int],
    settings: ClassifierSettings,
    device: torch.device,
) -> nn.Module:
    network.train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    lr, decay = BEST.get(settings.model, OWN)
    optimiser = torch.optim.AdamW(
        _parameter_groups(network, decay if settings.weight_decay is None else settings.weight_decay), foreach=True
    )
    average = MovingAverage(network, settings.ema_kimg) if settings.ema_kimg > 0 else None
    bfloat16 = resolve_precision(settings.precision, device) == "bfloat16"
    total = torch.zeros((), device=device)
    first = next(iter(batches.values()))
    mix = None if isinstance(first, FeatureBatches) or not settings.transforms.mixes else first.transforms.mix

    for step, count in enumerate(counts):
        for group in optimiser.param_groups:
            group["lr"] = (settings.lr or lr) * _schedule(step, len(counts), settings.warm_up)
        sizes = {"real": settings.batch - count, "generated": count}
        parts = [batches[kind].take(size, step) for kind, size in sizes.items() if size]
        if mix is not None:
            parts = [mix(torch.cat([inputs for inputs, _ in parts]), torch.cat([labels for _, labels in parts]), step)]
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            logits = _logits(network, forward, [inputs for inputs, _ in parts], settings.separate_norm)
        labels = torch.cat([labels for _, labels in parts])  # rows sum to the images' weights
        loss = F.cross_entropy(logits.float(), labels, reduction="sum")
        mean = loss / labels.sum().clamp_min(1e-6)
        optimiser.zero_grad(set_to_none=True)
        mean.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += mean.detach()
        if average is not None:
            average.update((step + 1) * settings.batch, settings.batch)

    if not math.isfinite(float(total)):
        raise TrainingDivergedError(
            f"the loss of the classifier '{settings.model}' is no longer a number; take a smaller lr than "
            f"{settings.lr or lr:g}."
        )
    return (network if average is None else average.average).eval()


def _logits(network: nn.Module, forward: Callable[[Tensor], Tensor], parts: list[Tensor], separate: bool) -> Tensor:
    """Return the logits of all parts, real ones first; a second part goes alone, without touching kept statistics."""
    parts = [part.contiguous(memory_format=torch.channels_last) if part.ndim == 4 else part for part in parts]
    if len(parts) == 1 or not separate or len(parts[1]) < FEWEST_ALONE:
        return forward(torch.cat(parts))
    logits = forward(parts[0])
    with _kept_statistics(network):
        return torch.cat([logits, forward(parts[1])])


@contextmanager
def _kept_statistics(network: nn.Module) -> Iterator[None]:
    """Let batch norm use the statistics of what it sees without keeping any of them."""
    norms = norms_of(network)
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, tracked) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, tracked


def _parameter_groups(network: nn.Module, decay: float) -> list[dict[str, object]]:
    """Return AdamW's groups: weights, which decay, and norms and biases, which do not."""
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    return [
        {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": decay},
        {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
    ]


def _schedule(step: int, steps: int, warm_up: float) -> float:
    """Return the step size's factor: up over the first part, then down to 0 along a cosine."""
    done = (step + 0.5) / steps
    return done / warm_up if done < warm_up else 0.5 + 0.5 * math.cos(math.pi * (done - warm_up) / (1 - warm_up))


def _prepare(
    network: Lite0Classifier, batches: dict[str, ImageBatches], settings: ClassifierSettings, seed: int
) -> None:
    """Work out the features that a probe is trained on, and by which the layer's input is standardised."""
    first = batches.get("real", batches.get("generated"))
    assert first is not None
    for batch in batches.values():
        if isinstance(batch, FeatureBatches):
            batch.look(network, settings.views, seed)
    if isinstance(first, FeatureBatches):
        network.standardise(first.images)
    else:
        with torch.no_grad():
            network.standardise(network.features(to_unit(first.images[:PREDICT_BATCH])))


def _check(
    real: Material | None, generated: Material | None, classes: int, wants_real: bool, wants_generated: bool
) -> tuple[int, tuple[int, int]]:
    """Return channels and (height, width) of the images that will be shown."""
    wanted = {"real": (real, wants_real), "generated": (generated, wants_generated)}
    shapes = {}
    for kind, (material, asked) in wanted.items():
        if not asked:
            continue
        if material is None:
            raise DataUnusableError(f"{kind} images are to be shown, but none were given.")
        material.check(classes, kind)
        shapes[kind] = tuple(material.images.shape[1:])
    if len(set(shapes.values())) != 1:
        raise DataUnusableError(f"real and generated images differ in (channels, height, width): {shapes}.")
    channels, height, width = next(iter(shapes.values()))
    return channels, (height, width)
