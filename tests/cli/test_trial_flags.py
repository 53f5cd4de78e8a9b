"""A trial's settings as flags."""

from __future__ import annotations

from dataclasses import fields

from flag_help import flag_help
from flawforge.cli.flags import TrialFlags
from flawforge.core.settings.trials import TrialSettings


def test_there_is_a_flag_for_every_field() -> None:
    assert {entry.name for entry in fields(TrialFlags)} == set(TrialSettings.model_fields)


def test_flags_say_their_defaults() -> None:
    assert flag_help(TrialFlags, "steps").endswith("; default 900)")
    assert flag_help(TrialFlags, "resolution").endswith("; default 64)")
    assert flag_help(TrialFlags, "generator").endswith("; default unset)")
    assert "Separate several with commas or spaces. (images per class; " in flag_help(TrialFlags, "shots")
