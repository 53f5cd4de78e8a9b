"""The map of images by features: real images decide the places, and each image knows its nearest training image."""

from __future__ import annotations

import numpy as np
import pytest

from flawforge.studies.realism.feature_map import MOST, MappedImages, draw_map, thinned

RNG = np.random.default_rng(0)
REAL = RNG.standard_normal((12, 6)) * (9, 4, 1, 1, 1, 1) + 50


def mapped(kind: str, features: np.ndarray) -> MappedImages:
    names = [f"{kind}-{index}.png" for index in range(len(features))]
    return MappedImages(kind, features, ["a"] * len(features), names)  # type: ignore[arg-type]


def test_places_are_those_of_the_real_images_whatever_is_laid_onto_them() -> None:
    training, held_out = mapped("training", REAL[:8]), mapped("held-out", REAL[8:])
    one, shares = draw_map(training, held_out, mapped("generated", REAL[:1]))
    other, again = draw_map(training, held_out, mapped("generated", RNG.standard_normal((5, 6)) * 1000))
    assert one[:12] == other[:12]
    assert shares == again
    assert 1 >= shares[0] >= shares[1] > 0
    assert (one[12].x, one[12].y) == (one[0].x, one[0].y)  # the same features are in the same place
    x = np.array([point.x for point in one[:12]])
    assert abs(np.corrcoef(x, REAL[:, 0])[0, 1]) > 0.95  # along which they differ most


def test_each_image_has_its_nearest_training_image() -> None:
    training, copies = REAL[:8], REAL[[3, 5]] + 1e-6
    points, _ = draw_map(mapped("training", training), mapped("held-out", REAL[8:]), mapped("generated", copies))
    assert [point.nearest for point in points[12:]] == ["training-3.png", "training-5.png"]
    assert [point.distance for point in points[12:]] == pytest.approx([0, 0], abs=1e-3)
    apart = np.linalg.norm(training[:, None] - training, axis=2)
    np.fill_diagonal(apart, np.inf)
    assert [point.nearest for point in points[:8]] == [f"training-{row}.png" for row in apart.argmin(1)]
    assert np.median([point.distance for point in points[8:12]]) == pytest.approx(1, abs=1e-4)  # the unit
    alone, _ = draw_map(mapped("training", training), None, mapped("generated", copies))
    assert np.median([point.distance for point in alone[:8]]) == pytest.approx(1, abs=1e-4)


def test_images_that_are_all_alike_are_one_point() -> None:
    points, shares = draw_map(mapped("training", np.ones((3, 4))), None, mapped("generated", np.ones((2, 4))))
    assert {(abs(point.x), abs(point.y), point.distance) for point in points} == {(0, 0, 0)}
    assert shares == (0, 0)


def test_of_very_many_images_some_are_shown() -> None:
    rows = thinned(np.arange(10 * MOST))
    assert (len(rows), rows[0], rows[-1]) == (MOST, 0, 10 * MOST - 1)
    assert len(thinned(np.arange(7))) == 7
