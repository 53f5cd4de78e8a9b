from __future__ import annotations

import json
from pathlib import Path

import pytest

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.runs.folder import Run
from flawforge.runs.records import Record, load_record, save_record
from flawforge.runs.run_settings import RunSettings


def record() -> Record:
    return Record(made="2026-01-01T00:00:00Z", versions={"flawforge": "1"}, command="x", inputs={"data": "ab"})


def test_a_record_goes_to_disk_and_back(tmp_path: Path) -> None:
    run = Run.create(tmp_path, RunSettings())
    save_record(run, "audit", record())
    assert load_record(run, "audit", Record) == record()


def test_a_missing_a_damaged_and_a_foreign_record(tmp_path: Path) -> None:
    run = Run.create(tmp_path, RunSettings())
    with pytest.raises(RunNotFoundError, match=r"has no audit record. Make it with: flawforge audit"):
        load_record(run, "audit", Record)
    path = save_record(run, "audit", record())
    value = json.loads(path.read_text())
    path.write_text(json.dumps({**value, "format": 7}))
    with pytest.raises(RunBrokenError, match="has format 7; this version reads 1"):
        load_record(run, "audit", Record)
    del value["made"]
    path.write_text(json.dumps(value))
    with pytest.raises(RunBrokenError, match="is damaged: Field required"):
        load_record(run, "audit", Record)
