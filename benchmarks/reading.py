"""Measure how long labels and folders take to read: a COCO file of 100,000 annotations, and 100,000 files in a tree.

The file is drawn: of each ten annotations, six are polygons of 12 points, two are run lengths as numbers and two packed
ones, as annotation tools and networks write them. Only the labels are read, as `flawforge.load` does before it opens an
image. The tree has an image and its mask in turn, in a hundred folders; it is listed and laid out. Each measurement is
made in a process of its own, whose largest memory counts; times are those of the processor.

With --base, a checkout of another version, `inspect` of DATA is timed in both in turn, each time with an empty cache;
what is told is the ratio of the smallest processor times.

    python benchmarks/reading.py [--annotations N] [--files N] [--rounds N] [--json FILE]
    python benchmarks/reading.py --base CHECKOUT --inspect DATA [--rounds N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flawforge.data.reading.file_tree import walk
from flawforge.data.reading.formats.coco import coco
from flawforge.data.reading.merge import plan_folder
from flawforge.data.reading_choices import AS_USUAL
from machine import keep

AN_IMAGE = 10  # annotations
HEIGHT, WIDTH = 600, 800


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3, help="the median counts")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--base", type=Path, help="a checkout of the version to compare with")
    parser.add_argument("--inspect", type=Path, help="the folder to inspect")
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only-tree", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only is not None:
        print(json.dumps(read_coco(args.only)))
        return
    if args.only_tree is not None:
        print(json.dumps(read_tree(args.only_tree)))
        return
    if args.base is not None:
        ratio = inspect_ratio(args.base, args.inspect, args.rounds)
        keep(args.json, ratio)
        print(f"figure: inspect_ratio {ratio['inspect_ratio']:.3f}")
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        size = draw_coco(Path(folder), args.annotations)
        print(f"{args.annotations:,} annotations, {size / 2**20:.0f} MB")
        for _ in range(args.rounds):
            rows.append(alone("--only", folder))
            print(f"{rows[-1]['seconds']:.2f} s, {rows[-1]['megabytes']:.0f} MB of memory")
    seconds = statistics.median(row["seconds"] for row in rows)
    megabytes = max(row["megabytes"] for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        draw_tree(Path(folder), args.files)
        trees = [alone("--only-tree", folder) for _ in range(args.rounds)]
    tree_seconds = statistics.median(row["seconds"] for row in trees)
    print(f"{args.files:,} files: {', '.join(str(round(row['seconds'], 2)) for row in trees)} s")
    figures = {"coco_seconds": seconds, "coco_megabytes": megabytes, "tree_seconds": tree_seconds}
    keep(args.json, {"coco": rows, "trees": trees, **figures})
    print(f"figure: coco_seconds {seconds:.2f}")
    print(f"figure: coco_megabytes {megabytes:.0f}")
    print(f"figure: tree_seconds {tree_seconds:.2f}")


def alone(option: str, folder: str) -> dict[str, Any]:
    """Return what a measurement in a process of its own gives."""
    command = [sys.executable, __file__, option, folder]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def read_tree(folder: Path) -> dict[str, Any]:
    """Return how long a folder takes to list and lay out, and how many images and masks were found."""
    start = time.process_time()
    plan = plan_folder(folder, walk(folder), AS_USUAL)
    seconds = time.process_time() - start
    masks = sum(len(entry.mask_files) for entry in plan.entries)
    return {"seconds": seconds, "images": len(plan.entries), "masks": masks}


def draw_tree(folder: Path, count: int) -> None:
    """Write small images and their masks, half of the files each."""
    draws = np.random.default_rng(0)
    picture, mask = folder / "picture.png", folder / "mask.png"
    Image.fromarray(draws.integers(0, 256, (32, 32), np.uint8)).save(picture)
    Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(mask)
    contents = picture.read_bytes(), mask.read_bytes()
    picture.unlink()
    mask.unlink()
    for number in range(count // 2):
        place = folder / f"part{number % 100:02}"
        place.mkdir(exist_ok=True)
        (place / f"{number:06}.jpg").write_bytes(contents[0])
        (place / f"{number:06}_mask.png").write_bytes(contents[1])


def read_coco(folder: Path) -> dict[str, Any]:
    """Return how long the labels of a folder take and how much memory the process then has had at most."""
    tree = walk(folder)
    start = time.process_time()
    labels = coco(folder, tree)
    seconds = time.process_time() - start
    assert labels is not None
    marks = sum(len(image.marks) for image in labels.images.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "megabytes": peak, "marks": marks, "remarks": len(labels.remarks)}


def inspect_ratio(base: Path, data: Path, rounds: int) -> dict[str, Any]:
    """Return the processor seconds of `inspect` in another checkout and in this one, and their ratio."""
    code = "import sys, time, flawforge; flawforge.inspect; start = time.process_time(); flawforge.inspect(sys.argv[1])"
    command = [sys.executable, "-c", f"{code}; print(time.process_time() - start)", str(data)]
    seconds: dict[str, list[float]] = {"base": [], "here": []}
    for _ in range(rounds):
        for name, root in (("base", base), ("here", Path(__file__).parents[1])):
            with tempfile.TemporaryDirectory() as cache:
                place = {**os.environ, "PYTHONPATH": str(root.resolve() / "src"), "FLAWFORGE_CACHE": cache}
                run = subprocess.run(command, check=True, capture_output=True, text=True, env=place)
            seconds[name].append(float(run.stdout))
            print(f"{name}: {seconds[name][-1]:.2f} s")
    return {"inspect": seconds, "inspect_ratio": min(seconds["here"]) / min(seconds["base"])}


def draw_coco(folder: Path, count: int) -> int:
    """Write a COCO file and the empty images that it names; return its size in bytes."""
    draws = np.random.default_rng(0)
    annotations = []
    for number in range(count):
        left, top = int(draws.integers(0, WIDTH - 60)), int(draws.integers(0, HEIGHT - 60))
        widths = draws.integers(5, 50, 40)
        shape: Any
        if number % 10 < 6:
            angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
            points = np.stack([left + 25 + 25 * np.cos(angles), top + 25 + 25 * np.sin(angles)], axis=1)
            shape, box = [np.round(points.ravel(), 2).tolist()], [left, top, 50, 50]
        else:
            counts = [left * HEIGHT + top]
            for width in widths.tolist():
                counts += [width, HEIGHT - width]
            counts[-1] += HEIGHT * WIDTH - sum(counts)
            shape = {"size": [HEIGHT, WIDTH], "counts": counts if number % 10 < 8 else pack(counts)}
            box = [left, top, 40, int(widths.max())]
        item = {"id": number + 1, "image_id": number // AN_IMAGE, "category_id": number % 3, "segmentation": shape}
        annotations.append({**item, "bbox": box, "iscrowd": 0})
    images = [
        {"id": number, "file_name": f"{number:06d}.png", "width": WIDTH, "height": HEIGHT}
        for number in range(-(-count // AN_IMAGE))
    ]
    (folder / "images").mkdir()
    for image in images:
        (folder / "images" / str(image["file_name"])).touch()
    categories = [{"id": number, "name": f"defect {number}"} for number in range(3)]
    file = folder / "instances.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return file.stat().st_size


def pack(counts: list[int]) -> str:
    """Return run lengths as COCO packs them into text."""
    text = []
    for place, count in enumerate(counts):
        left = count - (counts[place - 2] if place > 2 else 0)
        more = True
        while more:
            letter = left & 31
            left >>= 5
            more = left != (-1 if letter & 16 else 0)
            text.append(chr(48 + letter + 32 * more))
    return "".join(text)


if __name__ == "__main__":
    main()
