"""The set as a whole: few modes are exposed, and held-out images are of unseen groups."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flawforge.core.progress import SILENT
from flawforge.data.dataset import Dataset, Sample
from flawforge.data.load import load
from flawforge.studies import whole_set
from flawforge.studies.class_mix import Labels, as_learnt
from flawforge.studies.whole_set import (
    diversity,
    drawn,
    held_out,
    set_against_unseen,
    whole_sentence,
)


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
    assert poor.sentence.startswith("400 of 400 generated images repeat another one (20 clusters")


def test_without_a_scale_diversity_is_not_measured() -> None:
    found = diversity(np.zeros((5, 3)), np.zeros((4, 3)))
    assert (found.repeats, found.vendi) == (None, None)
    assert found.sentence == "Diversity not measured: 4 independent training images give no scale, 10 would."


def test_held_out_images_are_of_groups_that_training_has_not_seen(
    make_run: Any, draw_images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load(draw_images(tmp_path / "data" / "dents", 12))
    group = {sample.sha256: index // 2 for index, sample in enumerate(whole.samples)}
    monkeypatch.setattr(
        Dataset, "groups", lambda self, progress=None: np.array([group[s.sha256] for s in self.samples])
    )
    part = whole.select(None, 4, 0)
    run = make_run(part)
    assert held_out(run, part, SILENT) is None
    settings = {key: value for key, value in run.settings.items() if key != "format"}
    run.save_settings(settings | {"selection": {"classes": None, "shots": 4}})
    found = held_out(run, part, SILENT)
    assert found is not None
    assert len(found) == 2
    seen = {group[sample.sha256] for sample in part.samples}
    assert not seen & {group[sample.sha256] for sample in found.samples}


def rows(n: int, seed: int, near: np.ndarray | None = None) -> np.ndarray:
    draws = np.random.default_rng(seed)
    return draws.normal(0, 1, (n, 6)) if near is None else near[draws.integers(len(near), size=n)] + 1e-3


def test_five_tests_together_keep_their_rate_and_still_find_copies() -> None:
    alarms = single = 0
    for seed in range(40):
        sets = rows(30, 3 * seed), rows(30, 3 * seed + 1), rows(30, 3 * seed + 2)
        found = set_against_unseen(*sets)
        assert all(test.p is not None and test.adjusted is not None and test.adjusted >= test.p for test in found)
        single += any(test.p <= 0.05 for test in found if test.p is not None)
        alarms += any(test.adjusted <= 0.05 for test in found if test.adjusted is not None)
    assert single > alarms  # each test by itself raises more alarms
    assert alarms <= 5  # P(more | rate 0.05) = 0.014
    real = rows(30, 1)
    copied = set_against_unseen(real, rows(30, 2), rows(30, 3, near=real))
    assert {test.name for test in copied if test.adjusted is not None and test.adjusted <= 0.01} >= {
        "C_T", "authenticity", "DCR share",
    }  # fmt: skip
    assert "As a whole the set lies nearer" in whole_sentence(copied)
    assert "corrected for 5 tests" in whole_sentence(copied)
    assert whole_sentence(set_against_unseen(real, rows(30, 2), rows(30, 4))) == ""


def two_classes(rng: np.random.Generator, common: int, rare: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of two classes, of which the rare one is smoother: its images lie closer together."""
    rows = np.concatenate([rng.normal(0, 1, (common, 6)), rng.normal(4, 0.6, (rare, 6))])
    return rows, np.repeat(["free", "crack"], [common, rare])


MIXES = (((50, 50), (500, 30), (64, 64)), ((20, 20), (200, 10), (64, 64)), ((12, 40), (40, 12), (100, 20)))


@pytest.mark.parametrize("mixes", MIXES, ids=str)
def test_an_honest_set_is_not_accused_for_its_mix_of_classes(mixes: tuple[tuple[int, int], ...]) -> None:
    """At a rate of 5 %, 30 honest sets raise more than 5 alarms with probability 0.003; pooled, they raise many."""
    alarms = pooled = sentences = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        (real, a), (held, b), (made, c) = (two_classes(rng, *mix) for mix in mixes)
        found = set_against_unseen(real, held, made, (a, b, c))
        assert all(test.adjusted is not None for test in found)
        alarms += any(test.adjusted <= 0.05 for test in found if test.adjusted is not None)
        sentences += bool(whole_sentence(found))
        if mixes == MIXES[0] and seed < 8:
            pooled += bool(whole_sentence(set_against_unseen(real, held, made)))
    assert alarms <= 5
    assert sentences <= 2  # P(more | rate 0.01) = 0.003
    if mixes == MIXES[0]:
        assert pooled == 8  # what the classes are for


@pytest.mark.parametrize("mixes", MIXES, ids=str)
def test_a_copier_is_found_whatever_the_mixes(mixes: tuple[tuple[int, int], ...]) -> None:
    rng = np.random.default_rng(7)
    (real, a), (held, b), _ = (two_classes(rng, *mix) for mix in mixes)
    rows = np.concatenate([rng.choice(np.flatnonzero(a == k), n) for k, n in zip(("free", "crack"), mixes[2],
                                                                               strict=True)])  # fmt: skip
    found = set_against_unseen(real, held, real[rows] + 0.05 * rng.normal(size=(len(rows), 6)), (a, b, a[rows]))
    assert {test.name for test in found if test.adjusted is not None and test.adjusted <= 0.01} >= {
        "C_T", "authenticity", "DCR share",
    }  # fmt: skip
    assert found[0].note.endswith(
        f"; {len(real)} training, {len(held)} held-out, {len(rows)} generated images, compared within each of 2 classes"
    )


