"""Project an image: the latent whose image is nearest to it, and what the generator cannot show of it.

The search begins at the nearest random images and follows the gradient of the squared difference (Lipton and Tripathi
2017, 1702.04782), in latents no longer than those that are drawn. Whether a distance that is left is the generator's or
the search's is told by a control: images of the generator itself are searched for in the same way.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flawforge.core.arrays import Floats32
from flawforge.core.errors import DataNotFoundError, SettingError, did_you_mean
from flawforge.core.files import explain_os_errors, write_bytes
from flawforge.core.folder_kinds import refuse_taken
from flawforge.core.images import Pixels, as_picture, encode_png, grid, to_pixels, to_unit
from flawforge.core.locks import FolderLock
from flawforge.core.progress import SILENT, Progress
from flawforge.core.settings.bounds import check_numbers
from flawforge.data.classifier_view import seen
from flawforge.data.decode import content_sha256, read_image
from flawforge.models.latents import draw_latents, generated_images
from flawforge.runs.checkpoint import BEST, load_weights
from flawforge.runs.folder import Run
from flawforge.runs.generator.projections import PROJECTION_FILE, PROJECTION_PICTURE, PROJECTIONS, ProjectionRecord
from flawforge.runs.records import write_record
from flawforge.runs.versions import now, versions
from flawforge.studies.synthesis import Sampler, makeable_classes, refuse_without_latent
from flawforge.training.processes.device import resolve_device

STARTS = 256  # random images, of all classes
TRIED = 2  # of them that each search begins at
OWN = 3  # images of the generator itself that are searched for
STEPS = 200
RATE = 0.1  # of Adam, falling to 0 along a cosine
GRAY_LEVELS = 127.5  # in 1, of values from -1 to 1
SIDE = 192  # pixels of a picture's shorter side, at least


def project(
    run: Run | str | Path,
    image: str | Path,
    *,
    label: str | None = None,
    steps: int = STEPS,
    seed: int = 0,
    out: str | Path | None = None,
    checkpoint: str | int = BEST,
    overwrite: bool = False,
    wait: bool = False,
    device: str = "auto",
    command: str = "flawforge.project(...)",
    progress: Progress = SILENT,
) -> ProjectionRecord:
    """Find the latent whose image is nearest to a real image: what is left is what the generator cannot show.

    Args:
        run: a run with a checkpoint.
        image: file of the image; it is brought to the network's size and colours.
        label: class to search in; None searches in all that the generator tells apart.
        steps: of the search.
        seed: of the random images that it begins at.
        out: folder for the record and the picture; None takes ``projections/NAME`` in the run's, which the report
            shows.
        checkpoint: ``best`` as training judged it, ``newest``, or the number of a step that is there.
        overwrite: replace a projection that is in the folder.
        wait: wait for another process that writes there; else it is refused.
        device: ``auto``, ``cpu``, ``cuda``, ...
        command: what to write into the record.
        progress: where to tell how far it is.

    Returns:
        The record.

    Raises:
        RunNotFoundError: no run, or no checkpoint in it. SettingError: an argument, or the recipe has no latent.
        DataNotFoundError: no such file. ImageBrokenError: it cannot be read.
        RunExistsError: the folder holds something else, or a projection (without `overwrite`).
        FolderBusyError: another process writes there. RunUnwritableError, DiskFullError: the disk.
        DeviceError: no such device.
    """
    check_numbers(steps=steps, seed=seed)
    run, file = run if isinstance(run, Run) else Run.open(run), Path(image)
    refuse_without_latent(run, "project")
    if not file.is_file():
        raise DataNotFoundError(_no_image(file, run))
    folder = run.path / PROJECTIONS / file.stem if out is None else Path(out)
    refuse_taken(folder, "projection", overwrite)
    white = run.settings.data.deep_white or run.settings.data.white
    pixels = read_image(file, bits=8, white=white if white != 255 else 65535)
    weights, tensors = load_weights(run, checkpoint, progress)
    sampler = Sampler(run, weights, resolve_device(device), tensors)
    search = LatentSearch(sampler, _classes(run, sampler, label), seed, progress)
    target = to_unit(seen(pixels, 255, sampler.channels, sampler.recipe.resolution, None))
    own = search.own()
    latents, labels, before, after = search.nearest(torch.cat([torch.from_numpy(target)[None], own]), steps)
    made = sampler.classes[int(labels[0])] if sampler.recipe.knows_classes else makeable_classes(run, None)[0]
    record = ProjectionRecord(
        made=now(),
        versions=versions(),
        command=command,
        inputs={"checkpoint": weights.name},
        checkpoint=weights.name,
        image=file.name,
        image_sha256=content_sha256(pixels),
        label=made,
        latent=[float(value) for value in latents[0]],
        before=float(before[0]),
        after=float(after[0]),
        own=[float(value) for value in after[1:]],
        starts=STARTS,
        steps=steps,
        sentence=_sentence(file.name, float(before[0]), float(after[0]), [float(value) for value in after[1:]]),
    )
    first, found = search.start_image, search.images(latents[:1], labels[:1])[0].numpy()
    with FolderLock(folder, "projection", command, wait, progress):
        refuse_taken(folder, "projection", overwrite)
        with explain_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / PROJECTION_FILE).unlink(missing_ok=True)
        write_bytes(folder / PROJECTION_PICTURE, _picture([target, first, found]))
        write_record(folder / PROJECTION_FILE, record)
    return record


def _no_image(file: Path, run: Run) -> str:
    """Return what to give in place of something that is no file."""
    if file.is_dir():
        return f"{file} is a folder. Give one image in it, e.g. {file / 'image.png'}."
    beside = [one.name for one in file.parent.iterdir()] if file.parent.is_dir() else []
    near = did_you_mean(file.name, beside) if beside else f" There is no folder {file.parent} either."
    return f"there is no image {file}.{near} Give the path of one image, e.g. of one in {run.settings.data.root}."


def _classes(run: Run, sampler: Sampler, label: str | None) -> list[int]:
    if label is None:
        return list(range(len(sampler.classes))) if sampler.recipe.knows_classes else [0]
    can = makeable_classes(run, None)
    if label not in can:
        raise SettingError(f"--class is '{label}'; allowed: {', '.join(can)}.{did_you_mean(label, can)}")
    return [sampler.classes.index(label)] if sampler.recipe.knows_classes else [0]


class LatentSearch:
    """A search for latents from random ones.

    Attributes:
        start_image: (C, H, W) the random image nearest to the first that was searched for.
    """

    start_image: Floats32

    def __init__(self, sampler: Sampler, classes: list[int], seed: int, progress: Progress) -> None:
        """Make the random images that searches begin at, of these class numbers in turn."""
        self.sampler, self.seed, self.progress, self.classes = sampler, seed, progress, classes
        self.longest = math.sqrt(sampler.recipe.latent) + 2  # of those that are drawn, all but 1 in 100 are shorter
        self.latents = draw_latents(seed, "previews", [("start", i) for i in range(STARTS)], sampler.recipe.latent)
        self.labels = torch.tensor([classes[i % len(classes)] for i in range(STARTS)])
        self.starts = self.images(self.latents, self.labels)

    def images(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return (N, C, H, W) of latents and class numbers."""
        return generated_images(self.sampler.network, latents, labels, self.sampler.batch, self.sampler.device).cpu()

    def own(self) -> Tensor:
        """Return images of the generator itself."""
        latents = draw_latents(self.seed, "previews", [("own", i) for i in range(OWN)], self.sampler.recipe.latent)
        return self.images(latents, torch.tensor([self.classes[i % len(self.classes)] for i in range(OWN)]))

    def nearest(self, targets: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return for images (N, C, H, W): latents (N, L), class numbers (N,), distances (N,) before and after."""
        apart = torch.stack([(self.starts - target).square().mean((1, 2, 3)) for target in targets])
        least, rows = apart.topk(TRIED, largest=False)
        self.start_image = self.starts[rows[0, 0]].numpy()
        device, wanted = self.sampler.device, targets.repeat_interleave(TRIED, 0).to(self.sampler.device)
        labels = self.labels[rows.flatten()]
        z = self.latents[rows.flatten()].to(device).requires_grad_()
        found, best = z.detach().clone(), least.flatten().to(device)
        adam = torch.optim.Adam([z], RATE)
        fall = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        for _ in self.progress.each("searching", range(steps + 1), "steps", steps):  # the last one only looks
            loss = (self.sampler.network(z, labels.to(device)) - wanted).square().mean((1, 2, 3))
            nearer = loss.detach() < best
            best = torch.where(nearer, loss.detach(), best)
            found = torch.where(nearer[:, None], z.detach(), found)
            adam.zero_grad()
            loss.sum().backward()
            adam.step()
            fall.step()
            with torch.no_grad():
                z *= (self.longest / z.norm(dim=1, keepdim=True)).clamp(max=1)
        after, chosen = best.cpu().view(-1, TRIED).min(1)
        places = torch.arange(len(targets)) * TRIED + chosen
        return found.cpu()[places], labels[places], least[:, 0].sqrt() * GRAY_LEVELS, after.sqrt() * GRAY_LEVELS


def _sentence(name: str, before: float, after: float, own: list[float]) -> str:
    """Return what was found."""
    told = (
        f"The generator's nearest image differs from {name} by {after:.1f} gray levels (root mean square; the nearest "
        f"of {STARTS} random ones by {before:.1f}). Images of its own were found again within {max(own):.1f}"
    )
    if after <= max(own):
        return f"{told}: it shows this image as well as the search finds its own."
    return f"{told}: what is left beyond that, the generator cannot show."


def _picture(images: list[Floats32]) -> bytes:
    """Return a PNG: the real image, the nearest random one, the found one, and real less found around mid-gray."""
    shown: list[Floats32] = [*images, np.asarray((images[0] - images[2]) / 2, dtype=np.float32)]
    times = max(1, -(-SIDE // min(shown[0].shape[1:])))
    pictures: list[Pixels] = [as_picture(to_pixels(np.repeat(np.repeat(one, times, 1), times, 2))) for one in shown]
    sheet = grid(pictures, len(pictures), gap=8)
    return encode_png(sheet, "L" if sheet.ndim == 2 else "RGB")
