"""Interpolate: what lies between images of a generator, and along the directions in which they change most.

Latents are drawn from N(0, 1), where nearly all have one length; the way between two of them keeps it (spherical
interpolation: White 2016, 1609.04468).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from flawforge.core.errors import ExtraMissingError, RunExistsError, SettingError, did_you_mean
from flawforge.core.files import write_bytes
from flawforge.core.images import Pixels, as_picture, encode_png, grid, to_pixels
from flawforge.core.locks import FolderLock
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.models.directions import principal_directions
from flawforge.models.latents import draw_latents, generated_images
from flawforge.runs.checkpoint import BEST, load_weights
from flawforge.runs.folder import Run
from flawforge.runs.generator.projections import DIRECTIONS, INTERPOLATION
from flawforge.studies.synthesis import Sampler, makeable_classes, refuse_without_latent
from flawforge.training.processes.device import resolve_device

FORMATS = (".png", ".gif", ".mp4")
IMAGES = (0, 1, 2, 3)
STEPS = 8
STRENGTH = 3.0
RATE = 12  # pictures a second
SMALLEST = 256  # side of a film, at least


def interpolate(
    run: Run | str | Path,
    images: Sequence[int] = IMAGES,
    *,
    directions: Sequence[int] = (),
    strength: float = STRENGTH,
    truncation: float | None = None,
    label: str | None = None,
    seed: int = 0,
    steps: int = STEPS,
    out: str | Path | None = None,
    checkpoint: str | int = BEST,
    overwrite: bool = False,
    device: str = "auto",
    progress: Progress = SILENT,
) -> Path:
    """Draw what lies between images of a generator, or along directions: as a grid, or as a film that ends where it
    begins.

    Args:
        run: a run with a checkpoint.
        images: numbers of at least two images (with `directions` one), as `generate` counts them for `seed`.
        directions: numbers of principal directions, from 1, that which changes images most: each image goes from
            -`strength` to `strength` along each of them (`flawforge.models.directions`). Empty: between the images.
        strength: how far, in standard deviations of the latent.
        truncation: as of `generate`.
        label: their class; None takes the first.
        seed: of the set.
        steps: from one image to the next, or from one end of a direction to the other.
        out: the file; its ending says what it is: ``.png`` a grid with a row for each pair, or each direction and
            image, ``.gif`` or ``.mp4`` a film. None writes ``interpolation.png`` or ``directions.png`` into the run's
            folder, which the report shows.
        checkpoint: ``best`` as training judged it, ``newest``, or the number of a step that is there.
        overwrite: replace the file.
        device: ``auto``, ``cpu``, ``cuda``, ...
        progress: where to tell how far it is.

    Returns:
        The file.

    Raises:
        RunNotFoundError: no run, or no checkpoint in it. SettingError: an argument, or the recipe has no latent.
        ExtraMissingError: imageio-ffmpeg is not installed, for ``.mp4``.
        RunExistsError: the file is there (without `overwrite`). FolderBusyError: another process draws in its folder.
        RunUnwritableError, DiskFullError: the disk.
        DeviceError: no such device.
    """
    check_numbers(steps=steps, seed=seed, strength=strength, truncation=truncation)
    run = run if isinstance(run, Run) else Run.open(run)
    refuse_without_latent(run, "interpolate")
    file = run.path / (DIRECTIONS if directions else INTERPOLATION) if out is None else Path(out)
    _check(run, images, directions, label, file, overwrite)
    labels = makeable_classes(run, None)
    label = label or labels[0]
    weights, tensors = load_weights(run, checkpoint, progress)
    sampler = Sampler(run, weights, resolve_device(device), tensors)
    ends = draw_latents(seed, "samples", [(label, number) for number in images], sampler.recipe.latent, truncation)
    film = file.suffix.lower() != ".png"
    number = sampler.classes.index(label) if sampler.recipe.knows_classes else 0
    with progress.task("generating", None):
        if directions:
            found = principal_directions(sampler.network, ends.shape[1], number, sampler.batch, sampler.device)
            way = _along(ends, found[[one - 1 for one in directions]], strength, steps, film)
        else:
            way = _from_each_to_the_next(ends, steps, film)
        numbers = torch.full((len(way),), number)
        made = generated_images(sampler.network, way, numbers, sampler.batch, sampler.device).cpu().numpy()
    pictures = [as_picture(to_pixels(one)) for one in made]
    with FolderLock(file.parent, "interpolation", "flawforge interpolate", None, progress):
        _refuse_taken(file, overwrite)
        if file.suffix.lower() == ".mp4":
            _mp4(pictures, file)
        else:
            write_bytes(file, _gif(pictures) if film else _grid(pictures, steps + 1))
    return file


def part_way(a: Tensor, b: Tensor, parts: Tensor) -> Tensor:
    """Return (N, L) latents at `parts` (N,) of the way from a to b, (L,), along the great circle.

    Where the two point the same way, or opposite ways, it is the straight line.
    """
    cosine = torch.dot(a, b) / (a.norm() * b.norm())
    angle = torch.acos(cosine.clamp(-1, 1))
    parts = parts[:, None]
    if float(torch.sin(angle)) < 1e-4:
        return (1 - parts) * a + parts * b
    return (torch.sin((1 - parts) * angle) * a + torch.sin(parts * angle) * b) / torch.sin(angle)


def _from_each_to_the_next(ends: Tensor, steps: int, film: bool) -> Tensor:
    """Return the latents of a grid's rows, or of a film, which also goes from the last to the first."""
    pairs = [(a, b) for a, b in zip(ends, ends.roll(-1, 0), strict=True)][: len(ends) if film else len(ends) - 1]
    parts = torch.arange(steps) / steps if film else torch.linspace(0, 1, steps + 1)
    return torch.cat([part_way(a, b, parts) for a, b in pairs])


