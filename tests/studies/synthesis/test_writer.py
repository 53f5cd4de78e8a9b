"""Image files like the real ones, and a manifest in the order of the images."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawforge.studies.sets.synthetic_set import ManifestEntry
from flawforge.studies.synthesis.run import generate
from flawforge.studies.synthesis.writer import Writer


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_files_are_like_the_real_ones(make_run: Any, draw_images: Any, tmp_path: Path, mode: str) -> None:
    data = draw_images(tmp_path / "data" / "dents", 6, mode=mode, sizes=((20, 24), (30, 18)))
    made = generate(make_run(data), 40)
    images = [Image.open(path) for path in made.folder.rglob("*.png")]
    assert {image.mode for image in images} == {mode}
    assert {image.format for image in images} == {"PNG"}
    assert {image.size for image in images} == {(24, 20), (18, 30)}
    if mode == "I;16":
        deepest = max(int(np.asarray(image).max()) for image in images)
        assert 255 < deepest <= 4095  # 12-bit cameras make 12-bit images


def test_mixed_sizes_come_as_often_as_among_the_real_ones(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    data = draw_images(tmp_path / "data" / "dents", 8, sizes=((16, 16), (16, 16), (16, 16), (16, 20)))
    made = generate(make_run(data), 400)
    wide = sum(entry.width == 20 for entry in made.entries())
    assert abs(wide - 100) < 4 * (400 * 0.25 * 0.75) ** 0.5  # four standard deviations of the binomial


ENTRIES = [ManifestEntry(f"a_{i:06d}.png", "a", 0, i, "best", "", 4, 4, "L") for i in range(12)]


def test_the_manifest_keeps_the_order_whichever_file_is_written_first(tmp_path: Path) -> None:
    done: list[int] = []
    with Writer(tmp_path, 8, lambda: done.append(1), threads=4) as writer:
        for entry in ENTRIES:
            delay = 0.02 * (entry.index % 3 == 0)
            writer.put(entry, lambda delay=delay, index=entry.index: time.sleep(delay) or bytes([index]))
    lines = (tmp_path / "manifest.jsonl").read_text().splitlines(keepends=True)
    whole = [replace(entry, sha256=hashlib.sha256(bytes([entry.index])).hexdigest()) for entry in ENTRIES]
    assert [ManifestEntry.parse(line) for line in lines] == whole
    assert len(done) == 12


def test_an_error_in_a_thread_is_raised_and_names_no_image_that_is_not_there(tmp_path: Path) -> None:
    def encode(index: int) -> bytes:
        if index == 2:
            raise ValueError("not an image")
        return b"x"

    def write() -> None:
        with Writer(tmp_path, 1, lambda: None) as writer:
            for entry in ENTRIES:
                writer.put(entry, partial(encode, entry.index))

    with pytest.raises(ValueError, match="not an image"):
        write()
    assert len((tmp_path / "manifest.jsonl").read_text().splitlines()) == 2
