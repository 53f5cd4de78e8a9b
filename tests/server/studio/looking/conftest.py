"""A studio whose pages look into a generator and into images, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio_folder import asking

pytest.importorskip("fastapi", reason="needs the extra 'studio'")


class Here:
    """In place of a worker: calls here and now."""

    def __init__(self, log: Path) -> None:
        """Take what a worker takes."""

    def call(self, seconds: float, function: Callable[..., Any], *given: Any) -> Any:
        from concurrent.futures import Future

        from flawforge.server.studio.looking.worker import Worker

        future: Future[Any] = Future()
        try:
            future.set_result(function(*given))
        except Exception as error:
            future.set_exception(error)
        return Worker._result(future, seconds)

    def poll(self, key: Any, seconds: float, function: Callable[..., Any], *given: Any) -> Any:
        return self.call(seconds, function, *given)


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Give a function that asks the studio of ``tmp_path``."""
    monkeypatch.setattr("flawforge.server.studio.looking.addresses.Worker", Here)
    return asking(tmp_path)
