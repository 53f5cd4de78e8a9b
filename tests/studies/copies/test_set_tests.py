"""The set as a whole: few modes are exposed, an honest set is not, and memory is bounded."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from flawforge.core.progress import SILENT
from flawforge.data.dataset import Dataset
from flawforge.data.sample import Sample
from flawforge.studies.copies import set_tests
from flawforge.studies.copies.set_tests import Labels, compare_with_held_out, diversity, drawn


def test_a_generator_of_few_modes_is_exposed_and_an_honest_one_is_not() -> None:
    rng = np.random.default_rng(0)
    real, honest = rng.normal(size=(60, 12)), rng.normal(size=(400, 12))
    modes = rng.normal(size=(20, 12))[rng.integers(20, size=400)] + 0.01 * rng.normal(size=(400, 12))
    good, poor = diversity(honest, real), diversity(modes, real)
    assert good.repeats == 0
    assert (poor.repeats, poor.clusters) == (400, 20)
    assert good.vendi == pytest.approx(good.vendi_real, rel=0.1)
    assert poor.vendi is not None
    assert poor.vendi < 21
    assert poor.sentence.startswith("400 of 400 generated images are near-duplicates of another one (20 clusters")


def test_without_a_scale_diversity_is_not_measured() -> None:
    found = diversity(np.zeros((5, 3)), np.zeros((4, 3)))
    assert (found.repeats, found.vendi) == (None, None)
    assert found.sentence == (
        "Diversity not measured: there are real images of only 4 specimens to compare with (10 are needed)."
    )


def rows(n: int, seed: int, near: np.ndarray | None = None) -> np.ndarray:
    draws = np.random.default_rng(seed)
    return draws.normal(0, 1, (n, 6)) if near is None else near[draws.integers(len(near), size=n)] + 1e-3


def test_five_tests_together_keep_their_rate_and_still_find_copies() -> None:
    alarms = single = 0
    for seed in range(24):
        sets = rows(30, 3 * seed), rows(30, 3 * seed + 1), rows(30, 3 * seed + 2)
        found = compare_with_held_out(*sets)
        assert all(test.p is not None and test.adjusted is not None and test.adjusted >= test.p for test in found)
        single += any(test.p <= 0.05 for test in found if test.p is not None)
        alarms += any(test.adjusted <= 0.05 for test in found if test.adjusted is not None)
    assert single > alarms  # each test by itself raises more alarms
    assert alarms <= 4  # P(more | rate 0.05) = 0.006
    real = rows(30, 1)
    copied = compare_with_held_out(real, rows(30, 2), rows(30, 3, near=real))
    assert {test.name for test in copied if test.adjusted is not None and test.adjusted <= 0.01} >= {
        "C_T",
        "authenticity",
        "DCR share",
    }


def test_one_class_with_and_without_its_name_is_the_same() -> None:
    sets = rows(30, 1), rows(40, 2), rows(50, 3)
    names: Labels = tuple(np.repeat("pits", len(one)) for one in sets)  # type: ignore[assignment]
    assert compare_with_held_out(*sets, names) == compare_with_held_out(*sets)


def test_of_more_images_than_are_looked_at_each_has_the_same_chance() -> None:
    assert drawn(7, "generated").tolist() == list(range(7))
    some = drawn(60_000, "generated")
    assert len(np.unique(some)) == 10_000
    assert (np.diff(some) > 0).all()
    share = np.bincount(some // 10_000, minlength=6) / 10_000  # of six classes that follow each other
    assert np.abs(share - 1 / 6).max() < 0.02
    assert drawn(60_000, "generated").tolist() == some.tolist()


def samples(counts: dict[str, int]) -> Dataset:
    named = [label for label, count in counts.items() for _ in range(count)]
    made = (
        Sample(f"{i}.png", label, width=8, height=8, mode="L", encoding="PNG", gray=True, peak=255, sha256=f"{i}")
        for i, label in enumerate(named)
    )
    return Dataset("d", Path("d"), "classes", tuple(made))


def test_a_bounded_part_of_each_set_is_described_and_its_classes_go_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features tell the class and the set that each row came from; the tests get them with the right labels."""
    training, unseen = samples({"a": 60, "b": 60}), samples({"a": 200, "b": 30})
    entries = [SimpleNamespace(label=label) for label in ["a"] * 100 + ["b"] * 100]
    matched = SimpleNamespace(training=training, entries=entries, gray_generated=None, gray_training=None)
    asked: list[np.ndarray] = []
    lists = [[entry.label for entry in entries], *([one.label for one in data.samples] for data in (training, unseen))]

    def features(grays: torch.Tensor, _: None) -> np.ndarray:
        asked.append(grays.numpy())  # what `blocks` gave
        return np.array([[float(lists[len(asked) - 1][i] == "b"), float(i)] for i in grays.tolist()])

    def look(real: np.ndarray, held: np.ndarray, made: np.ndarray, labels: Labels) -> list[Any]:
        for rows, names in zip((real, held, made), labels, strict=True):
            assert (rows[:, 0] == (names == "b")).all()
        return []

    monkeypatch.setattr(set_tests, "IMAGES_COMPARED", 50)
    monkeypatch.setattr(set_tests, "find_extractor", lambda *_: None)
    monkeypatch.setattr(set_tests, "blocks", lambda _, indices: [torch.as_tensor(indices)])
    monkeypatch.setattr(set_tests, "_features", features)
    monkeypatch.setattr(set_tests, "compare_with_held_out", look)
    found, _ = set_tests.measure_set(matched, np.arange(120), unseen, None, SILENT)  # type: ignore[arg-type]
    assert [len(rows) for rows in asked] == [50, 50, 50]
    assert found.looked_at == 50
    assert 15 <= np.sum(asked[0] >= 100) <= 35  # both classes of the generated images, not the first alone
    assert 15 <= np.sum(asked[1] >= 60) <= 35


def test_the_memory_of_diversity_grows_with_the_images_and_not_with_their_square() -> None:
    real = np.random.default_rng(0).normal(size=(4000, 3))
    tracemalloc.start()
    diversity(real[:20], real)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6  # 4,000 x 4,000 distances alone are 128 MB
