from collections.abc import Callable

from flawforge.reports.page import record_if_whole, report
from flawforge.reports.run.nearest import nearest_section
from flawforge.reports.run.synthetic import Synthetic
from flawforge.runs.records import AuditRecord, load_record
from parsed_page import Parsed


def test_pairs_come_nearest_first_with_distance_and_transform(drawn: Callable) -> None:
    run = drawn()
    run.audit(n=20, k=7, generated=[float(20 - i) for i in range(20)])
    record = load_record(run.run, "audit", AuditRecord)
    section = nearest_section(run.run, record, None, 255)
    assert len(section.pairs) == 12
    assert (section.pairs[0].file, len(section.pairs[0].neighbours)) == ("scratch/000019.png", 5)
    text = Parsed(report(run.run).read_text()).text
    assert "The 12 generated images that are closest to a training image" in text
    assert "The other 8 are farther away; all are in records/audit.json." in text
    assert "3.98 gray levels 1.00 Euclidean mirrored left-right" in text
    assert "↔︎ mirrored left-right, ↕︎ mirrored top-bottom, ↻︎ rotated by 180°." in text


def test_numbers_stand_with_n_and_interval(drawn: Callable) -> None:
    run = drawn()
    run.audit()
    record = load_record(run.run, "audit", AuditRecord)
    section = nearest_section(run.run, record, None, 255)
    facts = {what: value.replace("\u00a0", " ") for what, value in section.facts}
    assert facts["Exact copies of a training image"] == "0 of 50 (0%; 95% CI 0% to 7.1%)"
    assert facts["Training images"] == "30 of 21 specimens"
    assert [row[0] for row in section.quantiles][:3] == ["nearest", "5%", "25%"]
    assert [chart.name for chart in section.charts] == ["distances", "distances-sum"]
    assert section.charts[0].marks[0][1] == "nearest two real"


def test_without_groups_real_to_real_is_not_measured(drawn: Callable) -> None:
    run = drawn()
    run.audit(groups=False)
    record = load_record(run.run, "audit", AuditRecord)
    section = nearest_section(run.run, record, None, 255)
    assert section.facts[-1][1].startswith("not measured: all training images show one specimen")
    assert {row[4] for row in section.quantiles} == {"not measured"}
    assert [len(chart.curves) for chart in section.charts] == [1, 1]
    assert section.charts[0].marks == ()


def test_exact_copies_everywhere_can_be_drawn(drawn: Callable) -> None:
    run = drawn()
    run.audit(n=3, groups=False, generated=[0.0, 0.0, 0.0], exact_copies=3)
    record = load_record(run.run, "audit", AuditRecord)
    section = nearest_section(run.run, record, None, 255)
    assert section.facts[2][1].replace("\u00a0", " ") == "3 of 3 (100%; 95% CI 43.9% to 100%)"
    assert section.charts[0].curves[0].y == (0.0, 100.0, 0.0)


def test_an_audit_of_another_set_is_told(drawn: Callable) -> None:
    run = drawn()
    run.audit(inputs={"synthetic": "same"})
    record = load_record(run.run, "audit", AuditRecord)
    held = tuple(("scratch", f"{i}.png") for i in range(50))
    assert nearest_section(run.run, record, Synthetic(held, {"manifest_sha256": "same"}), 255).stale == ""
    assert nearest_section(run.run, record, Synthetic(held, {"manifest_sha256": "other"}), 255).stale == (
        f"This audit is of an earlier synthetic set; the run holds another one now. Repeat it with: "
        f"flawforge audit {run.run.path}"
    )


def test_a_damaged_record_is_noted_and_a_missing_one_is_none(drawn: Callable) -> None:
    run = drawn()
    damaged: dict[str, str] = {}
    assert record_if_whole(run.run, "audit", AuditRecord, damaged) is None
    assert damaged == {}
    (run.run.records / "audit.json").write_text("{}")
    assert record_if_whole(run.run, "audit", AuditRecord, damaged) is None
    assert "audit.json has format None" in damaged["audit"]
