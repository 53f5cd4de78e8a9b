"""``flawforge serve``: a token comes from a file or the environment, never from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flawforge.server


def test_the_token_is_read_and_handed_on(
    typed: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(flawforge.server, "serve", lambda run, **given: asked.append({"run": run, **given}))
    (tmp_path / "token").write_text("0123456789abcdef\n")
    monkeypatch.delenv("FLAWFORGE_TOKEN", raising=False)
    assert typed("serve", "RUN") == 0
    assert typed("serve", "RUN", "--token-file", str(tmp_path / "token"), "--names", "lab,line-3", "--most", "9") == 0
    monkeypatch.setenv("FLAWFORGE_TOKEN", "fedcba9876543210")
    assert typed("serve", "RUN", "--host", "0.0.0.0") == 0
    assert [one["token"] for one in asked] == [None, "0123456789abcdef", "fedcba9876543210"]
    assert (asked[1]["names"], asked[1]["most"], asked[2]["host"]) == (["lab", "line-3"], 9, "0.0.0.0")
    assert typed("serve", "RUN", "--token-file", str(tmp_path / "none")) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_what_cannot_be_is_refused_at_once(typed: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("serve", "RUN", "--port", "70000") == 1
    assert "--port is 70000" in capsys.readouterr().err
    assert typed("serve", "RUN", "--host", "0.0.0.0") == 1
    assert "must bring a token" in " ".join(capsys.readouterr().err.split())
