"""Files whose bytes are damaged: reading one ends in what can be read, or in an error that is explained."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flawforge.core.errors import FlawforgeError

FORMS = 1000
STUMBLES = (b"", b"null", b"[", b"{}", b"-9e99", b'"')  # of a parser


def damaged(file: Path) -> Iterator[None]:
    """Write a file in 1,000 other forms, one at each step: some bytes are others, and its end is cut off."""
    content, rng = file.read_bytes(), np.random.default_rng(0)
    for _ in range(FORMS):
        data = np.frombuffer(content, np.uint8).copy()
        at = rng.integers(0, len(data), rng.integers(1, 6))
        data[at] = rng.integers(0, 256, len(at))
        file.write_bytes(data[: rng.integers(1, len(data) + 1)].tobytes())
        yield


def read_or_explained(file: Path, read: Callable[[], Any], stumbles: Sequence[bytes] = STUMBLES) -> None:
    """Read a text file in 1,000 other forms: up to five parts of it are cut out, or are what a parser stumbles over."""
    whole, draws = file.read_bytes(), random.Random(0)
    for _ in range(FORMS):
        data = bytearray(whole)
        for _ in range(draws.randint(1, 5)):
            place = draws.randrange(len(data))
            put = draws.choice([bytes([draws.randrange(256)]), *stumbles])
            data[place : place + draws.choice([0, 1, 1, 9, 20])] = put
        file.write_bytes(data)
        try:
            read()
        except FlawforgeError as error:
            assert str(error)  # noqa: PT017
