"""The settings of a trial as flags."""

from __future__ import annotations

from typing import Any

from cyclopts import Group

from flawforge.cli.flags import flags_of
from flawforge.core.trials import TrialSettings

GROUP = Group(
    "Settings of the trial",
    help="Of a trial that goes on, give the same again; more seeds, shots, arms or models may be asked for.",
    sort_key=10,
)


def default_of(name: str) -> str:
    """Return the default of a field in words."""
    default = TrialSettings.model_fields[name].default
    if default is None:
        return "default unset"
    if name == "resolution":
        return f"default {default[0]}"
    return f"default {','.join(str(part) for part in default) if isinstance(default, tuple) else default}"


TrialFlags: Any = flags_of(
    "TrialFlags", __name__, TrialSettings, {name: default_of(name) for name in TrialSettings.model_fields}, GROUP,
    names=TrialSettings.flags, lists=("shots", "arms", "models"),
)  # fmt: skip
"""One optional text, or list of texts, for each field of `TrialSettings`."""
NONE_GIVEN = TrialFlags()
