"""Measure the search for overlap groups: time, agreement with references, false alarms, growth with more images.

Pairs are pairs of images in one group, after connected components. The reference of the steel images was found by
another method, which misses most overlaps below 40 % and all turned ones, so "precision" against it is far too low: see
docs/decisions/overlap-groups.md. `mirrored` counts accepted placements that mirror an image: a camera makes none (solar
wafers can lie on either side, though), so they tell how many of the others are chance. Drawn crops have an exact truth.

    python benchmarks/overlap_groups.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage as nd
from numpy.typing import NDArray

from flawforge.core.errors import ExtraMissingError
from flawforge.core.images import to_gray
from flawforge.data.grouping.overlap import connected, find_overlaps
from flawforge.data.reading.load import load
from machine import keep, timed

DATA = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data"))
HEAD = f"{'':28}{'images':>8}{'seconds':>9}{'groups':>8}{'expected':>9}{'recall':>9}{'precision':>10}{'mirrored':>9}"
Groups = NDArray[np.int64]
Reader = Callable[[int], NDArray[Any]]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without solar cells, and at most 2,000 drawn images")
    parser.add_argument("--most", type=int, default=16000, help="drawn images at most (default 16000)")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    print(HEAD)
    rows = [*steel(), *tiles(), *([] if args.quick else cells())]
    growth = [
        drawn(count) for count in (500, 1000, 2000, 4000, 8000, 16000) if count <= (2000 if args.quick else args.most)
    ]
    sizes, seconds = (np.log(np.array([row[key] for row in growth], dtype=float)) for key in ("images", "seconds"))
    exponent = float(np.polyfit(sizes, seconds, 1)[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nseconds grow as images to the power {exponent:.2f}; peak memory {peak:.0f} MiB")
    recall = rows[0]["recall"] if rows else growth[-1]["recall"]
    keep(args.json, {"rows": rows, "drawn": growth, "exponent": exponent, "peak_mib": peak, "recall": recall})
    print(f"figure: recall {recall:.4f}")


def measure(name: str, read: Reader, count: int, known: Groups | None) -> tuple[dict[str, Any], Groups]:
    """Search, compare with known groups, and print a row."""
    pairs: list[Groups] = []
    seconds = timed(lambda: pairs.append(find_overlaps(read, count)))
    groups = connected(pairs[0], count)
    mirrored = sum(int(pose).bit_count() % 2 for pose in pairs[0][:, 2])
    row = {"name": name, "images": count, "seconds": seconds, "mirrored": mirrored, **compare(groups, known)}
    print_row(row)
    return row, groups


def compare(groups: Groups, known: Groups | None) -> dict[str, Any]:
    """Return numbers of groups, and recall and precision of the pairs that share one."""
    told: dict[str, Any] = {"groups": len(set(groups.tolist())), "expected": None, "recall": None, "precision": None}
    if known is not None:
        both = pairs_within(groups * (int(known.max()) + 1) + known)
        told["expected"] = len(set(known.tolist()))
        told["recall"] = both / max(1, pairs_within(known))
        told["precision"] = both / max(1, pairs_within(groups))
    return told


def pairs_within(groups: Groups) -> int:
    """Return how many pairs share a group."""
    sizes = np.unique(groups, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


def print_row(row: dict[str, Any]) -> None:
    """Print a row of the table; what was not measured is a dash."""
    cells = [
        f"{row['images']:8d}",
        f"{row['seconds']:9.1f}" if row.get("seconds") is not None else f"{'-':>9}",
        f"{row['groups']:8d}",
        *(
            f"{row[key]:>{width}{form}}" if row.get(key) is not None else f"{'-':>{width}}"
            for key, width, form in COLUMNS
        ),
    ]
    print(f"{row['name']:28}" + "".join(cells), flush=True)


COLUMNS = (("expected", 9, "d"), ("recall", 9, ".4f"), ("precision", 10, ".4f"), ("mirrored", 9, "d"))


def reader(dataset: Any) -> Reader:
    """Return what reads a dataset's image as gray."""

    def read(index: int) -> NDArray[Any]:
        pixels = dataset.read(index)
        return to_gray(pixels) if pixels.ndim == 3 else pixels

    return read


def reference(file: Path, dataset: Any) -> Groups:
    """Return the group of each sample by a reference's table."""
    with file.open(encoding="utf-8") as lines:
        known = {Path(row["image"]).stem: int(row["group"]) for row in csv.DictReader(lines)}
    return np.array([known[Path(sample.file).stem] for sample in dataset.samples])


def steel() -> list[dict[str, Any]]:
    """Measure NEU-DET, all and each class."""
    if not (DATA / "neu-det").is_dir():
        print(f"no images at {DATA / 'neu-det'}: set FLAWFORGE_DATA")
        return []
    dataset = load(DATA / "neu-det")
    known = reference(DATA / "neu-det" / "groups.csv", dataset)
    row, groups = measure("steel (NEU-DET)", reader(dataset), len(dataset), known)
    named = np.array([Path(sample.file).stem.rsplit("_", 1)[0] for sample in dataset.samples])
    rows = [row]
    for name in sorted(set(named.tolist())):
        part = named == name
        rows.append({"name": f"  {name}", "images": int(part.sum()), **compare(groups[part], known[part])})
        print_row(rows[-1])
    return rows


def tiles() -> list[dict[str, Any]]:
    """Measure the magnetic tiles."""
    if not (DATA / "magnetic-tile").is_dir():
        return []
    dataset = load(DATA / "magnetic-tile")
    known = reference(DATA / "magnetic-tile" / "groups.csv", dataset)
    return [measure("magnetic tiles", reader(dataset), len(dataset), known)[0]]


def cells() -> list[dict[str, Any]]:
    """Measure the solar cells, which have no reference."""
    try:
        dataset = load("elpv")
    except ExtraMissingError as error:
        print(error)
        return []
    return [measure("solar cells (elpv)", reader(dataset), len(dataset), None)[0]]


def drawn(count: int) -> dict[str, Any]:
    """Measure crops of drawn pictures: a quarter of the images in chains of two to four that share 15 to 60 %."""
    draws = np.random.default_rng(count)
    plan: list[tuple[int, int, int]] = []
    known: list[int] = []
    while len(plan) < count:
        picture, y, x = len(plan), 0, 0
        for _ in range(int(draws.integers(2, 5)) if draws.random() < 0.1 else 1):
            plan.append((picture, y, x))
            known.append(picture)
            step = int(draws.integers(25, 75))
            y, x = (y + step, x + int(draws.integers(0, 20))) if draws.random() < 0.5 else (y, x + step)
    read = lambda index: crop(*plan[index], noise=index)  # noqa: E731
    return measure("drawn", read, count, np.array(known[:count]))[0]


def crop(picture: int, y: int, x: int, noise: int, size: int = 112) -> NDArray[Any]:
    """Draw a crop of a picture of rough material, with the camera's noise."""
    draws = np.random.default_rng(picture)
    grain, groove = float(draws.uniform(1, 2.5)), float(draws.uniform(0, 30))
    rough = nd.gaussian_filter(draws.standard_normal((380, 380)), grain)[y : y + size, x : x + size]
    line = groove * np.sin((np.arange(x, x + size) + 0.2 * np.arange(y, y + size)[:, None]) / draws.uniform(3, 9))
    image = 128 + 25 * rough / rough.std() + line + 3 * np.random.default_rng((noise, 1)).standard_normal((size, size))
    return np.asarray(np.rint(np.clip(image, 0, 255)), dtype=np.uint8)


if __name__ == "__main__":
    main()
