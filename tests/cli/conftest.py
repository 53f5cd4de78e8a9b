from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flawforge.cli.main import main
from saved import lined, saved

TINY = [
    "--recipe",
    "dcgan-lite",
    "--resolution",
    "16",
    "--generator-depth",
    "2",
    "--discriminator-depth",
    "2",
    "--latent",
    "8",
    "--batch",
    "4",
    "--precision",
    "float32",
]


@pytest.fixture
def tiny() -> list[str]:
    """Flags of a recipe that trains in a blink."""
    return list(TINY)


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A folder of gray images with a bright line each."""
    return saved(tmp_path / "lines", lined(8, 20, 30))


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Let closed files be closed for the superuser too, who runs tests in containers: without his rights over them."""
    if not sys.platform.startswith("linux"):
        pytest.skip("closes files as Linux does")
    if os.geteuid() != 0:
        yield
        return
    libc, header, rights = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, rights) == 0
    effective = rights[0]
    rights[0] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    assert libc.capset(header, rights) == 0
    yield
    rights[0] = effective
    assert libc.capset(header, rights) == 0


@pytest.fixture
def typed() -> Callable[..., int]:
    """Run the command line in this process and return its exit code."""

    def run(*words: str) -> int:
        try:
            main([str(word) for word in words])
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return run
