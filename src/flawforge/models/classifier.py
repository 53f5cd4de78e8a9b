"""Inspection models: the networks that a trial trains, by name.

=====================  ====================================================================================  =========
name                   network                                                                               trained
=====================  ====================================================================================  =========
``small-cnn``          four convolutions with batch norm on the standardised image, mean over all places     all
``effnet-probe``       a linear layer on frozen EfficientNet-Lite0 maps, their means and deviations          the layer
``effnet-focus``       a linear layer on such maps where an image differs most from good ones                the layer
``effnet-finetune``    the same network, all of it trained on, its batch norm folded and so kept as it was   all
``module:factory``     whatever the user's factory returns                                                   all
=====================  ====================================================================================  =========

All map float images (N, C, H, W) in [-1, 1] to logits (N, classes).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flawforge.core.arrays import Floats
from flawforge.core.callables import call, named_callable
from flawforge.core.errors import SettingError, did_you_mean
from flawforge.core.seeds import derive, torch_stream
from flawforge.core.settings.classifiers import CLASSIFIERS
from flawforge.models.efficientnet import SMALLEST, WIDTHS, load_backbone
from flawforge.models.memory_bank import WIDTH, MemoryBank

DEPTHS = (32, 64, 128, 256)  # channels of the small network
FLAT = 0.02  # deviation, of 2, below which an image is not stretched any further: there is nothing in it but noise
PROBE_SIDE = 128  # pixels: smaller images are enlarged to it; what the frozen features tell apart grows with it
EVEN = 1e-3  # deviation below which a map counts as even; also keeps the gradient of the root finite
NEAR = 1.0  # mean distance below which an image is one of the bank: where it is farthest means nothing
FAR = 24  # positions of an image, those that differ most from good ones, that the focused network looks at
STAGE = 5  # of EfficientNet-Lite0, whose pooled maps tell textures apart best


class SmallCNN(nn.Module):
    """A texture classifier of 0.4 M weights that learns from scratch in half a minute on one core.

    Every image is first standardised to mean 0 and deviation 1: with few images a class, exposure would else be learned
    as a sign of the class. A 5x5 convolution of stride 2, three of 3x3, each with batch norm and ReLU, halved between.
    """

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = channels
        for index, width in enumerate(DEPTHS):
            kernel, stride = (5, 2) if index == 0 else (3, 1)
            layers.append(nn.Conv2d(before, width, kernel, stride, kernel // 2, bias=False))
            halved = [nn.MaxPool2d(2)] if index < len(DEPTHS) - 1 else []  # before ReLU, which then has less to do
            layers += [nn.BatchNorm2d(width), *halved, nn.ReLU(inplace=True)]
            before = width
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Linear(before, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W) to logits (N, classes)."""
        out: Tensor = self.classifier(self.features(images))
        return out

    def features(self, images: Tensor) -> Tensor:
        """Return (N, 256), the mean of each map over all places, of images (N, C, H, W)."""
        pooled: Tensor = self.layers(standardise(images)).mean((2, 3))
        return pooled


def standardise(images: Tensor) -> Tensor:
    """Return (N, C, H, W) with mean 0 and deviation 1 in each image, over channels and places alike."""
    centred = images - images.mean((1, 2, 3), keepdim=True)
    return centred / (centred.square().mean((1, 2, 3), keepdim=True) + FLAT**2).sqrt()


