from __future__ import annotations

import pytest

from flawforge.core.errors import SettingError
from flawforge.core.launch import Launch, launched

WHOLE = {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1", "MASTER_ADDR": "node0", "MASTER_PORT": "29500"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in WHOLE:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_without_a_launcher_the_process_is_alone(environment: pytest.MonkeyPatch) -> None:
    assert launched() == Launch(0, 1, 0)
    assert launched().first
    environment.setenv("WORLD_SIZE", "1")
    assert launched() == Launch(0, 1, 0)


def test_what_torchrun_sets_is_read(environment: pytest.MonkeyPatch) -> None:
    for name, value in WHOLE.items():
        environment.setenv(name, value)
    assert launched() == Launch(3, 4, 1)
    assert not launched().first


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("RANK", "", "WORLD_SIZE=4, so there are 4 processes, but RANK is not set. Start with torchrun"),
        ("RANK", "4", "RANK=4; with WORLD_SIZE=4 it is 0 to 3"),
        ("WORLD_SIZE", "four", "WORLD_SIZE=four; it is a number"),
    ],
)
def test_an_environment_that_contradicts_itself_is_explained(
    environment: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    for key, text in {**WHOLE, name: value}.items():
        environment.setenv(key, text)
    with pytest.raises(SettingError, match=told):
        launched()
