"""Training of an inspection model on real images, and on generated ones beside them.

Every arm of a trial comes through here, with the same settings: the same number of optimiser steps, the same images in
a batch, the same transforms. What differs is what the images are, and how many of a batch are generated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.core.seeds import derive
from flawforge.core.settings.classifiers import ClassifierSettings
from flawforge.models.classifier import FocusClassifier, Lite0Classifier, build_classifier
from flawforge.training.classifier.batches import FeatureBatches, ImageBatches
from flawforge.training.classifier.descent import Descent
from flawforge.training.classifier.labelled_images import (
    LabelledImages,
    as_unit_floats,
    good_images,
    in_equal_batches,
    shown_shares,
)
from flawforge.training.processes.device import resolve_precision
from flawforge.training.state.state import MovingAverage


def norms_of(network: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """Return the network's batch norms that keep statistics."""
    return [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]


BEST = {  # lr, weight decay
    "small-cnn": (2e-3, 0.05),
    "effnet-probe": (1e-2, 0.05),
    "effnet-focus": (1e-2, 0.05),
    "effnet-finetune": (2e-4, 0.05),
}
FROZEN = ("effnet-probe", "effnet-focus")  # whose features are worked out once
OWN = (1e-3, 0.05)  # of a user's network
MIN_OWN_PASS = 4  # generated images that get a pass of their own: the statistics of fewer mean little
PREDICT_BATCH = 64
FEWEST_SHOWN = 1e-4  # share of a class below which the loss is adjusted no further


def fit(
    settings: ClassifierSettings,
    real: LabelledImages | None,
    classes: int,
    seed: int,
    generated: LabelledImages | None = None,
    share: float = 0.0,
    device: torch.device | None = None,
    good: int | None = None,
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
        device: None is the CPU.
        good: number of the class of images without a defect, for models that compare with such images (`NEED_GOOD`);
            None: there is none.

    Raises:
        SettingError: an unknown model or policy. DataUnusableError: a model that needs good images, and none are there.
        TrainingDivergedError: the loss is no longer a number.
    """
    device = device or torch.device("cpu")
    count = math.floor(share * settings.batch + 0.5)
    sizes = {"real": settings.batch - count, "generated": count}
    shown = {
        kind: images
        for kind, images in (("real", real), ("generated", generated))
        if images is not None and sizes[kind]
    }
    channels, height, width = next(iter(shown.values())).images.shape[1:]
    network = build_classifier(settings.model, classes, channels, (height, width), seed).to(device)
    form = FeatureBatches if settings.model in FROZEN else ImageBatches
    batches = [form(images, kind, sizes[kind], settings, classes, seed, device) for kind, images in shown.items()]
    if isinstance(network, FocusClassifier):
        network.remember(good_images(next(iter(shown.values())) if real is None else real, good), seed)
    if isinstance(network, Lite0Classifier):
        _prepare(network, batches, settings, seed)
    with torch.random.fork_rng(devices=[]):  # a user's dropout draws from the global generator
        torch.manual_seed(derive(seed, "augmentation", "dropout"))
        forward: Callable[[Tensor], Tensor] = network
        if isinstance(network, Lite0Classifier) and form is FeatureBatches:
            forward = network.head
        if not settings.adjusted_loss:
            return _train(network, forward, batches, settings, device)
        shares = shown_shares(settings, real, classes, generated, share).clamp_min(FEWEST_SHOWN).log().to(device)
        return _train(network, lambda inputs: forward(inputs) + shares, batches, settings, device)


def predict(network: nn.Module, images: Tensor) -> Tensor:
    """Return (N, K) float32 probabilities on the CPU; an image's row depends on it alone.

    Args:
        network: as `fit` returns it.
        images: (N, C, H, W) uint8.
    """
    device = next(network.parameters()).device
    network.eval()
    return in_equal_batches(images, PREDICT_BATCH, device, lambda shown: network(shown).float().softmax(1))


def _train(
    network: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batches: Sequence[ImageBatches],
    settings: ClassifierSettings,
    device: torch.device,
) -> nn.Module:
    best_lr, best_decay = BEST.get(settings.model, OWN)
    lr, decay = settings.lr or best_lr, best_decay if settings.weight_decay is None else settings.weight_decay
    descent = Descent(network, settings.steps, lr, decay, settings.warm_up)
    average = MovingAverage(network, settings.ema_kimg) if settings.ema_kimg > 0 else None
    bfloat16 = resolve_precision(settings.precision, device) == "bfloat16"
    mix = None
    if settings.transforms.mixes and not isinstance(batches[0], FeatureBatches):
        mix = batches[0].transforms.mix

    for step in range(settings.steps):
        parts = [batch.take(step) for batch in batches]
        if mix is not None:
            parts = [mix(torch.cat([inputs for inputs, _ in parts]), torch.cat([labels for _, labels in parts]), step)]
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            logits = _logits(network, forward, [inputs for inputs, _ in parts])
        labels = torch.cat([labels for _, labels in parts])
        descent.take(F.cross_entropy(logits.float(), labels, reduction="sum") / labels.sum())
        if average is not None:
            average.update((step + 1) * settings.batch, settings.batch)

    descent.check(f"the classifier '{settings.model}' is no longer a number; take a smaller lr than {lr:g}.")
    return (network if average is None else average.average).eval()


def _logits(network: nn.Module, forward: Callable[[Tensor], Tensor], parts: list[Tensor]) -> Tensor:
    """Return the logits of all parts, real ones first. Generated images have a pass of their own, so that batch norm's
    statistics, and what the finished model keeps of them, come from real images (AdvProp's idea). A policy that mixes
    images mixes both kinds with each other, so that there is one part.
    """
    parts = [part.contiguous(memory_format=torch.channels_last) if part.ndim == 4 else part for part in parts]
    if len(parts) == 1 or len(parts[1]) < MIN_OWN_PASS:
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


def _prepare(
    network: Lite0Classifier, batches: Sequence[ImageBatches], settings: ClassifierSettings, seed: int
) -> None:
    """Work out the features that a probe is trained on, and by which the layer's input is standardised."""
    for batch in batches:
        if isinstance(batch, FeatureBatches):
            batch.look(network, settings.views, seed)
    first = batches[0]
    if isinstance(first, FeatureBatches):
        network.standardise(first.images)
    else:
        with torch.no_grad():
            network.standardise(network.features(as_unit_floats(first.images[:PREDICT_BATCH])))
