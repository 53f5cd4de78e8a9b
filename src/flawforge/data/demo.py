"""Drawn photographs of steel with defects: a dataset to try everything on, free of any licence.

Each image is a hot-rolled surface (mottled at several scales, drawn out along the rolling direction, unevenly lit, with
the noise of a camera) with one kind of defect: scale patches, corrosion pits or scratches. No two images share
anything, so that a copy of one is known for a copy. Why they are drawn: docs/decisions/demo.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.ndimage as nd

from flawforge.core.arrays import Floats
from flawforge.core.errors import RunExistsError
from flawforge.core.files import explain_os_errors, write_bytes
from flawforge.core.images import Pixels, encode_png
from flawforge.core.progress import SILENT, Progress
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.bounds import check_numbers

SIDE = 128  # pixels
NUMBER = 200  # images of each class
OCTAVES = ((0.6, 4.5), (1.5, 4.0), (4.0, 4.0), (11.0, 5.0))  # of the mottling: size in pixels, gray levels
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float64)
POINTS = 1200  # along a scratch

Draws = np.random.Generator


def demo_data(folder: str | Path, n: int = NUMBER, *, seed: int = 0, progress: Progress = SILENT) -> Path:
    """Draw a dataset of steel surfaces with defects: a folder for each class, with gray PNG images of 128 x 128 pixels.

    Image i of a class depends on the seed, the class and i alone. Images that are there already are kept, so that an
    interrupted call goes on, and a larger `n` adds to the folder.

    Args:
        folder: where to write; it is made. The classes are its folders `patch`, `pit` and `scratch`.
        n: images of each class, from 1.
        seed: from 0; another seed draws other images.
        progress: where to tell how far it is.

    Returns:
        The folder.

    Raises:
        SettingError: `n` or `seed` is out of range.
        RunExistsError: the folder holds something else.
        RunUnwritableError, DiskFullError: the disk.
    """
    check_numbers(n=n, seed=seed)
    folder = Path(folder)
    if others := sorted(path.name for path in folder.glob("*") if path.name not in DEFECTS):
        raise RunExistsError(f"{folder} holds other files ({others[0]}): give a new folder for the demo images.")
    with progress.task("drawing steel", n * len(DEFECTS), "images") as task:
        for label in DEFECTS:
            with explain_os_errors(folder / label):
                (folder / label).mkdir(parents=True, exist_ok=True)
            for i in range(n):
                file = folder / label / f"{i:03d}.png"
                if not file.is_file():
                    write_bytes(file, encode_png(surface(label, i, seed), "L"), durable=False)
                task.advance()
    return folder


def surface(label: str, index: int, seed: int = 0) -> Pixels:
    """Return (128, 128) uint8: one image of a class of `DEFECTS`."""
    draws = numpy_stream(seed, "demo", label, index)
    image = DEFECTS[label](draws, _steel(draws))
    image = nd.gaussian_filter(image, 0.45)  # the lens
    image += 0.16 * np.sqrt(np.clip(image, 5, 255)) * draws.standard_normal(image.shape)  # the sensor
    return np.asarray(np.clip(np.rint(image), 0, 255), dtype=np.uint8)


def _steel(draws: Draws) -> Floats:
    """Return (128, 128) gray levels of a surface without defects."""
    angle, down, across = draws.uniform(0, 2 * np.pi), ROWS / SIDE - 0.5, COLUMNS / SIDE - 0.5
    light = draws.uniform(95, 150) - draws.uniform(0, 30) * (down**2 + across**2)
    light += draws.uniform(0, 40) * (across * np.cos(angle) + down * np.sin(angle))
    stretch = draws.uniform(1.2, 3.0)
    mottling = sum(
        gray * draws.uniform(0.6, 1.5) * _noise(draws, size, size * stretch) for size, gray in OCTAVES
    ) + draws.uniform(0, 4) * _noise(draws, 0.8, 40)
    return np.asarray(light * (1 + mottling / 125))


def _patch(draws: Draws, image: Floats) -> Floats:
    """Lay patches of scale on a surface: darker, with frayed and slightly bright edges."""
    size = draws.uniform(7, 16)
    form = _noise(draws, size, size * draws.uniform(1, 2))
    form += 0.28 * _noise(draws, 2.5, 3.5) + 0.12 * _noise(draws, 1, 1)
    inside = _step(form - np.quantile(form, draws.uniform(0.55, 0.86)), draws.uniform(7, 16))
    dark = draws.uniform(22, 50) + 4 * _noise(draws, 2, 2) + 3 * _noise(draws, 0.8, 0.8)
    return image - inside * dark + 4 * inside * (1 - inside) * draws.uniform(0, 16)


def _pit(draws: Draws, image: Floats) -> Floats:
    """Sink a cluster of corrosion pits into a surface: dark, with one rim lit and the other in the shade."""
    middle, spread = draws.uniform(0.25, 0.75, 2) * SIDE, draws.uniform(8, 34)
    rough, warp = _noise(draws, 1.2, 1.2), _noise(draws, 2.5, 2.5)
    depth = np.zeros_like(image)
    for _ in range(int(draws.integers(5, 45))):
        row, column = middle + draws.normal(0, spread, 2) * (1.0, 1.3)
        radius, oval = np.clip(draws.lognormal(0.75, 0.55), 1, 8), draws.uniform(0.7, 1.4)
        away = np.hypot((ROWS - row) * oval, (COLUMNS - column) / oval) / radius
        depth = np.maximum(depth, _step(1 - away - 0.22 * warp, 1.6 * radius))
    angle = draws.uniform(0, 2 * np.pi)
    down, across = np.gradient(nd.gaussian_filter(depth, 0.6))
    lit = draws.uniform(20, 60) * (down * np.sin(angle) + across * np.cos(angle))
    return np.asarray(image - depth * (draws.uniform(30, 60) + 8 * rough) + lit)


def _scratch(draws: Draws, image: Floats) -> Floats:
    """Draw one to five scratches of about one direction: a bright groove that comes and goes, with a dark flank."""
    main = draws.normal(0, 0.35) if draws.random() < 0.6 else draws.uniform(0, np.pi)
    flank = draws.choice([-1, 1])
    along = np.linspace(-0.5, 0.5, POINTS)
    for _ in range(int(draws.integers(1, 6))):
        angle, length = main + draws.normal(0, 0.12), draws.uniform(35, 170)
        forward, sideways = np.array([[np.sin(angle), np.cos(angle)], [np.cos(angle), -np.sin(angle)]])
        wobble = draws.uniform(0, 0.6) * _noise_along(draws, 60) + draws.normal(0, 0.025) * length * (1 - 4 * along**2)
        points = draws.uniform(0.1, 0.9, 2) * SIDE + np.outer(along * length, forward) + np.outer(wobble, sideways)
        depth = np.clip(0.75 + 0.45 * _noise_along(draws, draws.uniform(20, 90)), 0, 1.6)
        width, gray = draws.uniform(0.35, 0.95), draws.uniform(30, 85)
        groove = _stroke(points, depth * np.clip((0.5 - np.abs(along)) * 12, 0, 1), width)
        shade = nd.gaussian_filter(nd.shift(groove, (1.5 * width + 0.5, 0), order=1), 0.5)
        image = image + gray * groove - flank * draws.uniform(0.35, 0.77) * gray * shade
    return image


DEFECTS: dict[str, Callable[[Draws, Floats], Floats]] = {"patch": _patch, "pit": _pit, "scratch": _scratch}


def _noise(draws: Draws, down: float, across: float) -> Floats:
    """Return (128, 128) smooth noise of deviation 1; `down` and `across` are its sizes in pixels."""
    values = nd.gaussian_filter(draws.standard_normal((SIDE, SIDE)), (down, across), mode="wrap")
    return np.asarray(values / values.std())


def _noise_along(draws: Draws, size: float) -> Floats:
    """Return smooth noise of deviation 1 along a scratch; `size` is in its points."""
    values = nd.gaussian_filter1d(draws.standard_normal(POINTS), size)
    return np.asarray(values / values.std())


def _step(values: Floats, steepness: float) -> Floats:
    """Return a soft step from 0 (negative values) to 1 (positive ones)."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values * steepness, -50, 50))))


def _stroke(points: Floats, weights: Floats, width: float) -> Floats:
    """Return (128, 128): a line through (P, 2) points, as bright as the (P,) weights, `width` pixels wide (sigma)."""
    canvas = np.zeros((2 * SIDE, 2 * SIDE))
    at = np.rint(2 * points).astype(np.int64)
    seen = ((at >= 0) & (at < 2 * SIDE)).all(axis=1)
    np.maximum.at(canvas, (at[seen, 0], at[seen, 1]), weights[seen])
    canvas = nd.gaussian_filter(canvas, 2 * width) * 2 * np.sqrt(2 * np.pi) * width
    return np.asarray(canvas.reshape(SIDE, 2, SIDE, 2).mean(axis=(1, 3)))
