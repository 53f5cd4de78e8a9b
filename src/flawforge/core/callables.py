"""A user's own function, named in a setting as ``module:function``."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable
from typing import Any

from flawforge.core.errors import FlawforgeError, SettingError


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
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise SettingError(
            f"{what} is '{name}', but {error}. It is written module:function; the module must be importable from where "
            f"you start (PYTHONPATH)."
        ) from None
    except Exception as error:
        raise SettingError(_failed(error, name, what)) from error
    if not callable(found):
        raise SettingError(f"{what} is '{name}', which is no function but {type(found).__name__}.")
    return found  # type: ignore[no-any-return]


def call(function: Callable[..., Any], name: str, what: str, *arguments: Any) -> Any:
    """Return what a user's function returns for these arguments.

    Args:
        function: of `named_callable`.
        name: as the user wrote it.
        what: what it is given as.
        arguments: of the call.

    Raises:
        SettingError: it raised something that explains nothing; what it was, and where, is told.
    """
    try:
        return function(*arguments)
    except FlawforgeError:
        raise
    except Exception as error:
        raise SettingError(_failed(error, name, what)) from error


def _failed(error: Exception, name: str, what: str) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{what} is '{name}', which failed: {type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
