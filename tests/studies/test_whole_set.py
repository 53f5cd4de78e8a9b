"""The set as a whole: few modes are exposed, and held-out images are of unseen groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawforge.core.progress import SILENT
from flawforge.data.dataset import Dataset
from flawforge.data.load import load
from flawforge.studies.whole_set import diversity, held_out, set_against_unseen, whole_sentence


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
