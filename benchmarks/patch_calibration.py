"""Measure the audit's search for copied patches: are its alarms as rare as it says, and does it find what is planted?

Honest images are real ones of groups that no training image belongs to, in the place of generated ones, at their own
size. Planted are patches of training images, a quarter of the honest image that takes them in, laid from anywhere to
anywhere with the brightness of what they cover, blended over a rim of 6 pixels; then altered. Each repeat draws which
images of 260 groups are training images (--training) and which are honest (40).

- the share of honest images at or above the score that 1 % of them may exceed, and how often one is flagged;
- the share of planted patches at or above that score, whose source is named; and of those that are flagged in an audit
  of 64 images;
- the processor's seconds that an image takes.

With --keep, finished repeats are kept in a file, and the same command goes on where --minutes stopped it.

    python benchmarks/patch_calibration.py [--sets steel tiles cells] [--training 50] [--repeats R] [--minutes M]
        [--keep FILE] [--json FILE]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage as nd
import torch
from PIL import Image

from audit_calibration import ONE_PIECE, united_groups
from calibration_summary import within
from flawforge.core.arrays import Floats32
from flawforge.core.images import eight_bits, to_gray
from flawforge.data.reading.load import load
from flawforge.studies.copies.patches import FLOOR, PatchSearch
from flawforge.studies.copies.planted import Draws, patch_copy, whole
from flawforge.studies.copies.search import IMAGE_RATE, PATCH_ALARM, copied, lowest_copy
from machine import keep

DATA = Path(os.environ.get("FLAWFORGE_DATA", "../shared/data"))
SETS = {"steel": DATA / "neu-det", "tiles": DATA / "magnetic-tile", "cells": Path("elpv")}
MOST = 260  # groups of a data set
HONEST = 40  # of a repeat
AUDITED = 64  # images of an audit, for the score that flags one of them
Row = dict[str, Any]
Alteration = Callable[[Floats32, Draws], Floats32]


def compressed(image: Floats32, draws: Draws) -> Floats32:
    """Save it as JPEG of quality 75."""
    buffer = io.BytesIO()
    Image.fromarray(whole(image)).save(buffer, "JPEG", quality=75)
    return np.asarray(Image.open(buffer), dtype=np.float32)


PLAIN = ("moved", "mirrored", "upside down", "turned by 180°", "brighter")
AFTER: dict[str, Alteration] = {  # what is done to the whole image after the patch was laid
    "moved": lambda image, draws: image,
    "mirrored": lambda image, draws: image,
    "upside down": lambda image, draws: image,
    "turned by 180°": lambda image, draws: image,
    "brighter": lambda image, draws: 1.2 * image,
    "JPEG 75": compressed,
    "blurred, 1 pixel": lambda image, draws: np.asarray(nd.gaussian_filter(image, 1.0), dtype=np.float32),
    "noise of 5 levels": lambda image, draws: np.asarray(image + 5 * draws.standard_normal(image.shape), np.float32),
}
EACH = {kind: 8 if kind in PLAIN else 4 for kind in AFTER}  # of a repeat


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--training", type=int, default=50, help="training images of a repeat")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so many; default: never")
    parser.add_argument("--keep", type=Path, help="file of finished repeats, to go on with")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    end, done = time.monotonic() + 60 * args.minutes, _done(args.keep)
    images = {name: native(SETS[name]) for name in args.sets}
    for repeat in range(args.repeats):
        for name in args.sets:
            key = f"{name} {args.training} {repeat}"
            if key in done or time.monotonic() > end:
                continue
            done[key] = split(images[name], args.training, repeat)
            if args.keep is not None:
                with args.keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, "row": done[key]}) + "\n")
    recalls = []
    for name in args.sets:
        rows = [row for key, row in done.items() if key.startswith(f"{name} {args.training} ")]
        if rows:
            recalls.append(tell(name, rows))
    keep(args.json, {"splits": done, "recalls": recalls})
    print(f"figure: recall {min(recalls, default=float('nan')):.4f}")


def _done(file: Path | None) -> dict[str, Row]:
    if file is None or not file.is_file():
        return {}
    return {found["key"]: found["row"] for found in map(json.loads, file.read_text(encoding="utf-8").splitlines())}


def native(folder: Path) -> list[Floats32]:
    """Return one image of each group, up to 260, in gray levels at its own size."""
    data = load(folder)
    known = folder / "groups.csv"
    groups = united_groups(data, folder) if known.is_file() else data.groups()
    again = {second for _, second in ONE_PIECE.get(folder.name, ())}
    usable = np.array([Path(sample.file).stem not in again for sample in data.samples])
    draws = np.random.default_rng(0)
    order = draws.permutation(np.unique(groups[usable]))[:MOST]
    chosen = [int(draws.choice(np.flatnonzero((groups == group) & usable))) for group in order]
    found = [eight_bits(data.read(index), data.white) for index in chosen]
    return [np.asarray(to_gray(image) if image.ndim == 3 else image, dtype=np.float32) for image in found]


def split(images: list[Floats32], size: int, repeat: int) -> Row:
    """Return what one repeat says: scores of honest images and of planted patches, and the scores that flag."""
    draws = np.random.default_rng(1000 + repeat)
    order = draws.permutation(len(images))
    training = [images[index] for index in order[:size]]
    honest = [images[index] for index in order[size : size + HONEST]]
    largest = tuple(max(image.shape[axis] for image in images) for axis in (0, 1))
    search = PatchSearch(lambda index: training[index], np.arange(size), largest)
    search._prepared, search._known  # noqa: B018
    start = time.process_time()
    scale = search.scale()
    assert scale is not None
    seconds = (time.process_time() - start) / len(scale.scores)
    scores = np.array([search.look(image).score for image in honest])
    planted: dict[str, list[tuple[int, bool, float]]] = {}
    for kind, alter in AFTER.items():
        for number in range(EACH[kind]):
            source, host = int(draws.integers(size)), honest[(number + 7 * repeat) % len(honest)]
            turned = {"mirrored": 1, "upside down": 2, "turned by 180°": 3}.get(kind, 0)
            laid = patch_copy(training[source], host, turned, draws).astype(np.float32)
            match = search.look(whole(alter(laid, draws)).astype(np.float32))
            planted.setdefault(kind, []).append((int(order[source]), match.reference == source, match.score))
    return {
        "honest": scores.tolist(),
        "held": order[size : size + HONEST].tolist(),
        "called": len(copied(scale, scores, PATCH_ALARM, FLOOR)[1]),
        "image_threshold": scale.threshold(IMAGE_RATE),
        "threshold": lowest_copy(scale, AUDITED, PATCH_ALARM, FLOOR),
        "planted": planted,
        "seconds": seconds,
        "set_aside": search.set_aside,
    }


def tell(name: str, rows: list[Row]) -> float:
    """Print what the repeats of a data set say, and return the recall on plainly moved patches."""
    alarms = np.concatenate([np.array(row["honest"]) >= row["image_threshold"] for row in rows])
    held = np.concatenate([row["held"] for row in rows])
    fooled = np.array([row["called"] > 0 for row in rows])
    highest = max(max(row["honest"]) for row in rows)
    seconds = float(np.mean([row["seconds"] for row in rows]))
    print(
        f"\n{name}: {len(rows)} repeats, {seconds:.2f} s of the processor an image; sets with an alarm {within(fooled)}"
    )
    print(f"  honest images above the 1 % score: {within(alarms, held)}; highest {highest:.2f}")

    def found(kinds: tuple[str, ...], limit: str) -> str:
        hits = [
            right and score >= row[limit] for row in rows for kind in kinds for _, right, score in row["planted"][kind]
        ]
        sources = [source for row in rows for kind in kinds for source, *_ in row["planted"][kind]]
        return within(np.array(hits), np.array(sources))

    for kind in AFTER:
        print(f"  {kind:18}{found((kind,), 'image_threshold')}; flagged {found((kind,), 'threshold')}")
    print(f"  {'the first five':18}{found(PLAIN, 'image_threshold')}; flagged {found(PLAIN, 'threshold')}")
    plain = [
        right and score >= row["image_threshold"]
        for row in rows
        for kind in PLAIN
        for _, right, score in row["planted"][kind]
    ]
    return float(np.mean(plain))


if __name__ == "__main__":
    main()
