"""Nearness, pixel by pixel: generated images to training images, and real images to real ones of other groups.

For each generated image the training images are ranked by Euclidean distance, each at the flip that brings it nearest
among those that training used. Beside it stands the same distance between real images of different groups, because
"near" means nothing without a scale.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flawforge.core.arrays import Floats, Ints
from flawforge.core.progress import Progress, Task
from flawforge.data.cache import recall_content, remember_content
from flawforge.metrics.neighbours.nearest import Nearest, nearest_flipped
from flawforge.studies.sets import ImageStore, MatchedImages

ROW = np.dtype([("distances", "<f8"), ("indices", "<i8"), ("flips", "<i8")])


def compare_pixels(
    scratch: Path,
    matched: MatchedImages,
    k: int,
    flips: tuple[str, ...],
    groups: Ints,
    memory: float,
    device: torch.device,
    progress: Progress,
) -> tuple[Nearest, Floats | None, list[int]]:
    """Return generated to real, real to real of another group (None if there is one group), and which images are exact
    copies. Images beyond `memory` bytes wait in a file in `scratch`.
    """
    share = memory / 4  # for each of two stacks, for the blocks in hand, and for the search
    sizes = (matched.shape, matched.dtype, share, scratch)
    with ImageStore(len(matched.synthetic), *sizes) as generated, ImageStore(len(matched.training), *sizes) as real:
        generated.fill(matched.generated, "reading generated images", progress)
        real.fill(matched.real, "reading training images", progress)
        near = rank_references(generated, real, k, flips, None, share, device, "generated to real", progress)
        scale = None
        if len(np.unique(groups)) > 1:
            scale = rank_references(real, real, 1, flips, groups, share, device, "real to real", progress).distances[
                :, 0
            ]
        return near, scale, _exact(matched, generated, near, flips)


def rank_references(
    queries: ImageStore,
    references: ImageStore,
    k: int,
    flips: tuple[str, ...],
    groups: Ints | None,
    memory: float,
    device: torch.device,
    title: str,
    progress: Progress,
) -> Nearest:
    """Rank references block by block for the queries block by block; distances in pixel values. What was ranked before
    is remembered by its content.
    """
    rows = int(max(1, memory / 2 / (queries.image_bytes * (1 if queries.dtype == np.uint8 else 3))))
    key = _key(queries, references, rows, k, flips, groups)
    kept = recall_content(key)
    if len(kept) == len(queries) * k * ROW.itemsize:
        table = np.frombuffer(kept, ROW).reshape(-1, k)
        return Nearest(*(table[name].copy() for name in Nearest._fields))
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
    ranked = Nearest(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
    table = np.zeros((len(queries), k), ROW)
    for name, column in ranked._asdict().items():
        table[name] = column
    remember_content(key, table.tobytes())
    return ranked


def _key(
    queries: ImageStore, references: ImageStore, rows: int, k: int, flips: tuple[str, ...], groups: Ints | None
) -> str:
    """Return SHA-256 of all that a ranking depends on."""
    digest = hashlib.sha256(f"ranking {k} {flips} {queries.shape} {len(queries)} {len(references)}".encode())
    if groups is not None:
        digest.update(groups.tobytes())
    for block in (block for store in (queries, references) for block in store.blocks(rows)):
        digest.update(block.numpy().data)
    return digest.hexdigest()


def _told(blocks: Iterator[Tensor], queries: int, task: Task) -> Iterator[Tensor]:
    for block in blocks:
        yield block
        task.advance(queries * len(block))


def _exact(matched: MatchedImages, generated: ImageStore, near: Nearest, flips: tuple[str, ...]) -> list[int]:
    """Return the generated images that equal a training image, directly or after the resizing that made their file."""
    known: dict[tuple[int, str, tuple[int, int]], NDArray[np.unsignedinteger]] = {}
    exact = []
    for index, entry in enumerate(matched.entries):
        size = (entry.height, entry.width)
        if near.distances[index, 0] == 0:
            exact.append(index)
        elif size != matched.resolution:
            key = (int(near.indices[index, 0]), flips[near.flips[index, 0]], size)
            if key not in known:
                if len(known) >= 64:
                    known.clear()
                known[key] = matched.reproduced(*key)
            if np.array_equal(generated.block(index, index + 1)[0].numpy(), known[key]):
                exact.append(index)
    return exact
