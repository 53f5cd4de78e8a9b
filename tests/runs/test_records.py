from __future__ import annotations

import json
from pathlib import Path

import pytest

from flawforge.core.errors import RunBrokenError, RunNotFoundError
from flawforge.runs.folder import Run
from flawforge.runs.judged.audits import AuditRecord, Distances
from flawforge.runs.judged.scores import BeyondCopies, Number
from flawforge.runs.records import Record, Share, load_record, save_record
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
    with pytest.raises(RunBrokenError, match="has format 7; this version of Flawforge reads format 1"):
        load_record(run, "audit", Record)
    del value["made"]
    path.write_text(json.dumps(value))
    with pytest.raises(RunBrokenError, match="is damaged: Field required"):
        load_record(run, "audit", Record)


def test_the_interval_of_a_share_is_in_the_record_and_is_computed_where_an_older_record_is_read(tmp_path: Path) -> None:
    """At 0 of n the score interval is [0, z²/(n + z²)]; at half it is symmetric."""
    z = 1.959964
    zero, half = Share.of(0, 50), Share.of(50, 100)
    assert zero is not None
    assert half is not None
    assert (zero.low, zero.high) == (0.0, pytest.approx(z * z / (50 + z * z)))
    assert (half.low, half.high) == (pytest.approx(0.40383, abs=1e-5), pytest.approx(0.59617, abs=1e-5))
    assert Share.of(None, 50) is Share.of(0, 0) is None
    distances = Distances(nearest=[1.0], quantiles={})
    whole = AuditRecord(
        **record().model_dump(exclude={"kind"}),
        k=1,
        channels="all",
        resolution=(8, 8),
        transforms=[],
        n_generated=50,
        n_training=9,
        n_groups=9,
        generated_to_real=distances,
        real_to_real=None,
        exact_copies=0,
        nearer_than_real=None,
        root_mean_square=1.0,
        pairs=[],
        sentence="",
    )
    assert (whole.exact, whole.nearer) == (zero, None)
    run = Run.create(tmp_path, RunSettings())
    path = save_record(run, "audit", whole)
    value = json.loads(path.read_text())
    assert value["exact"] == {"count": 0, "total": 50, "low": 0.0, "high": zero.high}
    older = {key: part for key, part in value.items() if key not in ("exact", "nearer")}
    path.write_text(json.dumps(older))
    assert load_record(run, "audit", AuditRecord) == whole
    path.write_text(json.dumps({**value, "exact": {**value["exact"], "high": 0.5}}))
    read = load_record(run, "audit", AuditRecord).exact
    assert read is not None
    assert read.high == 0.5  # as the record holds it


def test_a_ratio_of_distances_that_says_nothing_has_its_reason_in_its_place() -> None:
    """One "not measured" stood for two reasons, and -2.61 for images that are at no distance at all."""
    number = Number(value=0.1, low=0.0, high=0.2, n=20, groups=20)
    sides = dict.fromkeys(("generated", "again", "real", "above"), number)

    def said(**kids: float | None) -> str:
        return BeyondCopies(label="pit", n=20, n_reference=20, groups=20, **sides, **kids).distance

    assert said(kid=2.0, kid_copies=1.0, kid_ratio=2.0) == "2.00"
    assert said() == "not measured"
    assert said(kid=2.0, kid_copies=-0.1) == "copies at no distance"
    assert said(kid=-2.0, kid_copies=1.0, kid_ratio=-2.0) == "at no distance"
