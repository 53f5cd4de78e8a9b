"""A user's own classifier and generator, in real modules: what would bend a verdict is named before the first cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flawforge
import trial_material as material
from flawforge.core.errors import RunBrokenError, SettingError
from flawforge.core.settings.trials import TrialSettings
from flawforge.runs.cells import CELLS, PROBABILITIES
from flawforge.studies.trial.cells.work_list import compute_cell, needs, work_list
from flawforge.studies.trial.execution.own_parts import try_classifiers, try_generator
from flawforge.studies.trial.setup.bench import Bench
from flawforge.studies.trial.setup.open import open_trial
from heard import Heard

CLASSIFIERS = '''
import copy, random
import torch
from torch import nn

def whole(classes, channels, resolution):
    return nn.Sequential(nn.Conv2d(channels, 8, 5, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(8, classes))

KEPT = {}
def same(classes, channels, resolution):
    if not KEPT:
        KEPT[0] = whole(classes, channels, resolution)
    return KEPT[0]

BODY = {}
def body(classes, channels, resolution):  # a new head on a body that all share
    if not BODY:
        BODY[0] = whole(classes, channels, resolution)[:-1]
    return nn.Sequential(BODY[0], nn.Linear(8, classes))

def statistics(classes, channels, resolution):  # a frozen body that all share, whose batch norm goes on
    if not BODY:
        BODY[0] = whole(classes, channels, resolution)[:-1].requires_grad_(False)
    return nn.Sequential(BODY[0], nn.Linear(8, classes))

def frozen(classes, channels, resolution):
    return whole(classes, channels, resolution).requires_grad_(False)

class Detached(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, images):
        return self.inner(images).detach()

def detached(classes, channels, resolution):
    return Detached(whole(classes, channels, resolution))

def softmax(classes, channels, resolution):
    return nn.Sequential(*whole(classes, channels, resolution), nn.Softmax(1))

class Halves(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, images):
        logits = self.inner(images)
        return logits if self.training else logits.softmax(1)

def halves(classes, channels, resolution):
    return Halves(whole(classes, channels, resolution))

class Aside(nn.Module):
    """Only weights that nothing depends on may be trained."""
    def __init__(self, inner):
        super().__init__()
        self.inner, self.spare = inner.requires_grad_(False), nn.Parameter(torch.zeros(1))
    def forward(self, images):
        return self.inner(images) + 0 * self.spare

def aside(classes, channels, resolution):
    return Aside(whole(classes, channels, resolution))

def python_random(classes, channels, resolution):
    network = whole(classes, channels, resolution)
    nn.init.constant_(network[-1].bias, random.random())
    return network

class Noisy(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, images):
        return self.inner(images * random.uniform(0.5, 1.5) if self.training else images)

def noisy(classes, channels, resolution):
    return Noisy(whole(classes, channels, resolution))

class Single(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def forward(self, images):
        if self.training and len(images) > 2:
            raise RuntimeError("out of tiny memory")
        return self.inner(images)

def single(classes, channels, resolution):
    return Single(whole(classes, channels, resolution))
'''

GENERATORS = """
import numpy as np
import trial_material as material

