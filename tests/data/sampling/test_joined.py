"""Two datasets as one: every image and mask is found from the folder above both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from flawforge.data.reading.load import load
from flawforge.data.sampling.joined import join


def test_images_and_masks_of_both_are_read_as_before(tmp_path: Path, save: Callable[..., Path]) -> None:
    save(tmp_path / "one" / "hole" / "1.png", 1)
    save(tmp_path / "one" / "masks" / "hole" / "1.png", 2)
    save(tmp_path / "one" / "good" / "1.png", 3)
    save(tmp_path / "far" / "two" / "hole" / "9.png", 4)
    save(tmp_path / "far" / "two" / "masks" / "hole" / "9.png", 5)
    save(tmp_path / "far" / "two" / "dent" / "1.png", 6)
    one, two = load(tmp_path / "one"), load(tmp_path / "far" / "two")
    both = join(one, two)
    assert both.root == tmp_path
    assert [(sample.label, sample.file) for sample in both.samples] == [
        ("dent", "far/two/dent/1.png"),
        ("good", "one/good/1.png"),
        ("hole", "far/two/hole/9.png"),
        ("hole", "one/hole/1.png"),
    ]
    before = {sample.sha256: part.read(i) for part in (one, two) for i, sample in enumerate(part.samples)}
    for i, sample in enumerate(both.samples):
        np.testing.assert_array_equal(both.read(i), before[sample.sha256])
    masks = {sample.file: sample.mask for sample in both.samples if sample.mask is not None}
    assert masks == {"far/two/hole/9.png": "far/two/masks/hole/9.png", "one/hole/1.png": "one/masks/hole/1.png"}
    assert all(Image.open(both.root / mask) for mask in masks.values())


def test_the_order_of_two_changes_nothing_but_the_name(tmp_path: Path, save: Callable[..., Path]) -> None:
    save(tmp_path / "one" / "a.png", 1)
    save(tmp_path / "two" / "b.png", 2)
    one, two = load(tmp_path / "one"), load(tmp_path / "two")
    assert join(one, two).samples == join(two, one).samples
    assert join(one, two).fingerprint == join(two, one).fingerprint
    assert join(one, two).source == f"{one.source} and {two.source}"
    assert join(one, two, "both").source == "both"
