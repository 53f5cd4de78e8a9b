"""Without any training: which generated images repeat a shot, and what a user's generator must return."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flawforge.core.errors import DataUnusableError, SettingError
from flawforge.core.settings.trials import TrialSettings
from flawforge.studies.trial.cells import generator


def test_an_image_is_a_repeat_when_it_is_nearer_to_a_shot_than_two_shots_of_different_groups_are() -> None:
    rng = np.random.default_rng(0)
    shots = rng.integers(0, 256, (4, 1, 6, 6)).astype(np.uint8)
    shots[1] = shots[0] ^ 1  # nearly the same, but of the same group: sets no limit
    other = rng.integers(0, 256, (1, 1, 6, 6)).astype(np.uint8)
    made = np.concatenate([shots[2:3], shots[3:4, :, :, ::-1], shots[2:3, :, ::-1, ::-1] ^ 1, other])
    found = generator._novel(shots, np.array([0, 0, 1, 2]), made)
    assert found[:3].tolist() == [0, 0, 0]
    assert (
        generator._novel(shots, np.zeros(4, np.int64), made).tolist() == [1] * 4
    )  # one group: nothing to compare with


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        ([], SettingError, "returned list; it returns class -> images"),
        ({"x": np.zeros((1, 4, 4), np.uint8)}, SettingError, "returned class 'x'; there are a, b"),
        ({"a": np.zeros((1, 4, 4))}, SettingError, "returned float64 (1, 4, 4) for class 'a'"),
        ({"a": np.zeros((0, 4, 4), np.uint8)}, DataUnusableError, "returned no image"),
    ],
)
def test_what_a_users_generator_must_return(
    result: Any, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "named_callable", lambda name, what: lambda data, count, seed: result)
    data = SimpleNamespace(classes=("a", "b"))
    bench = SimpleNamespace(settings=TrialSettings(generator="m:f"), dataset=data)
    with pytest.raises(error) as caught:
        generator._by_user(bench, data, 0)  # type: ignore[arg-type]
    assert message in str(caught.value)
