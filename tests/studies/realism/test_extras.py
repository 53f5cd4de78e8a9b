"""Parts of the score: classes, gray levels, spectra, and the most and least realistic images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from flawforge.studies.realism.comparison import ComparedSets, Halves
from flawforge.studies.realism.descriptors import DescribedImages
from flawforge.studies.realism.extras import (
    class_scores,
    confusion_of,
    extrapolated,
    gray_levels,
    keep_extremes,
    mean_spectra,
)


def described(features: np.ndarray, level: int = 100) -> DescribedImages:
    count = len(features)
    histograms = np.zeros((count, 256))
    histograms[:, level] = 1
    keys = tuple(map(str, range(count)))
    return DescribedImages(features, np.full((count, 6), float(level)), histograms, np.arange(count), keys)


def two_classes(count: int = 24) -> ComparedSets:
    """Two classes far apart: the generated images of b look like those of a, and are brighter by 30 levels."""
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], count)
    features = rng.standard_normal((2 * count, 2)) + 20 * codes[:, None]
    generated = described(rng.standard_normal((2 * count, 2)), 130)
    return ComparedSets(described(features), codes, generated, described(features), True, ("a", "b"))


def test_a_class_that_looks_like_another_is_told() -> None:
    found = confusion_of(two_classes(), ["a"] * 24 + ["b"] * 24)
    assert found is not None
    assert (found.rows["a"], found.rows["b"]) == ([24, 0], [24, 0])
    assert (found.real_rows["a"], found.real_rows["b"]) == ([24, 0], [0, 24])
    assert confusion_of(replace(two_classes(), classes=("a",)), ["a"] * 48) is None


def test_each_class_is_scored_or_says_why_not() -> None:
    sets = two_classes()
    one, other = class_scores(sets, ["a"] * 40 + ["b"] * 8, 0)
    assert (one.label, one.n_generated, one.n_reference, one.groups, one.why) == ("a", 40, 24, 24, "")
    assert one.kid.generated.value is not None
    assert (other.why, other.kid.generated.value) == ("8 generated images, 12 are needed", None)
    assert class_scores(sets, ["mixed"] * 48, 0) == []


def test_brighter_images_are_told_with_their_levels_in_steps_of_four() -> None:
    levels = gray_levels(two_classes())
    assert levels.brighter == 30
    assert (np.argmax(levels.real), np.argmax(levels.generated)) == (100 // 4, 130 // 4)


def test_mean_spectra_lie_in_the_band_of_halves() -> None:
    rows = np.arange(24)
    found = mean_spectra(two_classes(), [Halves(rows, rows, rows, rows)], (12, 12))
    assert found.low == found.real == found.high == [100.0] * 6
    assert found.generated == [130.0] * 6


def test_nothing_is_extrapolated_from_few_groups() -> None:
    sets = two_classes(5)
    few = replace(sets.generated, groups=np.arange(10) // 2)
    assert extrapolated(replace(sets, generated=few).whole, 0) is None
    assert extrapolated(two_classes().whole, 0) is not None


class Shown:
    """Generated images of one pixel, which is their number."""

    def __init__(self, count: int) -> None:
        self.entries = [type("Entry", (), {"file": f"{i}.png", "label": "a"}) for i in range(count)]
        self.training = type("Training", (), {"white": 255})

    def read_generated(self, index: int) -> np.ndarray:
        return np.full((1, 1), index, np.uint8)

    def seen(self, pixels: np.ndarray) -> np.ndarray:
        return pixels


def test_the_image_amid_the_real_ones_is_best_and_the_farthest_is_worst(make_run: Any) -> None:
    run, rng = make_run(), np.random.default_rng(1)
    reference = described(rng.standard_normal((20, 2)))
    generated = described(np.array([[40.0, 0], [0, 0], [9, 0], [80, 0]]))
    shown: Any = Shown(4)
    best, worst = keep_extremes(run.path, shown, reference, generated, 8)
    assert [image.file for image in best] == ["1.png", "2.png"]
    assert [image.file for image in worst] == ["3.png", "0.png"]
    assert sorted(path.name for path in (run.records / "score").glob("*.png")) == sorted(
        image.picture.rpartition("/")[2] for image in (*best, *worst)
    )