class Lite0Classifier(nn.Module):
    """A linear layer on the standardised means and deviations, over all places, of EfficientNet-Lite0's fifth stage.

    112 maps make 224 numbers. The deviation tells what a mean loses: that a few places differ from the rest.

    Args:
        classes: logits.
        trained: whether the network below the layer learns too; its batch norm stays folded either way.
    """

    width = 2 * WIDTHS[STAGE - 1]

    def __init__(self, classes: int, trained: bool) -> None:
        super().__init__()
        self.backbone = load_backbone()
        self.backbone.requires_grad_(trained)
        self.side = SMALLEST if trained else PROBE_SIDE
        for part in (*self.backbone.stages[STAGE:], self.backbone.head, self.backbone.classifier):
            part.requires_grad_(False)
        self.register_buffer("mean", torch.zeros(self.width))
        self.register_buffer("deviation", torch.ones(self.width))
        self.mean: Tensor
        self.deviation: Tensor
        self.classifier = nn.Linear(self.width, classes)

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps of stages 1 to 5 of (N, 1 or 3, H, W) images; small ones are enlarged in proportion first."""
        return [found.float() for found in self.backbone.forward_stages(with_side(images, self.side), STAGE)]

    def features(self, images: Tensor) -> Tensor:
        """Return (N, 224) pooled maps of images (N, 1 or 3, H, W)."""
        return means_and_deviations(self.maps(images)[-1])

    def look(self, changed: Tensor, originals: Tensor) -> Tensor:
        """Return the features to train on of changed images, (N, C, H, W) as `features` takes them.

        Args:
            changed: the images.
            originals: (N, C, H, W) uint8 what they were before.
        """
        return self.features(changed)

    @torch.no_grad()
    def standardise(self, features: Tensor) -> None:
        """Take mean and deviation of (M, 224) features as those that the layer's input is standardised by."""
        self.mean.copy_(features.mean(0))
        self.deviation.copy_(features.std(0).clamp_min(1e-6))

    def head(self, features: Tensor) -> Tensor:
        """Map features (N, 224) to logits (N, classes)."""
        out: Tensor = self.classifier((features.float() - self.mean) / self.deviation)
        return out

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 1 or 3, H, W) to logits (N, classes)."""
        return self.head(self.features(images))


class Mirrored(nn.Module):
    """A finished classifier that judges an image and its mirror image, and takes the mean of both.

    Args:
        network: maps images (N, C, H, W) to logits (N, K).
        axis: 3 mirrors left and right, 2 top and bottom.
    """

    def __init__(self, network: nn.Module, axis: int) -> None:
        super().__init__()
        self.network, self.axis = network, axis

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W) to logits (N, K)."""
        mean: Tensor = (self.network(images) + self.network(images.flip(self.axis))) / 2
        return mean


