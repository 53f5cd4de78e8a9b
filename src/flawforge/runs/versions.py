"""What a run was made with: versions, processor, threads."""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flawforge import __version__

PACKAGES = ("torch", "numpy", "pillow", "scipy", "pydantic", "safetensors")


def versions() -> dict[str, str]:
    """Return the versions of Flawforge, Python and the packages that numbers depend on."""
    found = {"flawforge": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # redrawn on a machine that lacks it
            continue
    return found


def processor() -> str:
    """Return the processor's name, with the number of cores that this process may use."""
    info = Path("/proc/cpuinfo")
    known = re.search(r"^model name\s*: (.+)$", info.read_text(errors="replace"), re.M) if info.is_file() else None
    name = known[1].strip() if known else platform.processor() or platform.machine()
    return f"{name}, {usable_cores()} cores"


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def now() -> str:
    """Return the present UTC time in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def command() -> str:
    """Return the command line of this process as a person would type it."""
    name = Path(sys.argv[0]).name or "python"
    words = ["flawforge" if name == "__main__.py" else name, *sys.argv[1:]]
    return shlex.join(words)
