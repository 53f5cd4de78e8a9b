"""The data of a search cut into three, and the kernel distance of a generator to the images that are held out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flawforge
from flawforge.core.errors import DataUnusableError
from flawforge.studies.search import objective
from flawforge.studies.search.objective import ImagePart, compares_by_class, cut_parts
from saved import saved


@pytest.fixture
def lines(draw_images: Callable[..., Path], tmp_path: Path) -> Path:
    return draw_images(tmp_path / "data" / "scratches", 60).parent


def test_no_piece_of_material_is_in_two_parts(lines: Path, tmp_path: Path) -> None:
    data = flawforge.load(lines)
    parts = cut_parts(data, 10, seed=0)
    sides = [set(groups.tolist()) for groups in (parts.train.groups, parts.choose.groups, parts.confirm.groups)]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    assert len(parts.train.data) == 10
    assert len(parts.train.groups) == 10
    few = data.take(range(20))
    with pytest.raises(DataUnusableError, match="20 different specimens. .* needs at least 40"):
        cut_parts(few, None, seed=0)


def test_held_out_images_are_seen_as_bright_as_the_generators_learn_them(lines: Path) -> None:
    images = np.random.default_rng(0).integers(0, 1001, (60, 16, 16)).astype(np.uint16)
    folder = saved(lines / "deep", images)
    dark = flawforge.load(folder)
    bright = int(cut_parts(dark, None, seed=0).train.data.samples[0].file[:2])
    images[bright, :3, :3] = 3000  # glare; one pixel is a hot one
    saved(folder, images)
    parts = cut_parts(flawforge.load(folder), None, seed=0)
    assert parts.train.data.white == 4095
    start = flawforge.recipe("dcgan-lite", resolution=16)
    seen: list[float] = []

    def brightest(images: Any) -> Any:
        seen.append(float(images.max()))
        return images.flatten(1).numpy()

    objective.HeldOutKid(parts.choose, start, 1, brightest)  # type: ignore[arg-type]
    objective.HeldOutKid(parts.confirm, start, 1, brightest)  # type: ignore[arg-type]
    assert seen == [pytest.approx(1000 / 4095 * 2 - 1, abs=0.01)] * 2


def test_classes_are_compared_one_by_one_where_each_has_enough_groups(
    draw_images: Callable[..., Path], tmp_path: Path
) -> None:
    for label in ("dents", "scratches"):
        draw_images(tmp_path / "data" / label, 10)
    data = flawforge.load(tmp_path / "data")
    apart = ImagePart(data, np.arange(20))
    assert compares_by_class(apart, flawforge.recipe("fewshot"))
    assert not compares_by_class(apart, flawforge.recipe("dcgan-lite"))  # it knows no classes
    few = ImagePart(data, np.minimum(np.arange(20), 12))  # 7 scratches show the same specimen as another
    assert not compares_by_class(few, flawforge.recipe("fewshot"))
    one = data.select(["dents"])
    assert not compares_by_class(ImagePart(one, np.arange(10)), flawforge.recipe("fewshot"))
