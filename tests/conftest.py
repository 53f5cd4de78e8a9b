"""Shared by all rooms: quiet threads, drawn images, and a run as training leaves it, without the training."""

from __future__ import annotations

import os
import shutil

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: idle threads sleep instead of spinning
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as many tests run at a time as there are cores

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from flawforge.core.errors import speak_of_options

speak_of_options()  # tests read messages as the command line shows them; test_errors.py reads those of Python

settings.register_profile("any machine", deadline=None)  # a busy one may stall for any time in any test
settings.load_profile("any machine")

MakeRun = Callable[..., Any]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Give Debian's Chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Debian's chromium (apt install chromium)")
    with api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is worked out of images apart from that of other tests."""
    monkeypatch.setenv("FLAWFORGE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def own_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every image for one of a specimen of its own, without looking."""
    name = "flawforge.data.dataset.Dataset.groups"
    monkeypatch.setattr(name, lambda self, progress=None: np.arange(len(self), dtype=np.int64))


@pytest.fixture
def draw_images() -> Callable[..., Path]:
    """Give a function that draws a folder of images that resemble scratches: bright lines on a gray, uneven ground."""
    return _draw_images


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Give a function that leaves a run folder as `train` does, of a small generator with random weights."""

    def make(data: Any = None, name: str = "run", seed: int = 0, **changes: Any) -> Any:
        from flawforge.data.reading.load import load

        if data is None:
            data = tmp_path / "data"
            if not data.exists():
                _draw_images(data / "scratches", 12)
        return _leave_run(tmp_path / name, load(data), seed, changes)

    return make


@pytest.fixture
def quick_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an audit find copies that lie straight and at full size alone, of fewer planted ones, in a tenth of its time.

    For tests of what an audit does, not of what it finds.
    """
    from flawforge.metrics.copying.placement import Pose

    monkeypatch.setattr("flawforge.metrics.copying.placement.POSES", (Pose(1.0, 0.0),))
    monkeypatch.setattr("flawforge.metrics.copying.copy_score.HYPOTHESES", 1)
    monkeypatch.setattr("flawforge.metrics.copying.copy_score.STEPS", (1, 1))
    monkeypatch.setattr("flawforge.studies.copies.search.PLANTED", 2)
    monkeypatch.setattr("flawforge.studies.copies.patches.PLANTED", 2)


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the charts of a report empty: for tests of when it is drawn, not of what it shows."""
    monkeypatch.setattr("flawforge.reports.markup.draw", lambda chart: "<svg></svg>")


def _draw_images(
    folder: Path, n: int, *, sizes: tuple[tuple[int, int], ...] = ((20, 24),), mode: str = "L", seed: int = 0
) -> Path:
    """Draw `n` PNG files of (height, width) in turn from `sizes`; `mode` is L, RGB (in colour) or I;16 (12 bits)."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i in range(n):
        height, width = sizes[i % len(sizes)]
        ground = rng.uniform(60, 160) + 20 * rng.standard_normal((height, width))
        ground[rng.integers(height)] += 80
        values = np.clip(ground, 0, 255)
        if mode == "RGB":
            pixels = np.stack([values, values * 0.8, values * 0.5], axis=-1).astype(np.uint8)
        else:
            pixels = (values * 16).astype(np.uint16) if mode == "I;16" else values.astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{folder.name}_{i:03d}.png")
    return folder


def _leave_run(path: Path, data: Any, seed: int, changes: dict[str, Any]) -> Any:
    import torch

    from flawforge.core.seeds import torch_stream
    from flawforge.core.settings.recipes import recipe
    from flawforge.models.build import build_generator, initialise
    from flawforge.runs.checkpoint import save_checkpoint
    from flawforge.runs.folder import Run
    from flawforge.runs.run_settings import RunSettings, Selection
    from flawforge.training.setup.first_settings import describe_data

    small = {"resolution": 16, "generator_depth": 4, "discriminator_depth": 4, "ema_kimg": 0}
    asked = recipe("dcgan-lite", **{**small, **changes})
    channels = data.channels if asked.channels == "data" else asked.channels
    run = Run.create(
        path,
        RunSettings(
            recipe=asked.dump(),
            channels=channels,
            minutes=None,
            steps=1,
            data=describe_data(data),
            selection=Selection(classes=None, shots=None),
            seed=seed,
            command="flawforge train",
        ),
    )
    generator = build_generator(asked, channels, len(data.classes))
    initialise(generator, torch_stream(seed, "weights", "generator"))
    for layer in generator.modules():
        if hasattr(layer, "running_var"):  # as if the statistics had been gathered: the outputs are not all gray
            layer.running_var.fill_(0.05)
            layer.momentum = 1.0
    if asked.design == "fewshot":  # whose outputs would be black and white
        generator(
            torch.randn(16, asked.latent, generator=torch_stream(seed, "latents", 0)),
            torch.arange(16) % len(data.classes),
        )
    tensors = {f"generator.{key}": value for key, value in generator.state_dict().items()}
    save_checkpoint(run, 1, tensors, {"kimg": 0.012, "seconds": 1.0, "stopped": "kimg"})
    return run
