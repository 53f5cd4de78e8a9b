"""Small drawn datasets for trials, and generators whose worth is known."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flawforge.core.errors import TrainingDivergedError
from flawforge.data.dataset import Dataset
from flawforge.runs.trials import TrialRecord
from flawforge.studies.trial.setup.test_split import Division, Textures, divide

SIDE = 32
CLASSES = ("dots", "stripes", "waves")
Bytes = NDArray[np.uint8]
SMALL: dict[str, Any] = {  # a trial of seconds
    "shots": (3,),
    "resolution": (32, 32),
    "steps": 30,
    "batch": 12,
    "made": 20,
    "share": 0.75,
    "folds": 0,
    "policy": "none",
    "models": ("trial_material:small_network",),
    "workers": 1,
}


def draw(label: str, rng: np.random.Generator) -> Bytes:
    """One image: a texture that tells the class, faintly, under noise."""
    y, x = np.mgrid[:SIDE, :SIDE]
    phase, size = rng.uniform(0, 6.28), rng.uniform(0.55, 0.75)
    wave = {
        "good": 0 * x,
        "stripes": np.sin(size * x + phase),
        "waves": np.sin(size * (x + y) * 0.7 + phase),
        "dots": np.sin(size * x + phase) * np.sin(size * y + phase),
    }[label]
    image = rng.uniform(90, 160) + rng.uniform(4, 9) * wave + rng.normal(0, 22, (SIDE, SIDE))
    return np.asarray(image.clip(0, 255), dtype=np.uint8)


def draw_dataset(root: Path, per_class: int = 24, seed: int = 0, classes: tuple[str, ...] = CLASSES) -> Path:
    """A folder a class."""
    rng = np.random.default_rng(seed)
    for label in classes:
        (root / label).mkdir(parents=True)
        for index in range(per_class):
            Image.fromarray(draw(label, rng)).save(root / label / f"{index:03d}.png")
    return root


def oracle(data: Any, n: int, seed: int) -> dict[str, Bytes]:
    """A perfect generator: fresh images of each class."""
    rng = np.random.default_rng(seed + 10_000)
    return {label: np.stack([draw(label, rng) for _ in range(n)]) for label in data.classes}


def talker(data: Any, n: int, seed: int) -> dict[str, Bytes]:
    """The oracle around a program of its own that reads what it is told, and writes much, in no encoding."""
    program = "import os, sys; sys.stdin.read(); print('epoch 1 loss 0.3'); os.write(2, b'\\xff\\xfe' * 60_000)"
    subprocess.run([sys.executable, "-S", "-c", program], check=True)
    os.write(1, b"[warning] a line of a C library\n")
    return oracle(data, n, seed)


def stumbler(data: Any, n: int, seed: int) -> dict[str, Bytes]:
    """The oracle, three times; then it diverges, however often it is asked. It counts in the folder MARKS."""
    marks = Path(os.environ["MARKS"])
    if len(list(marks.iterdir())) >= 3:
        raise TrainingDivergedError("the loss is no number any more")
    (marks / str(seed)).touch()
    return oracle(data, n, seed)


def repeater(data: Any, n: int, seed: int) -> dict[str, Bytes]:
    """A generator that only repeats its shots, but for a gray level here and there: there is nothing to gain."""
    rng = np.random.default_rng(seed)
    out = {}
    for code, label in enumerate(data.classes):
        rows = rng.choice(np.flatnonzero(data.labels == code), n)
        out[label] = np.stack([data.read(int(i)) ^ rng.integers(0, 2, (SIDE, SIDE), np.uint8) for i in rows])
    return out


def swapper(data: Any, n: int, seed: int) -> dict[str, Bytes]:
    """A generator that takes each class for the next one: it can only hurt."""
    made = oracle(data, n, seed)
    names = list(data.classes)
    return {label: made[names[(place + 1) % len(names)]] for place, label in enumerate(names)}


def thief(data: Any, n: int, seed: int) -> dict[str, Bytes]:
    """A generator that reads the whole folder, test images too."""
    root = Path(os.environ["TRIAL_THIEF"])
    out = {}
    for label in data.classes:
        files = sorted((root / label).glob("*.png"))
        out[label] = np.stack([np.asarray(Image.open(files[i % len(files)]))[:, ::-1] for i in range(n)])
    return out


def slow_network(classes: int, channels: int, resolution: tuple[int, int]) -> Any:
    """The small network on a busy machine: says in the folder MARKS on which node of a cluster it is, and waits."""
    if "MARKS" in os.environ:
        import ray

        node = ray.get_runtime_context().get_node_id()
        (Path(os.environ["MARKS"]) / f"{node}-{time.time_ns()}").touch()
        time.sleep(2.5)
    return small_network(classes, channels, resolution)


def small_network(classes: int, channels: int, resolution: tuple[int, int]) -> Any:
    """A classifier that learns these textures in a second: the power of each wave, and one layer."""
    from torch import Tensor, fft, log1p, nn

    class Waves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64 * channels, classes)
            nn.init.zeros_(self.layer.weight)

        def forward(self, images: Tensor) -> Tensor:
            power = log1p(fft.fft2(images - images.mean((2, 3), keepdim=True)).abs()[..., :8, :8])
            out: Tensor = self.layer(10 * (power.flatten(1) - 1.5))
            return out

    return Waves()


def light_network(classes: int, channels: int, resolution: tuple[int, int]) -> Any:
    """A classifier that sees how light an image is, and a little of the direction of its stripes."""
    from torch import Tensor, nn, stack

    class Lights(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, classes)
            nn.init.zeros_(self.layer.weight)

        def forward(self, images: Tensor) -> Tensor:
            down, right = images.diff(dim=2).abs().mean((1, 2, 3)), images.diff(dim=3).abs().mean((1, 2, 3))
            out: Tensor = self.layer(stack([6 * images.mean((1, 2, 3)), (down - right) / (down + right + 1e-3)], 1))
            return out

    return Lights()


def pictures(dataset: Dataset) -> list[np.ndarray]:
    """All images of a dataset."""
    return [dataset.read(i) for i in range(len(dataset))]


def divided(dataset: Dataset, seed: int = 0) -> tuple[Division, Textures]:
    """Half of a dataset's images set aside, as a trial does it."""
    textures = Textures(pictures(dataset), dataset.groups())
    return divide(dataset, textures, 0.5, 4, seed), textures


def scrubbed(record: TrialRecord) -> dict[str, Any]:
    """All but when and how long."""
    value = record.model_dump(mode="json")
    for key in ("made", "seconds", "command"):
        value.pop(key)
    for one in value["results"]:
        one.pop("seconds")
    return value
