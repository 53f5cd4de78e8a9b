"""Compare exported generators with PyTorch: every recipe that makes images of a latent, at two sizes.

Each is trained briefly as it is and exported, the ONNX file is moved and renamed, and onnxruntime makes the same images
as PyTorch from the same latents and classes, in batches of 1, 7 and 32. Told: the largest difference of any value (from
-1 to 1; the promise is 0.0001), the file's size, and images a second of both on one thread.

    python benchmarks/onnx_equality.py [--kimg 0.3] [--images 256] [--json FILE]

`figure: difference` is the largest.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

import flawforge
from flawforge.core.settings.recipes import RECIPES
from flawforge.models.latents import draw_latents
from flawforge.runs.checkpoint import find_checkpoint
from flawforge.runs.folder import Run
from flawforge.studies.synthesis import Sampler
from machine import keep, timed

WITH_LATENT = [name for name, recipe in RECIPES.items() if not recipe.composes]
SIZES = ("64x64", "96x128")
BATCHES = (1, 7, 32)


def compare(recipe: str, size: str, photos: Path, folder: Path, kimg: float, images: int) -> dict[str, Any]:
    """Train, export, move, and compare one."""
    flawforge.train(photos, folder / "run", recipe, resolution=size, kimg=kimg, previews=0)
    run = Run.open(folder / "run")
    card = flawforge.export_model(run, folder / "out")
    file = (folder / "out" / "generator.onnx").rename(folder / "another name.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options)
    sampler = Sampler(run, find_checkpoint(run), torch.device("cpu"))
    latents = draw_latents(1, "samples", [("compared", index) for index in range(images)], card.latent)
    labels = torch.arange(images) % len(card.classes) if card.takes_labels else None
    given = {"latents": latents.numpy()} | ({} if labels is None else {"labels": labels.numpy()})
    row: dict[str, Any] = {"recipe": recipe, "size": size, "difference": 0.0, "mb": file.stat().st_size / 1e6}
    with torch.inference_mode():
        for batch in BATCHES:
            for start in range(0, images, batch):
                part = slice(start, start + batch)
                expected = sampler.network(latents[part], None if labels is None else labels[part]).numpy()
                found = session.run(None, {name: value[part] for name, value in given.items()})[0]
                row["difference"] = max(row["difference"], float(np.abs(found - expected).max()))
        row["torch_per_second"] = images / timed(lambda: sampler.network(latents, labels))
        row["onnx_per_second"] = images / timed(lambda: session.run(None, given))
    return row


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kimg", type=float, default=0.3)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    print(
        "| recipe | size | largest difference | MB | images/s: PyTorch | onnxruntime |\n|---|---|---:|---:|---:|---:|"
    )
    for recipe, size in itertools.product(WITH_LATENT, SIZES):
        with tempfile.TemporaryDirectory() as name:
            photos = flawforge.demo_data(Path(name) / "photos", 12)
            row = compare(recipe, size, photos, Path(name), given.kimg, given.images)
        rows.append(row)
        print(
            f"| {recipe} | {size} | {row['difference']:.1e} | {row['mb']:.1f} | {row['torch_per_second']:.0f} | "
            f"{row['onnx_per_second']:.0f} |",
            flush=True,
        )
    print(f"figure: difference {max(row['difference'] for row in rows):.1e}")
    keep(given.json, {"rows": rows})


if __name__ == "__main__":
    main()
