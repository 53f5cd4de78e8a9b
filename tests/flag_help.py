"""What `--help` says of a flag."""

from __future__ import annotations


def flag_help(flags: type, name: str) -> str:
    """Return the help of one flag of a class of flags."""
    return str(flags.__annotations__[name].__metadata__[-1].help)
