"""Generated and training images in the form in which they are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import RunBrokenError
from flawforge.data.reading.load import load
from flawforge.studies.sets.matched_images import MatchedImages, flip_pixels
from flawforge.studies.sets.synthetic_set import SyntheticSet
from flawforge.studies.synthesis import generate


@pytest.mark.parametrize(
    ("flip", "expected"),
    [
        ("identity", [[1, 2], [3, 4]]),
        ("flip-horizontal", [[2, 1], [4, 3]]),
        ("flip-vertical", [[3, 4], [1, 2]]),
        ("turn-180", [[4, 3], [2, 1]]),
    ],
)
def test_pixels_are_flipped(flip: str, expected: list[list[int]]) -> None:
    image = np.array([[1, 2], [3, 4]])
    assert flip_pixels(image, flip).tolist() == expected
    assert flip_pixels(np.stack([image] * 3, axis=-1), flip)[..., 1].tolist() == expected


@pytest.mark.parametrize(("mode", "white"), [("L", 255), ("RGB", 255), ("I;16", 4095)])
def test_a_training_image_and_its_copy_in_the_set_compare_equal(
    make_run: Any, draw_images: Any, tmp_path: Path, mode: str, white: int
) -> None:
    folder = draw_images(tmp_path / "dents", 4, mode=mode, sizes=((16, 16),))
    run = make_run(folder)
    made: SyntheticSet = generate(run, 2)
    first = next(made.entries())
    (made.folder / first.file).write_bytes((folder / "dents_003.png").read_bytes())
    matched = MatchedImages(load(folder), made, (16, 16), run.settings.channels, "all")
    assert matched.shape == (run.settings.channels, 16, 16)
    assert matched.dtype == (np.uint16 if mode == "I;16" else np.uint8)
    assert np.array_equal(matched.generated(0), matched.real(3))
    assert np.array_equal(matched.generated(0), matched.reproduced(3, "identity", (16, 16)))
    assert not np.array_equal(matched.generated(1), matched.real(3))
    gray = matched.gray_training(3)
    assert np.array_equal(matched.gray_generated(0), gray)
    brightest = 255 * float(matched.seen(matched.training.read(3)).max()) / white
    assert gray.max() == pytest.approx(brightest, rel=1e-4) if mode != "RGB" else gray.max() < brightest


def test_images_are_resized_and_one_channel_is_compared(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    folder = draw_images(tmp_path / "dents", 3, mode="RGB", sizes=((20, 24),))
    run = make_run(folder)
    matched = MatchedImages(load(folder), generate(run, 1), (16, 16), 3, "first")
    assert matched.real(0).shape == matched.generated(0).shape == matched.shape == (1, 16, 16)
    assert np.array_equal(matched.real(0)[0], matched.seen(matched.training.read(0))[..., 0])


def test_a_damaged_file_is_named_with_the_command(make_run: Any, draw_images: Any, tmp_path: Path) -> None:
    folder = draw_images(tmp_path / "dents", 3)
    made = generate(run := make_run(folder), 1, command="flawforge generate run")
    path = made.folder / next(made.entries()).file
    path.write_bytes(Image.new("L", (4, 4)).tobytes())
    matched = MatchedImages(load(folder), made, (16, 16), run.settings.channels, "first")
    with pytest.raises(RunBrokenError, match="the same command: flawforge generate run"):
        matched.generated(0)