def few(data, n, seed):
    return {label: images[: n // 2] for label, images in material.oracle(data, n, seed).items()}

def small(data, n, seed):
    return {label: images[:, ::2, ::2] for label, images in material.oracle(data, n, seed).items()}

def unit(data, n, seed):
    return {label: images / 255 for label, images in material.oracle(data, n, seed).items()}

def lacking(data, n, seed):
    return {label: images for label, images in material.oracle(data, n, seed).items() if label != "waves"}

def stranger(data, n, seed):
    return {**material.oracle(data, n, seed), "cracks": np.zeros((n, 32, 32), np.uint8)}

def listed(data, n, seed):
    return list(material.oracle(data, n, seed).values())

def shots(data, n, seed):
    rows = {label: np.flatnonzero(data.labels == code) for code, label in enumerate(data.classes)}
    return {label: np.stack([data.read(int(own[i % len(own)])) for i in range(n)]) for label, own in rows.items()}

def partly(data, n, seed):  # one class alone is repeated
    return {**material.oracle(data, n, seed), "dots": shots(data, n, seed)["dots"]}

def exits(data, n, seed):
    import os
    os._exit(3)

CALLS = []
def counted(data, n, seed):
    CALLS.append(n)
    return material.oracle(data, n, seed)
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two modules of a user, fresh in each test."""
    import sys

    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "their_models.py").write_text(CLASSIFIERS)
    (tmp_path / "theirs" / "their_generators.py").write_text(GENERATORS)
    monkeypatch.syspath_prepend(str(tmp_path / "theirs"))
    for name in ("their_models", "their_generators"):
        monkeypatch.delitem(sys.modules, name, raising=False)


Opened = Callable[..., Bench]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    def open_(model: str = "whole", generator: str = "counted", **changes: Any) -> Bench:
        photos = material.draw_dataset(tmp_path / "photos", 12)
        return open_trial(photos, tmp_path / "out", TrialSettings.parse(settings(model, generator, **changes)))

    return open_


def settings(model: str, generator: str, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "shots": (3,),
        "seeds": 2,
        "resolution": (32, 32),
        "batch": 12,
        "steps": 6,
        "made": 8,
        "folds": 0,
        "policy": "none",
        "generator": f"their_generators:{generator}",
        "models": (f"their_models:{model}",),
        "arms": ("real", "classical", "generated"),
    }
    return values | changes


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("same", "returns the same network each time"),
        ("body", "returns networks that share weights"),
        ("statistics", "returns networks that share weights"),
        ("frozen", "no weight to train"),
        ("detached", "whose output has no gradient"),
        ("softmax", "returns probabilities in training"),
        ("halves", "returns probabilities in evaluation"),
        ("aside", "none of whose weights changes in training (1 could)"),
        ("python_random", "returns other first weights each time (6.bias)"),
        ("noisy", "gives another result when the same training is done again"),
        ("single", "fails in training: RuntimeError: out of tiny memory"),
    ],
)
def test_a_factory_whose_networks_cannot_serve_is_named(opened: Opened, model: str, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        try_classifiers(opened(model))
    assert str(caught.value).startswith(f"model is 'their_models:{model}', which ")
    assert message in str(caught.value)


def test_a_factory_that_keeps_its_word_is_tried_and_says_so(opened: Opened) -> None:
    heard = Heard()
    try_classifiers(opened("whole", models=("small-cnn", "their_models:whole")), heard)
    assert heard.said == [
        "Trying the model their_models:whole: 2 training steps, twice, which do not count."
    ]  # ours are known


@pytest.mark.parametrize(
    ("generator", "message"),
    [
        ("few", "1 images of class 'dots'; it was asked for 2"),
        ("small", "uint8 (2, 16, 16) for class 'dots'; the real images of it are 32 x 32"),
        ("unit", "float64 (2, 32, 32) for class 'dots'; it returns uint8 (n, H, W) or (n, H, W, 3)"),
        ("lacking", "no image of class 'waves'"),
        ("stranger", "class 'cracks'; there are dots, stripes, waves"),
        ("listed", "returned list; it returns class -> images"),
        ("shots", "nothing but its training images again for class 'dots'"),
        ("partly", "nothing but its training images again for class 'dots'"),
    ],
)
def test_a_generator_whose_images_cannot_serve_is_named(
    opened: Opened, tmp_path: Path, generator: str, message: str
) -> None:
    bench = opened(generator=generator)
    with pytest.raises(SettingError) as caught:
        try_generator(bench, tmp_path / "out", apart=False)
    assert str(caught.value).startswith(f"--generator their_generators:{generator} returned ")
    assert message in str(caught.value)


def test_gray_images_for_coloured_ones_are_named(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for label in material.CLASSES:
        (tmp_path / "photos" / label).mkdir(parents=True)
        for index in range(12):
            pixels = rng.integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{index}.png")
    bench = open_trial(tmp_path / "photos", tmp_path / "out", TrialSettings.parse(settings("whole", "counted")))
    with pytest.raises(SettingError, match=r"gray images; the real images of it are in colour"):
        try_generator(bench, tmp_path / "out", apart=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("generator", "error", "said"),
    [
        ("exits", RunBrokenError, "their_generators:exits ended the process that it was tried in"),
        pytest.param("lacking", SettingError, "no image of class 'waves'", marks=pytest.mark.nightly),
    ],
)
def test_in_a_process_of_its_own_it_is_named_too_and_its_end_is_told(
    opened: Opened, tmp_path: Path, generator: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        try_generator(opened(generator=generator), tmp_path / "out", apart=True)


def test_a_trial_refuses_before_its_first_cell_and_tries_a_generator_once(tmp_path: Path) -> None:
    photos, out = material.draw_dataset(tmp_path / "photos", 12), tmp_path / "out"
    for model, generator in (("same", "counted"), ("whole", "shots")):
        with pytest.raises(SettingError):
            flawforge.trial(photos, out, workers=1, **settings(model, generator))
        assert not (out / CELLS).exists()
    import their_generators  # type: ignore[import-not-found]

    assert their_generators.CALLS == []  # the model was refused first
    heard = Heard()
    flawforge.trial(photos, out, workers=1, progress=heard, **settings("whole", "counted", seeds=1))
    assert their_generators.CALLS == [2, 8]
    assert any("one call for 2 images per class" in text for text in heard.said)
    flawforge.trial(photos, out, workers=1, **settings("whole", "counted"))
    assert their_generators.CALLS == [2, 8, 8]  # its first call was held to its word as well


def test_each_full_call_is_held_to_its_word_too(opened: Opened, tmp_path: Path) -> None:
    import their_generators

    bench = opened(generator="counted")
    try_generator(bench, tmp_path / "out", apart=False)
    their_generators.counted = their_generators.partly
    key = next(key for key in work_list(bench.settings) if key.arm == "generator")
    with pytest.raises(SettingError, match="nothing but its training images again for class 'dots'"):
        compute_cell(bench, key, {}, None)


def test_cells_in_any_order_give_the_same_numbers(opened: Opened) -> None:
    bench = opened("whole")
    try_classifiers(bench)
    keys = work_list(bench.settings)

    def worked(order: list[Any]) -> dict[Any, bytes]:
        done: dict[Any, Any] = {}
        while len(done) < len(keys):
            for key in order:
                if key not in done and all(need in done for need in needs(key, bench.settings)):
                    done[key] = compute_cell(
                        bench, key, {need: done[need] for need in needs(key, bench.settings)}, None
                    )
        return {
            key: value.arrays[PROBABILITIES].tobytes() for key, value in done.items() if PROBABILITIES in value.arrays
        }

    assert worked(keys) == worked(keys[::-1])
