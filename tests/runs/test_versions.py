from __future__ import annotations

import re
import sys

import pytest

import flawforge
from flawforge.runs.versions import command, now, processor, usable_cores, versions


def test_versions_name_ours_and_torch() -> None:
    assert versions()["flawforge"] == flawforge.__version__
    assert re.match(r"\d+\.\d+", versions()["torch"])


def test_time_is_utc_to_the_second() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", now())


def test_the_processor_has_a_name_and_cores() -> None:
    assert re.fullmatch(rf".+, {usable_cores()} cores", processor())


def test_the_command_is_one_that_can_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/flawforge", "train", "my data", "--out", "x"])
    assert command() == "flawforge train 'my data' --out x"
