"""A user's own function, named in a setting as ``module:function``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from flawforge.core.errors import SettingError


def named_callable(name: str, what: str) -> Callable[..., Any]:
    """Return the function, or class, that ``module:function`` names.

    Args:
        name: as the user wrote it.
        what: what it is given as, e.g. ``--generator``, or ``model``.

    Raises:
        SettingError: the module cannot be imported, holds no such name, or it cannot be called.
    """
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingError(
            f"{what} is '{name}', but {error}. It is written module:function; the module must be importable from where "
            f"you start (PYTHONPATH)."
        ) from None
    if not callable(found):
        raise SettingError(f"{what} is '{name}', which is no function but {type(found).__name__}.")
    return found  # type: ignore[no-any-return]
