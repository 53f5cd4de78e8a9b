"""A small dataset with every kind of defect that formats trip over, and what it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flawforge.core.arrays import Bools
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.regions import as_runs
from flawforge.data.sample import Mark

HEIGHT, WIDTH = 24, 32
Drawn = Callable[..., Dataset]


def masks() -> dict[str, Bools]:
    """Return masks by name: a ring, one pixel, one touching right and lower border, two parts, a thin line."""
    drawn = {name: np.zeros((HEIGHT, WIDTH), dtype=bool) for name in ("ring", "pixel", "border", "parts", "line")}
    drawn["ring"][4:12, 5:15] = True
    drawn["ring"][7:9, 8:11] = False
    drawn["pixel"][10, 20] = True
    drawn["border"][18:, 25:] = True
    drawn["parts"][2:5, 3:9] = drawn["parts"][14:19, 20:22] = True
    drawn["line"][15, 3:28] = True
    return drawn


def bounds(mask: Bools) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.fixture
def marked(tmp_path: Path, save: Callable[..., Path]) -> Dataset:
    """Return images of two classes with masks of each kind, one with a box alone, and two good ones."""
    root = tmp_path / "marked"
    labels = {"ring": "scratch", "pixel": "scratch", "border": "spot", "parts": "spot", "line": "spot"}
    for seed, (name, label) in enumerate({**labels, "box": "scratch", "plain": "good", "clean": "good"}.items()):
        save(root / label / f"{name}.png", seed, HEIGHT, WIDTH)
    data = load(root)
    drawn = masks()
    samples = []
    for sample in data.samples:
        name = Path(sample.file).stem
        if name in drawn:
            mark = Mark(sample.label, bounds(drawn[name]), (as_runs(drawn[name]),))
            sample = replace(sample, marks=(mark,))
        elif name == "box":
            sample = replace(sample, marks=(Mark("scratch", (2, 3, 30, 24)),))
        samples.append(sample)
    return replace(data, samples=tuple(samples))
