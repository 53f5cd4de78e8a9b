"""Parts of one job: what fails is kept for the end, and nothing else is held up."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from flawforge.cli.parts import Parts
from flawforge.core.errors import TrainingInterruptedError
from heard import Heard


def failing(error: BaseException) -> NoReturn:
    raise error


def test_what_a_part_returns_is_returned_and_nothing_is_said() -> None:
    heard = Heard()
    assert Parts(heard).tried("audit", lambda: 3) == 3
    assert heard.warned == []


def test_the_first_error_tells_of_the_others_and_of_the_page() -> None:
    heard = Heard()
    parts, first = Parts(heard), ValueError("one")
    assert parts.tried("audit", lambda: failing(first)) is None
    assert parts.tried("film", lambda: 1) == 1
    assert parts.tried("score", lambda: failing(OSError("two"))) is None
    assert len(heard.warned) == 2
    assert parts.failed(Path("report.html")) is first
    assert first.__notes__ == [
        "And the score: two",
        "The report is drawn without the audit and the score: report.html",
    ]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), TrainingInterruptedError("stopped")])
def test_a_stop_by_the_user_is_no_fault_of_the_part(stop: BaseException) -> None:
    with pytest.raises(type(stop)):
        Parts(Heard()).tried("audit", lambda: failing(stop))
