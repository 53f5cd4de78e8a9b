"""Measure the search for overlap groups: time, agreement with references, false alarms, growth with more images.

Pairs are pairs of images in one group, after connected components. The reference of the steel images was found by
another method, which misses most overlaps below 40 % and all turned ones, so "precision" against it is far too low: see
docs/decisions/overlap-groups.md. `mirrored` counts accepted placements that mirror an image: a camera makes none (solar
wafers can lie on either side, though), so they tell how many of the others are chance. Drawn crops have an exact truth.

Crops along streaks (`streak_recall`): two crops of one picture, shifted along its streak by 10 to 60 % of their side,
each with noise, another brightness and JPEG of its own; from NEU-DET's scratches and inclusions (one picture of each
group) and drawn, ten lines with ten grains each. A false join is an accepted pair from two pictures: counted in the
whole set, and in 1,000 pairs of crops of different pictures (one class, or one line) that are searched two by two.

    python benchmarks/overlap_groups.py [--quick | --streaks] [--json FILE]
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage as nd
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest

from flawforge.core.errors import ExtraMissingError
from flawforge.core.images import to_gray
from flawforge.data.grouping.keypoints import flatten
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
    parser.add_argument("--streaks", action="store_true", help="only the crops along streaks")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    along = streaks()
    print(f"figure: streak_recall {along['recall']:.4f}", flush=True)
    if args.streaks:
        keep(args.json, {"streaks": along})
        return
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
    told = {"rows": rows, "drawn": growth, "exponent": exponent, "peak_mib": peak, "recall": recall, "streaks": along}
    keep(args.json, told)
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


@dataclass(frozen=True)
class Streaked:
    """A picture with a streak down its rows: its kind, what may look alike (class or line), and its pixels."""

    kind: str
    family: str
    pixels: NDArray[Any]


def streaks(rounds: int = 3, alone: int = 1000) -> dict[str, Any]:
    """Measure crops shifted along a streak, at three strengths of noise, and pairs of different streaks two by two."""
    pictures = [*steel_streaks(), *(Streaked("drawn", f"line {n % 10}", draw_streak(n % 10, n)) for n in range(100))]
    print(f"crops along streaks of {len(pictures)} pictures, {rounds} rounds")
    told: dict[str, Any] = {"noise": {}}
    shots: list[NDArray[Any]] = []
    for noise in (1.0, 2.0, 3.0):
        found: dict[str, list[bool]] = {}
        wrong = 0
        for number in range(rounds):
            shots = [shot for n, one in enumerate(pictures) for shot in two_crops(one.pixels, number * 1000 + n, noise)]
            pairs = find_overlaps(shots.__getitem__, len(shots))
            groups = connected(pairs, len(shots))
            wrong += int((pairs[:, 0] // 2 != pairs[:, 1] // 2).sum())
            for n, one in enumerate(pictures):
                found.setdefault(one.kind, []).append(bool(groups[2 * n] == groups[2 * n + 1]))
        told["noise"][noise] = {"recall": {kind: share(hits) for kind, hits in found.items()}, "false": wrong}
        print(f"  noise {noise:.0f}: {told['noise'][noise]}", flush=True)
        if noise == 2.0:
            told["recall"] = float(np.mean([hit for hits in found.values() for hit in hits]))
            told["overall"] = share([hit for hits in found.values() for hit in hits])
            told["alone"] = false_alone(pictures, shots, alone)
            print(f"  of {alone} pairs of different streaks searched alone, joined: {told['alone']}", flush=True)
    return told


def share(hits: list[bool]) -> tuple[float, float, float, int]:
    """Return the share of hits, its 95 % interval (Wilson) and how many there were."""
    test = binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
    return round(float(np.mean(hits)), 4), round(float(test.low), 4), round(float(test.high), 4), len(hits)


def false_alone(pictures: list[Streaked], shots: list[NDArray[Any]], count: int) -> tuple[int, float]:
    """Return how many pairs of crops from two pictures of one family are joined, and the upper end of 95 %."""
    draws, joined = np.random.default_rng(6), 0
    for _ in range(count):
        first = int(draws.integers(len(pictures)))
        family = [n for n, one in enumerate(pictures) if one.family == pictures[first].family and n != first]
        two = [shots[2 * first + int(draws.integers(2))], shots[2 * int(draws.choice(family)) + int(draws.integers(2))]]
        joined += len(find_overlaps(two.__getitem__, 2))
    return joined, round(float(binomtest(joined, count).proportion_ci(0.95, "exact").high), 5)


def steel_streaks() -> list[Streaked]:
    """Return the most streaked picture of each group of NEU-DET's scratches and inclusions, streaks down the rows."""
    if not (DATA / "neu-det").is_dir():
        return []
    dataset = load(DATA / "neu-det")
    groups, read = dataset.groups(), reader(dataset)
    best: dict[int, tuple[float, Streaked]] = {}
    for index, sample in enumerate(dataset.samples):
        family = Path(sample.file).stem.rsplit("_", 1)[0]
        if family in ("scratches", "inclusion"):
            pixels = read(index)
            flat = flatten(pixels.astype(np.float32))
            down, along = float(flat.mean(0).var() / flat.var()), float(flat.mean(1).var() / flat.var())
            if max(down, along) > best.get(int(groups[index]), (0.1, None))[0]:
                picture = Streaked("steel", family, pixels if down >= along else pixels.T)
                best[int(groups[index])] = max(down, along), picture
    return [picture for _, picture in best.values()]


def draw_streak(line: int, grain: int, size: int = 200) -> NDArray[Any]:
    """Draw one to three straight lines over faint grain; lines with odd numbers have grain drawn out along them."""
    look = np.random.default_rng((line, 2))
    coarse, strength = look.uniform(0.8, 2), look.uniform(2, 8)
    fine = nd.gaussian_filter(
        np.random.default_rng((grain, 3)).standard_normal((size, size)), (coarse * (1 + 3 * (line % 2)), coarse)
    )
    across, place = np.zeros(size), np.arange(size)
    for _ in range(int(look.integers(1, 4))):
        height, width = look.choice([-1, 1]) * look.uniform(20, 90), look.uniform(1.5, 8)
        across += height * np.exp(-0.5 * ((place - look.uniform(60, 140)) / width) ** 2)
    return np.asarray(np.clip(120 + strength * fine / fine.std() + across, 0, 255))


def two_crops(picture: NDArray[Any], key: int, noise: float, size: int = 112) -> list[NDArray[Any]]:
    """Return two photographs of parts of a picture that lie 10 to 60 % of their side apart along its rows."""
    draws = np.random.default_rng((key, 5))
    step = round(draws.uniform(0.1, 0.6) * size)
    top, left = int(draws.integers(0, len(picture) - size - step + 1)), int(draws.integers(0, len(picture) - size + 1))
    shots = []
    for start in (top, top + step):
        part = picture[start : start + size, left : left + size] * draws.uniform(0.9, 1.1)
        pixels = np.rint(np.clip(part + noise * draws.standard_normal(part.shape), 0, 255)).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=int(draws.integers(75, 96)))
        shots.append(np.asarray(Image.open(file)))
    return [shot.T for shot in shots] if draws.random() < 0.5 else shots


if __name__ == "__main__":
    main()