def test_one_class_with_and_without_its_name_is_the_same() -> None:
    sets = rows(30, 1), rows(40, 2), rows(50, 3)
    names: Labels = tuple(np.repeat("pits", len(one)) for one in sets)  # type: ignore[assignment]
    assert set_against_unseen(*sets, names) == set_against_unseen(*sets)


def test_a_class_that_one_side_lacks_is_left_out_and_that_is_said() -> None:
    rng = np.random.default_rng(3)
    (real, a), (held, b), (made, c) = (two_classes(rng, *mix) for mix in ((30, 20), (40, 0), (40, 40)))
    found = set_against_unseen(real, held, made, (a, b, c))
    alone = set_against_unseen(real, held, made[:40], (a, b, c[:40]))
    assert [test.p for test in found] == [test.p for test in alone]
    assert found[0].note.endswith(
        "; 50 training, 40 held-out, 40 generated images, all of class free; 40 generated images of other classes left "
        "out"
    )


@pytest.mark.parametrize(("mixes", "why"), [
    (((30, 20), (9, 1), (0, 40)), "only 1 independent held-out image of the generated classes; 10 are needed"),
    (((30, 4), (20, 20), (0, 40)), "only 4 independent training images of the generated classes; 10 are needed"),
    (((30, 30), (20, 20), (1, 0)), "only 1 generated image to compare with held-out ones; 2 are needed"),
    (((30, 4), (20, 0), (0, 40)), "training, held-out and generated images have no class in common"),
])  # fmt: skip
def test_too_few_images_in_common_classes_mean_not_measured(mixes: Any, why: str) -> None:
    rng = np.random.default_rng(3)
    (real, a), (held, b), (made, c) = (two_classes(rng, *mix) for mix in mixes)
    assert {test.note for test in set_against_unseen(real, held, made, (a, b, c))} == {why}


def mixture(real: list[str], held: list[str]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(real), np.array(held)


def test_images_of_no_class_are_compared_in_the_mix_that_training_saw() -> None:
    learnt, held = mixture(["a"] * 30 + ["b"] * 10, ["a"] * 100 + ["b"] * 20 + ["c"] * 9)
    kept = held[as_learnt(held, learnt)]
    assert (np.sum(kept == "a"), np.sum(kept == "b"), len(kept)) == (60, 20, 80)
    assert len(as_learnt(held[:100], learnt)) == 0  # b is unseen in no image
    assert as_learnt(learnt, learnt).tolist() == list(range(40))
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        (real, a), (unseen, b), (made, _) = (two_classes(rng, *mix) for mix in ((50, 50), (500, 30), (64, 64)))
        kept = as_learnt(b, a)
        none = np.repeat("mixture", len(made))
        found = set_against_unseen(real, unseen[kept], made, (a, b[kept], none))
        alarms += any(test.adjusted <= 0.05 for test in found if test.adjusted is not None)
    assert alarms <= 4  # P(more | rate 0.05) = 0.003
    assert "60 held-out, 128 generated images, which carry no class" in found[0].note


def test_of_more_images_than_are_looked_at_each_has_the_same_chance() -> None:
    assert drawn(7, 10, "generated").tolist() == list(range(7))
    some = drawn(60_000, 10_000, "generated")
    assert len(np.unique(some)) == 10_000
    assert (np.diff(some) > 0).all()
    share = np.bincount(some // 10_000, minlength=6) / 10_000  # of six classes that follow each other
    assert np.abs(share - 1 / 6).max() < 0.02
    assert drawn(60_000, 10_000, "generated").tolist() == some.tolist()


def samples(counts: dict[str, int]) -> Dataset:
    named = [label for label, count in counts.items() for _ in range(count)]
    made = (Sample(f"{i}.png", label, 8, 8, "L", "PNG", True, 255, f"{i}") for i, label in enumerate(named))
    return Dataset("d", Path("d"), "classes", tuple(made))


def test_a_bounded_part_of_each_set_is_described_and_its_classes_go_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features tell the class and the set that each row came from; the tests get them with the right labels."""
    training, unseen = samples({"a": 60, "b": 60}), samples({"a": 200, "b": 30})
    entries = [SimpleNamespace(label=label) for label in ["a"] * 100 + ["b"] * 100]
    lineup = SimpleNamespace(training=training, entries=entries, read_generated=None)
    asked: list[np.ndarray] = []
    lists = [[entry.label for entry in entries], *([one.label for one in data.samples] for data in (training, unseen))]

    def describe(read: Any, indices: np.ndarray) -> np.ndarray:
        asked.append(indices)
        return np.array([[float(lists[len(asked) - 1][i] == "b"), float(i)] for i in indices])

    def look(real: np.ndarray, held: np.ndarray, made: np.ndarray, labels: Labels) -> list[Any]:
        for rows, names in zip((real, held, made), labels, strict=True):
            assert (rows[:, 0] == (names == "b")).all()
        return []

    monkeypatch.setattr(whole_set, "MOST", 50)
    monkeypatch.setattr(whole_set, "_describer", lambda *_: describe)
    monkeypatch.setattr(whole_set, "held_out", lambda *_: unseen)
    monkeypatch.setattr(whole_set, "set_against_unseen", look)
    found, _ = whole_set.look_at_set(None, lineup, np.arange(120), None, SILENT)  # type: ignore[arg-type]
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
