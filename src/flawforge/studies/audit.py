"""The memorization audit, first form: are the generated images copies, pixel by pixel?

For each generated image the training images are ranked by Euclidean distance, each at the flip that brings it nearest
among those that training used. Beside it stands the same distance between real images of different groups, because
"near" means nothing without a scale. What this form cannot see is a copy that was shifted, cropped or turned a little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flawforge.core.errors import SettingError
from flawforge.core.progress import SILENT, Progress, Task
from flawforge.data.dataset import Dataset
from flawforge.metrics.neighbours import Nearest, nearest_flipped
from flawforge.runs.folder import Run
from flawforge.runs.records import AuditRecord, Distances, Neighbour, Pair, save_record
from flawforge.runs.versions import now, versions
from flawforge.studies.lineup import Channels, Lineup, line_up
from flawforge.studies.manifest import SyntheticSet
from flawforge.studies.pictures import clear_pictures, keep_pictures
from flawforge.studies.stack import Stack
from flawforge.studies.verdict import audit_sentence
from flawforge.training.device import resolve_device

FLIPS = {  # what training did to real images, by the recipe's setting
    "none": ("identity",),
    "horizontal": ("identity", "flip-horizontal"),
    "vertical": ("identity", "flip-vertical"),
    "both": ("identity", "flip-horizontal", "flip-vertical", "turn-180"),
}
QUANTILES = {"min": 0.0, "5%": 0.05, "25%": 0.25, "50%": 0.5, "75%": 0.75, "95%": 0.95, "max": 1.0}
LEAST_MEMORY = 16


def audit(
    run: Run | str | Path,
    *,
    data: Dataset | str | Path | None = None,
    k: int = 5,
    channels: Channels = "first",
    pairs: int = 12,
    synthetic: str | Path | None = None,
    device: str = "auto",
    memory_mb: float = 1024,
    command: str = "flawforge.audit(...)",
    progress: Progress = SILENT,
) -> AuditRecord:
    """Compare each image of the synthetic set with the training images, and write ``records/audit.json``.

    Images are compared at the network's resolution, as training saw them: what is finer than that, the generator has
    never seen, and neither does the audit.

    Args:
        run: a run with a complete synthetic set.
        data: the training images, if they have moved since.
        k: training images ranked per generated one, from 1; no more than there are.
        channels: ``first`` compares the first channel, as published; ``all`` every one.
        pairs: of so many of the nearest pairs, pictures are kept.
        synthetic: folder of another set than the run's own.
        device: ``auto``, ``cpu``, ``cuda``, ...
        memory_mb: bound, in MB, on the memory that images take, from 16. What is beyond it waits in a scratch file in
            the run's folder. Less is slower; the result is the same.
        command: what to write into the record.
        progress: where to tell how far it is.

    Returns:
        The record.

    Raises:
        RunNotFoundError: no run, or no complete synthetic set. DataNotFoundError, DataUnusableError: the training
        images are gone or changed. SettingError: an argument. DeviceError: no such device.
    """
    _check(k, channels, pairs, memory_mb)
    run = run if isinstance(run, Run) else Run.open(run)
    where = resolve_device(device)
    made = SyntheticSet.open(synthetic if synthetic is not None else run)
    lineup = line_up(run, made, data, channels, progress)
    groups = lineup.training.groups(progress)
    flips = FLIPS[run.settings["recipe"]["flip"]]
    k = min(k, len(lineup.training))
    near, scale, exact = _compare(run, lineup, k, flips, groups, memory_mb * 1e6, where, progress)

    unit = 2 / lineup.training.white  # of a pixel, in [-1, 1]
    nearest = near.distances[:, 0]
    nearer = int((nearest < scale.min()).sum()) if scale is not None else None
    inputs = {"synthetic": made.facts["manifest_sha256"], "data": lineup.training.fingerprint}
    tag = hashlib.sha256(f"{inputs} {k} {channels} {flips}".encode()).hexdigest()[:8]
    ranked = keep_pictures(run, lineup, _ranked_pairs(lineup, near, flips, unit), tag, pairs)
    record = AuditRecord(
        made=now(),
        versions=versions(),
        command=command,
        inputs=inputs,
        k=k,
        channels=channels,
        resolution=lineup.resolution,
        transforms=list(flips),
        n_generated=len(made),
        n_training=len(lineup.training),
        n_groups=len(np.unique(groups)),
        generated_to_real=_distances(nearest * unit),
        real_to_real=_distances(scale * unit) if scale is not None else None,
        exact_copies=exact,
        nearer_than_real=nearer,
        root_mean_square=127.5 / float(np.sqrt(np.prod(lineup.shape))),
        pairs=ranked,
        sentence=audit_sentence(len(made), exact, nearer, len(flips) > 1),
    )
    save_record(run, "audit", record)
    clear_pictures(run, ranked)
    return record


def _compare(
    run: Run,
    lineup: Lineup,
    k: int,
    flips: tuple[str, ...],
    groups: NDArray[np.int64],
    memory: float,
    device: torch.device,
    progress: Progress,
) -> tuple[Nearest, NDArray[np.float64] | None, int]:
    """Return generated to real, real to real of another group (None if there is one group), and the exact copies."""
    share = memory / 4  # for each of two stacks, for the blocks in hand, and for the search
    sizes = (lineup.shape, lineup.dtype, share, run.records)
    with Stack(len(lineup.synthetic), *sizes) as generated, Stack(len(lineup.training), *sizes) as real:
        generated.fill(lineup.generated, "reading generated images", progress)
        real.fill(lineup.real, "reading training images", progress)
        near = _search(generated, real, k, flips, None, share, device, "generated to real", progress)
        scale = None
        if len(np.unique(groups)) > 1:
            scale = _search(real, real, 1, flips, groups, share, device, "real to real", progress).distances[:, 0]
        return near, scale, _count_exact(lineup, generated, near, flips)


def _search(
    queries: Stack,
    references: Stack,
    k: int,
    flips: tuple[str, ...],
    groups: NDArray[np.int64] | None,
    memory: float,
    device: torch.device,
    title: str,
    progress: Progress,
) -> Nearest:
    """Rank references block by block for the queries block by block; distances in pixel values."""
    rows = int(max(1, memory / 2 / (queries.image_bytes * (1 if queries.dtype == np.uint8 else 3))))
    found = []
    with progress.task(f"comparing {title}", len(queries) * len(references), "pairs") as task:
        for start in range(0, len(queries), rows):
            block = queries.block(start, start + rows).to(device)
            found.append(
                nearest_flipped(
                    block,
                    _told(references.blocks(rows), len(block), task),
                    k,
                    flips,
                    query_groups=groups[start : start + rows] if groups is not None else None,
                    reference_groups=groups,
                    memory_mb=memory / 1e6,
                )
            )
    return Nearest(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _told(blocks: Iterator[Tensor], queries: int, task: Task) -> Iterator[Tensor]:
    for block in blocks:
        yield block
        task.advance(queries * len(block))


def _count_exact(lineup: Lineup, generated: Stack, near: Nearest, flips: tuple[str, ...]) -> int:
    """Count generated images that equal a training image, directly or after the resizing that made their file."""
    known: dict[tuple[int, str, tuple[int, int]], NDArray[np.unsignedinteger]] = {}
    exact = 0
    for index, entry in enumerate(lineup.entries):
        size = (entry.height, entry.width)
        if near.distances[index, 0] == 0:
            exact += 1
        elif size != lineup.resolution:
            key = (int(near.indices[index, 0]), flips[near.flips[index, 0]], size)
            if key not in known:
                if len(known) >= 64:
                    known.clear()
                known[key] = lineup.reproduced(*key)
            exact += bool(np.array_equal(generated.block(index, index + 1)[0].numpy(), known[key]))
    return exact


def _ranked_pairs(lineup: Lineup, near: Nearest, flips: tuple[str, ...], unit: float) -> list[Pair]:
    samples, entries = lineup.training.samples, lineup.entries
    order = np.argsort(near.distances[:, 0], kind="stable")
    return [
        Pair(
            file=entries[index].file,
            neighbours=[
                Neighbour(file=samples[real].file, distance=float(distance * unit), transform=flips[flip])
                for distance, real, flip in zip(*(column[index] for column in near), strict=True)
            ],
        )
        for index in order
    ]


def _distances(nearest: NDArray[np.float64]) -> Distances:
    quantiles = {name: float(np.quantile(nearest, share)) for name, share in QUANTILES.items()}
    return Distances(nearest=nearest.tolist(), quantiles=quantiles)


def _check(k: int, channels: str, pairs: int, memory_mb: float) -> None:
    if k < 1:
        raise SettingError(f"-k is {k}; it is a number of training images to rank, from 1.")
    if channels not in ("first", "all"):
        raise SettingError(f"--channels is '{channels}'; allowed: first, all.")
    if pairs < 0:
        raise SettingError(f"--pairs is {pairs}; it is a number of pairs to keep pictures of, from 0.")
    if not memory_mb >= LEAST_MEMORY:
        raise SettingError(f"--memory-mb is {memory_mb:g}; it is a bound in MB, from {LEAST_MEMORY}.")
