"""Checkpoints: safetensors and JSON, never a pickle; the newest whole one is always usable.

A checkpoint is two files, ``step_00012800.safetensors`` and ``step_00012800.json``. The tensors are written first;
the JSON, which holds their SHA-256, makes the checkpoint exist. A process killed in between leaves tensors without
JSON, which count for nothing and are cleared at the next save.

Training that judges itself names its best step in each checkpoint (``best``), and the steps that must stay beside the
newest (``kept``): the best, and the one that a collapse would go back to.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flawforge.core.errors import RunBrokenError, RunNotFoundError, SettingError
from flawforge.core.files import (
    FORMAT,
    explain_os_errors,
    list_files,
    remove_parts,
    sha256_file,
    write_bytes,
    write_json,
)
from flawforge.core.progress import SILENT, Progress
from flawforge.runs.folder import Run

if TYPE_CHECKING:
    from torch import Tensor

LOOKS = 20  # times that a checkpoint is looked for which a training goes on replacing
KEPT = 2  # whole checkpoints that stay, beside those that they name
BEST, NEWEST = "best", "newest"


@dataclass(frozen=True)
class Checkpoint:
    """One whole checkpoint.

    Attributes:
        path: of the safetensors file.
        step: optimiser steps done.
        facts: the JSON beside it: ``step``, ``kimg``, ``seconds``, ``sha256``, ``stopped`` (why training ended here,
            or None), ``best`` (the step to make images from), ``kept`` (steps that stay), ...
    """

    path: Path
    step: int
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        """The name that manifests cite: the file's stem and the first 12 digits of its SHA-256."""
        return f"{self.path.stem}@{self.facts['sha256'][:12]}"

    def tensors(self, prefix: str = "") -> dict[str, Tensor]:
        """Read the tensors whose names start with `prefix` (which is cut off), on the CPU.

        Raises:
            RunBrokenError: the file does not hold what it held when it was written.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="pt", device="cpu") as file:
                return {key[len(prefix) :]: file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise RunBrokenError(f"checkpoint {self.path} is damaged: {error}") from error


def save_checkpoint(run: Run, step: int, tensors: dict[str, Tensor], facts: dict[str, Any]) -> Checkpoint:
    """Write a checkpoint, then remove all but it, the newest two and the steps in their ``kept``.

    Raises:
        DiskFullError: no room; the earlier checkpoints are untouched. RunUnwritableError: the folder may not be
            written.
    """
    from safetensors.torch import save

    path = run.checkpoints / f"step_{step:08d}.safetensors"
    contiguous = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    data = save(contiguous)
    with explain_os_errors(path):
        run.checkpoints.mkdir(parents=True, exist_ok=True)
        remove_parts(run.checkpoints)
    whole = {"format": FORMAT, "step": step, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **facts}
    write_bytes(path, data)
    write_json(path.with_suffix(".json"), whole)
    _remove_old(run, step)
    return Checkpoint(path, step, whole)


def list_checkpoints(run: Run) -> list[Checkpoint]:
    """Return the checkpoints that have both files at their full length, oldest first (their hash is
    not checked yet).

    Raises:
        PermissionError: they may not be read; taken for missing, training would begin anew over them.
    """
    found = []
    for facts_file in list_files(run.checkpoints, "step_*.json"):
        path = facts_file.with_suffix(".safetensors")
        try:
            facts = json.loads(facts_file.read_text(encoding="utf-8"))
            if facts["format"] == FORMAT and path.stat().st_size == facts["bytes"]:
                found.append(Checkpoint(path, int(facts["step"]), facts))
        except PermissionError:
            raise
        except (OSError, ValueError, KeyError, TypeError):  # not whole: as if it were not there
            continue
    return found


def newest_checkpoint(run: Run, progress: Progress = SILENT) -> Checkpoint | None:
    """Return the newest checkpoint whose content has the hash it was written with, or None when there is none.

    Newer ones that are damaged are warned of.
    """
    found = None
    for _ in range(LOOKS):  # a training that goes on replaces them while they are read
        there = list_checkpoints(run)
        found = next(_sound(reversed(there)), None)
        if found is not None or not there:
            break
    for facts in list_files(run.checkpoints, "step_*.json"):
        path = facts.with_suffix(".safetensors")
        newer = found is None or facts.stem > found.path.stem
        if newer and path.exists() and not any(one.path == path for one in _sound(list_checkpoints(run))):
            instead = "there is no other" if found is None else f"{found.path.name} is taken in its place"
            progress.warn(f"checkpoint {path} is damaged; {instead}.")
    return found


def load_weights(run: Run, which: str | int, progress: Progress) -> tuple[Checkpoint, dict[str, Tensor]]:
    """Return a checkpoint, and the generator's tensors in it: their moving average where it was kept.

    One that a training replaces meanwhile is looked for again. Arguments and errors as `find_checkpoint`; and
    RunBrokenError: it is damaged.
    """
    for look in range(LOOKS):
        found = find_checkpoint(run, which, progress)
        try:
            return found, found.tensors("ema.") or found.tensors("generator.")
        except RunBrokenError:
            if found.path.exists() or look == LOOKS - 1:
                raise
    raise AssertionError


def require_checkpoint(run: Run, progress: Progress = SILENT) -> Checkpoint:
    """Return the newest whole checkpoint.

    Raises:
        RunNotFoundError: the run has none.
    """
    checkpoint = newest_checkpoint(run, progress)
    if checkpoint is None:
        raise RunNotFoundError(
            f"{run.path} has no whole checkpoint yet. "
            f"Train it with: flawforge train DATA --out {shlex.quote(str(run.path))} --resume"
        )
    return checkpoint


def find_checkpoint(run: Run, which: str | int = BEST, progress: Progress = SILENT) -> Checkpoint:
    """Return the checkpoint to make images from.

    Args:
        run: the run.
        which: ``best``, as training judged it (the newest where it did not judge, or where the best is damaged);
            ``newest``; or the number of a step.
        progress: where to warn of a newest one that is damaged.

    Raises:
        RunNotFoundError: the run has no whole checkpoint. SettingError: none of that step, or another word.
    """
    newest = require_checkpoint(run, progress)
    if which == NEWEST:
        return newest
    if which == BEST:
        named = (one for one in list_checkpoints(run) if one.step == newest.facts.get("best", newest.step))
        return next(_sound(named), newest)
    there = {str(one.step): one for one in list_checkpoints(run)}
    if str(which) not in there:
        raise SettingError(
            f"--checkpoint is '{which}'; {run.path} has {BEST}, {NEWEST}, and the steps {', '.join(there)}."
        )
    return there[str(which)]


def drop_after(run: Run, step: int) -> None:
    """Remove the checkpoints of later steps: training went back."""
    for checkpoint in list_checkpoints(run):
        if checkpoint.step > step:
            checkpoint.path.with_suffix(".json").unlink(missing_ok=True)
            checkpoint.path.unlink(missing_ok=True)


def _sound(checkpoints: Iterable[Checkpoint]) -> Iterator[Checkpoint]:
    for checkpoint in checkpoints:
        with contextlib.suppress(FileNotFoundError):  # replaced meanwhile
            if sha256_file(checkpoint.path) == checkpoint.facts["sha256"]:
                yield checkpoint


def _remove_old(run: Run, written: int) -> None:
    whole = list_checkpoints(run)
    named = {step for checkpoint in whole[-KEPT:] for step in (checkpoint.step, *checkpoint.facts.get("kept", ()))}
    keep = {checkpoint.path.stem for checkpoint in whole if checkpoint.step in named | {written}}
    for path in run.checkpoints.glob("step_*"):
        if path.stem not in keep:
            path.unlink(missing_ok=True)