def _along(ends: Tensor, directions: Tensor, strength: float, steps: int, film: bool) -> Tensor:
    """Return the latents of a grid's rows, a row for each direction and image, or of a film, which goes there and
    back.
    """
    parts = torch.linspace(-strength, strength, steps + 1)
    parts = torch.cat([parts, parts.flip(0)[1:-1]]) if film else parts
    return torch.cat([end + parts[:, None] * direction for direction in directions for end in ends])


def _check(
    run: Run, images: Sequence[int], directions: Sequence[int], label: str | None, file: Path, overwrite: bool
) -> None:
    if len(images) < (1 if directions else 2) or min(images) < 0:
        raise SettingError("--images names at least two images by their numbers, from 0, such as 0,5,9.")
    if directions and not 1 <= min(directions) <= max(directions) <= run.recipe.latent:
        raise SettingError(f"--directions names directions by their numbers, from 1 to {run.recipe.latent}.")
    labels = makeable_classes(run, None)
    if label is not None and label not in labels:
        raise SettingError(f"--class is '{label}'; allowed: {', '.join(labels)}.{did_you_mean(label, labels)}")
    if file.suffix.lower() not in FORMATS:
        raise SettingError(f"--out is {file}; it ends in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")
    if file.suffix.lower() == ".mp4" and find_spec("imageio_ffmpeg") is None:
        raise ExtraMissingError("a film as .mp4", "film")
    _refuse_taken(file, overwrite)


def _refuse_taken(file: Path, overwrite: bool) -> None:
    if file.exists() and not overwrite:
        raise RunExistsError(f"{file} is there already. Add --overwrite to replace it, or give another --out.")


def _grid(pictures: list[Pixels], columns: int) -> bytes:
    sheet = grid(pictures, columns)
    return encode_png(sheet, "L" if sheet.ndim == 2 else "RGB")


def _enlarged(picture: Pixels) -> Pixels:
    """Return a picture enlarged by a whole number, of even sides."""
    times = max(1, -(-SMALLEST // min(picture.shape[:2])))
    large = np.repeat(np.repeat(picture, times, 0), times, 1)
    return large[: large.shape[0] // 2 * 2, : large.shape[1] // 2 * 2]


def _gif(pictures: list[Pixels]) -> bytes:
    frames = [Image.fromarray(_enlarged(picture)) for picture in pictures]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=1000 // RATE, loop=0)
    return out.getvalue()


def _mp4(pictures: list[Pixels], file: Path) -> None:
    frames = [_enlarged(picture) for picture in pictures]
    height, width = frames[0].shape[:2]
    writer = import_module("imageio_ffmpeg").write_frames(
        str(file), (width, height), "gray" if frames[0].ndim == 2 else "rgb24", fps=RATE, macro_block_size=2
    )
    writer.send(None)
    for frame in frames:
        writer.send(np.ascontiguousarray(frame))
    writer.close()