class ShiftedLogits(nn.Module):
    """A finished classifier whose logits are shifted by class, so that every use of it has the shift.

    Args:
        network: maps images (N, C, H, W) to logits (N, K).
        shift: (K,) that is added.
    """

    def __init__(self, network: nn.Module, shift: Floats) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("shift", torch.from_numpy(shift).float().to(next(network.parameters()).device))
        self.shift: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W) to logits (N, K)."""
        logits: Tensor = self.network(images)
        return logits + self.shift


def with_side(images: Tensor, side: int) -> Tensor:
    """Return (N, C, H, W) images in proportion so that neither side is shorter than `side` pixels."""
    height, width = map(int, images.shape[2:])  # numbers, also where the network is traced for ONNX
    if min(height, width) >= side:
        return images
    factor = side / min(height, width)
    size = (round(height * factor), round(width * factor))
    return F.interpolate(images, size, mode="bilinear", align_corners=False)


def means_and_deviations(maps: Tensor) -> Tensor:
    """Return (N, 2 C), mean and deviation of each of the maps (N, C, h, w) over all positions."""
    return torch.cat([maps.mean((2, 3)), (maps.var((2, 3), correction=0) + EVEN**2).sqrt()], 1)


class FocusClassifier(Lite0Classifier):
    """A linear layer on the features of the few positions of an image that differ most from all that good images show.

    A mean over the image drowns a defect of 20 pixels. Here the patches of the `FAR` positions that are farthest from a
    memory bank of good patches are averaged, each weighted by its distance; beside them stand the distances, and the
    pooled maps of the whole image.

    Args:
        classes: logits.
    """

    width = WIDTH + FAR + Lite0Classifier.width  # a multiple of 16: a product's row then depends on nothing but itself

    def __init__(self, classes: int) -> None:
        super().__init__(classes, trained=False)
        self.bank = MemoryBank()
        self.good: dict[bytes, int] = {}  # content of a good image to its number in the bank; not stored

    def features(self, images: Tensor, own: Tensor | None = None) -> Tensor:
        """Return (N, 400) features of images (N, 1 or 3, H, W); `own` as of `MemoryBank.farthest`."""
        maps = self.maps(images)
        distances, far = self.bank.farthest(self.bank.patches(maps), FAR, own)
        weights = distances / distances.sum(1, keepdim=True).clamp_min(FAR * NEAR)
        focus = (far * weights[:, :, None]).sum(1)
        return torch.cat([focus, distances, means_and_deviations(maps[-1])], 1)

    @torch.no_grad()
    def remember(self, good: Tensor, seed: int) -> None:
        """Fill the memory bank from good training images, (N, C, H, W) uint8, N from 1; `seed` is of its coreset."""
        self.bank.remember(good, self.maps, seed)
        self.good = {image.cpu().numpy().tobytes(): number for number, image in enumerate(good)}

    def look(self, changed: Tensor, originals: Tensor) -> Tensor:
        """As `Lite0Classifier.look`. A good image of the bank is compared with the others in it: beside itself it would
        seem better than any good image that comes later.
        """
        numbers = [self.good.get(image.cpu().numpy().tobytes(), -1) for image in originals]
        return self.features(changed, torch.tensor(numbers, device=changed.device))


def build_classifier(name: str, classes: int, channels: int, resolution: tuple[int, int], seed: int) -> nn.Module:
    """Return an untrained classifier, on the CPU in float32.

    Args:
        name: one of `CLASSIFIERS`, or ``module:factory``; the factory is called with (classes, channels, resolution)
            and returns a `torch.nn.Module` that maps (N, channels, H, W) to (N, classes).
        classes: logits, from 2.
        channels: 1 or 3.
        resolution: (height, width) of the images.
        seed: of the first weights (stream ``weights``). A factory's draws from PyTorch's global generator are seeded
            by it, and the generator is put back.

    Raises:
        SettingError: no such model, or the factory cannot be imported, fails, or returns no module that maps two
            images to finite logits (2, classes).
        WeightsMissingError: the package with the feature network's weights is not whole.
    """
    if ":" in name:
        return from_factory(name, classes, channels, resolution, seed, (2, classes), f"for {classes} classes")
    if name not in CLASSIFIERS:
        raise SettingError(
            f"model is '{name}'; allowed: {', '.join(CLASSIFIERS)}, or module:factory for one of your own."
            f"{did_you_mean(name, CLASSIFIERS)}"
        )
    if name == "small-cnn":
        network: nn.Module = SmallCNN(classes, channels)
        _initialise(network, torch_stream(seed, "weights", "classifier"))
        return network
    network = (
        FocusClassifier(classes) if name == "effnet-focus" else Lite0Classifier(classes, name == "effnet-finetune")
    )
    nn.init.zeros_(network.classifier.weight)
    nn.init.zeros_(network.classifier.bias)
    return network


@torch.no_grad()
def _initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw convolutions from N(0, 2 / fan out) (He et al. 2015), the last layer from ±1 / sqrt(fan in)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            fan = layer.weight.shape[0] * layer.weight[0, 0].numel()
            layer.weight.normal_(0, math.sqrt(2 / fan), generator=generator)
        elif isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.zero_()


def from_factory(
    name: str, classes: int, channels: int, resolution: tuple[int, int], seed: int, wanted: tuple[int, ...], why: str
) -> nn.Module:
    """Return a network of the user's; `wanted` is the shape of its logits for two images, and `why`. Other arguments,
    and errors, as of `build_classifier`.
    """
    factory = named_callable(name, "model")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "weights", "classifier"))
        network = call(factory, name, "model", classes, channels, resolution)
        if not isinstance(network, nn.Module):
            raise SettingError(f"model is '{name}', which returned {type(network).__name__}, not a torch.nn.Module.")
        _try_out(
            network,
            name,
            (wanted, why),
            torch.linspace(-1, 1, 2 * channels * math.prod(resolution)).view(2, channels, *resolution),
        )
    return network


@torch.no_grad()
def _try_out(network: nn.Module, name: str, wanted: tuple[tuple[int, ...], str], images: Tensor) -> None:
    """Refuse a network of the user's that cannot serve, by two images that move no statistic of it."""
    modes = {part: part.training for part in network.modules()}
    shape = tuple(images.shape)
    try:
        logits = network.eval()(images)
    except Exception as error:
        raise SettingError(
            f"model is '{name}', whose network fails on images {shape}: {type(error).__name__}: {error}"
        ) from error
    finally:
        for part, training in modes.items():
            part.training = training
    told = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if told != wanted[0]:
        raise SettingError(
            f"model is '{name}', whose network maps images {shape} to {told}; {wanted[1]} it must be "
            f"{wanted[0]}. The factory is called with (classes, channels, resolution): use its first argument."
        )
    if not torch.isfinite(logits).all():
        raise SettingError(f"model is '{name}', whose network gives logits that are not finite before any training.")
