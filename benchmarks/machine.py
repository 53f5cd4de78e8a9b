"""What a benchmark says of the machine, and how it keeps its result."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flawforge.runs.versions import now, processor, versions


def machine() -> dict[str, Any]:
    """Return versions, processor and time."""
    return {"made": now(), "processor": processor(), "versions": versions()}


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds that one call takes, by a clock: `time.process_time` counts the processor's, whoever else is
    at work.
    """
    start = clock()
    work()
    return clock() - start


def median_ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """Return the median of the round-by-round ratios slow / fast: what alternation on a noisy machine is for."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def keep(file: Path | None, result: dict[str, Any]) -> None:
    """Write the result with the machine as JSON, where a file is named."""
    if file is not None:
        file.write_text(json.dumps({"machine": machine(), **result}, indent=2) + "\n", encoding="utf-8")
