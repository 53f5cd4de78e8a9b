"""Cells: whole or not there, never counted twice, never mixed with another protocol."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flawforge.core.errors import RunBrokenError
from flawforge.runs.cells import CellKey, read_cell, read_cells, write_cell

KEY = CellKey(3, 10, "classical", "small-cnn")
P = {"probabilities": np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)}


def test_a_cell_comes_back_as_it_was(tmp_path: Path) -> None:
    write_cell(tmp_path / "cells", KEY, "abc", P, {"seconds": 1.5, "steps": 900})
    found = read_cell(tmp_path / "cells", KEY, "abc")
    assert found is not None
    assert (found.probabilities == P["probabilities"]).all()
    assert found.facts == {"seconds": 1.5, "steps": 900}
    assert sorted(p.name for p in (tmp_path / "cells").iterdir()) == [
        "s0003-n0010-classical-small-cnn.json",
        "s0003-n0010-classical-small-cnn.safetensors",
    ]


def test_done_twice_is_counted_once_and_the_order_is_the_keys(tmp_path: Path) -> None:
    for seed in (4, 3, 3):
        write_cell(tmp_path, CellKey(seed, 5, "real", "m"), "p", P, {"again": seed})
    write_cell(tmp_path, CellKey(3, 5, "choice", "m"), "p", facts={"share": 0.2})
    found = read_cells(tmp_path, "p")
    assert [(key.seed, key.arm) for key in found] == [(3, "choice"), (3, "real"), (4, "real")]
    with pytest.raises(RunBrokenError, match="holds no probabilities"):
        _ = found[CellKey(3, 5, "choice", "m")].probabilities


@pytest.mark.parametrize("harm", ["no json", "no arrays", "cut", "changed", "renamed", "json cut"])
def test_what_is_not_whole_is_not_there(tmp_path: Path, harm: str) -> None:
    write_cell(tmp_path, KEY, "p", P)
    head, arrays = tmp_path / f"{KEY.name}.json", tmp_path / f"{KEY.name}.safetensors"
    data = arrays.read_bytes()
    if harm == "no json":
        head.unlink()
    elif harm == "no arrays":
        arrays.unlink()
    elif harm == "cut":
        arrays.write_bytes(data[:-1])
    elif harm == "changed":
        arrays.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif harm == "renamed":
        for file in (head, arrays):
            file.rename(file.with_name(file.name.replace("s0003", "s0004")))
    else:
        head.write_text(head.read_text()[:40])
    assert read_cells(tmp_path, "p") == {}
    assert read_cell(tmp_path, KEY, "p") is None


def test_another_protocol_is_refused_not_mixed(tmp_path: Path) -> None:
    write_cell(tmp_path, KEY, "old", P)
    for read in (lambda: read_cells(tmp_path, "new"), lambda: read_cell(tmp_path, KEY, "new")):
        with pytest.raises(RunBrokenError, match="measured under another protocol"):
            read()


def test_names_are_safe_and_never_meet(tmp_path: Path) -> None:
    keys = [CellKey(1, 5, "generated", model) for model in ("my.nets:make", "my.nets_make", "../../x", "a/b", "a b")]
    assert len({key.name for key in keys}) == len(keys)
    for key in keys:
        assert "/" not in key.name
        write_cell(tmp_path, key, "p", P)
    assert list(read_cells(tmp_path, "p")) == sorted(keys)


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'probabilities' of cell s0003-n0010-classical-small-cnn holds a value"):
        write_cell(tmp_path, KEY, "p", {"probabilities": np.array([[np.nan, 1.0]], np.float32)})
    assert list(tmp_path.iterdir()) == []


def test_the_json_can_be_read_by_anything(tmp_path: Path) -> None:
    write_cell(tmp_path, KEY, "p", P, {"a": [1, None]})
    head = json.loads((tmp_path / f"{KEY.name}.json").read_text())
    assert (head["seed"], head["shots"], head["arm"], head["model"], head["protocol"]) == (
        3,
        10,
        "classical",
        "small-cnn",
        "p",
    )


def test_a_cell_of_an_older_version_is_found_under_the_name_that_its_arm_has_today(tmp_path: Path) -> None:
    write_cell(tmp_path, CellKey(0, 5, "taught", "m"), "p", P, {"seconds": 2.0})
    key = CellKey(0, 5, "pseudo-labelled", "m")
    found = read_cell(tmp_path, key, "p")
    assert found is not None
    assert found.key == key
    assert list(read_cells(tmp_path, "p")) == [key]
    assert read_cell(tmp_path, CellKey(0, 5, "pseudo-labelled-generated", "m"), "p") is None
