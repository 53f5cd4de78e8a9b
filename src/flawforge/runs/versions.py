"""What a run was made with: versions, processor, threads."""

from __future__ import annotations

import os
import platform
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
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return f"{name}, {usable_cores()} cores"


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def now() -> str:
    """Return the present UTC time in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def command() -> str:
    """Return the command line of this process as a person would type it."""
    import shlex

    name = Path(sys.argv[0]).name or "python"
    words = ["flawforge" if name == "__main__.py" else name, *sys.argv[1:]]
    return shlex.join(words)
