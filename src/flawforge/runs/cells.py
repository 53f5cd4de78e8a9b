"""Cells: the independent pieces of a trial. Each is a file pair that is whole or not there, so a kill loses no other.

A cell is ``NAME.safetensors`` (arrays) and ``NAME.json`` (facts). The arrays are written first; the JSON, which holds
their SHA-256, makes the cell exist. The name is a function of the key alone: a cell done twice replaces itself, and
none is counted twice. Nothing here needs torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flawforge.core.arrays import Floats32
from flawforge.core.errors import RunBrokenError
from flawforge.core.files import explain_os_errors, list_files, write_bytes, write_json
from flawforge.core.settings.arms import ARMS, current_name

CELL_FORMAT = 1
CELLS = "cells"  # folder of the cells below the trial's
GENERATORS = "generators"  # folder of the repeats' generators below the trial's
PROBABILITIES = "probabilities"  # name of the array that every arm's cell holds; with the task locate it is
LOCATED = "located"  # what is kept of the maps on the test images: `flawforge.metrics.detection`
MAPS = "maps"  # and, in the first repeat, the maps themselves as bytes, for pictures


@dataclass(frozen=True, order=True)
class CellKey:
    """Which piece of the trial.

    Attributes:
        seed: of the shots, the generator and the classifier.
        shots: training images a class.
        arm: ``real``, ``classical``, ``generated``, ...; or a preparation, ``generator`` or ``choice``.
        model: the classifier; empty where the piece has none.
    """

    seed: int
    shots: int
    arm: str
    model: str = ""

    @property
    def name(self) -> str:
        """The file's stem: ``s0003-n0010-classical-small-cnn``; other characters are replaced and told by a hash."""
        words = [_plain(word) for word in (self.arm, self.model) if word]
        return "-".join([f"s{self.seed:04d}", f"n{self.shots:04d}", *words])


@dataclass(frozen=True)
class Cell:
    """One whole cell.

    Attributes:
        key: which piece.
        protocol: content hash of what all cells of the trial have in common (test images, settings).
        arrays: name to array; ``probabilities`` is (N, K) float32 on the test images, in the protocol's order;
            ``located`` likewise, with the task locate.
        facts: JSON facts: ``seconds``, ``steps``, the inner choice, the machine.
    """

    key: CellKey
    protocol: str
    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any]

    @property
    def is_arm(self) -> bool:
        """Whether it holds what an arm says of the test images; a preparation does not."""
        return PROBABILITIES in self.arrays or LOCATED in self.arrays

    @property
    def probabilities(self) -> Floats32:
        """The (N, K) float32 class probabilities; with the task locate what is kept of the maps.

        Raises:
            RunBrokenError: the cell holds none (a preparation).
        """
        if not self.is_arm:
            raise RunBrokenError(f"cell {self.key.name} holds no probabilities; it is no arm of the trial.")
        return np.asarray(self.arrays[PROBABILITIES if PROBABILITIES in self.arrays else LOCATED], dtype=np.float32)


def write_cell(
    folder: Path,
    key: CellKey,
    protocol: str,
    arrays: Mapping[str, NDArray[Any]] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write a cell atomically; a cell of the same key is replaced.

    Args:
        folder: the trial's ``cells`` folder; made when missing.
        key: which piece.
        protocol: as `Cell`.
        arrays: name to array of numbers; may be empty.
        facts: what JSON can hold.

    Raises:
        ValueError: an array holds a value that is not finite. DiskFullError, RunUnwritableError: as `write_bytes`.
    """
    from safetensors.numpy import save

    whole = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    for name, array in whole.items():
        if not np.isfinite(array).all():
            raise ValueError(f"array {name!r} of cell {key.name} holds a value that is not finite")
    data = save(whole)
    path = folder / f"{key.name}.safetensors"
    with explain_os_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
    head = {
        "format": CELL_FORMAT,
        **asdict(key),
        "protocol": protocol,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "facts": dict(facts or {}),
    }
    write_json(path.with_suffix(".json"), head)


def read_cell(folder: Path, key: CellKey, protocol: str) -> Cell | None:
    """Read a cell, also one that an older version wrote under the arm's old name.

    Returns:
        The cell; None when it is not there or not whole, so that it is to be done again.

    Raises:
        RunBrokenError: it belongs to another protocol: its test images or settings are not those of this trial.
    """
    former = ARMS[key.arm].formerly if key.arm in ARMS else ""
    files = [folder / f"{replace(key, arm=arm).name}.json" for arm in (key.arm, former) if arm]
    return next((cell for cell in (_read(file, protocol) for file in files) if cell is not None), None)


def read_cells(folder: Path, protocol: str) -> dict[CellKey, Cell]:
    """Read all whole cells of a folder, by key in ascending order.

    Raises:
        RunBrokenError: as `read_cell`.
    """
    cells = [_read(file, protocol) for file in list_files(folder, "*.json")]
    return dict(sorted((cell.key, cell) for cell in cells if cell is not None))


def _read(file: Path, protocol: str) -> Cell | None:
    from safetensors.numpy import load

    try:
        head: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        key = CellKey(int(head["seed"]), int(head["shots"]), str(head["arm"]), str(head["model"]))
        data = file.with_suffix(".safetensors").read_bytes()
        whole = head["format"] == CELL_FORMAT and key.name == file.stem
        whole = whole and hashlib.sha256(data).hexdigest() == head["sha256"]
        of_cell, facts = str(head["protocol"]), dict(head["facts"])
    except PermissionError:
        raise
    except (OSError, ValueError, KeyError, TypeError):  # not whole: as if it were not there
        return None
    if not whole:
        return None
    if of_cell != protocol:
        raise RunBrokenError(
            f"{file} was measured under another protocol ({of_cell[:12]}, this trial is {protocol[:12]}): other test "
            f"images or other settings, so its numbers cannot be compared with these. Give --out another folder."
        )
    return Cell(replace(key, arm=current_name(key.arm)), protocol, load(data), facts)


def _plain(word: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", word)[:80]
    return plain if plain == word else f"{plain}~{hashlib.sha256(word.encode()).hexdigest()[:8]}"
