"""Two datasets as one, so that their images can be compared and grouped together."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from flawforge.data.dataset import Dataset
from flawforge.data.regions import MaskImage
from flawforge.data.sample import Mark


def join(one: Dataset, other: Dataset, source: str | None = None) -> Dataset:
    """Return both as one dataset, with images and masks named from a folder above them, by class, then by file.

    Args:
        one: the first; its layout is kept.
        other: the second.
        source: what the whole is called; None names both.
    """
    roots = [one.root.resolve(), other.root.resolve()]
    root = Path(os.path.commonpath(roots))

    def below(base: Path, file: str) -> str:
        return (base / file).resolve().relative_to(root).as_posix()

    def moved(base: Path, mark: Mark) -> Mark:
        files = (replace(r, file=below(base, r.file)) if isinstance(r, MaskImage) else r for r in mark.regions)
        return replace(mark, regions=tuple(files))

    samples = [
        replace(sample, file=below(base, sample.file), marks=tuple(moved(base, mark) for mark in sample.marks))
        for base, part in zip(roots, (one, other), strict=True)
        for sample in part.samples
    ]
    ordered = tuple(sorted(samples, key=lambda sample: (sample.label, sample.file)))
    name = source if source is not None else f"{one.source} and {other.source}"
    return Dataset(source=name, root=root, layout=one.layout, samples=ordered, choices=one.choices)
