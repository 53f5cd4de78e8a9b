from collections.abc import Callable

import pytest

from flawforge.core.errors import RunBrokenError
from flawforge.reports.run.nearest import nearest, read_audit
from flawforge.reports.run.synthetic import Synthetic


def test_pairs_come_nearest_first_with_distance_and_transform(drawn: Callable) -> None:
    run = drawn()
    run.audit(n=20, k=7, generated=[float(20 - i) for i in range(20)])
    record = read_audit(run.run)
    assert record is not None
    section = nearest(run.run, record, None, 255)
    assert len(section.pairs) == 12
    assert section.hidden == 8
    first = section.pairs[0]
    assert first.generated.file == "scratch/000019.png"
    assert len(first.neighbours) == 5
    assert (first.neighbours[0].distance, first.neighbours[0].gray_levels) == ("1.00", "3.98")
    assert (first.neighbours[0].transform, first.neighbours[1].transform) == ("mirrored left-right", "turned by 180°")


def test_numbers_stand_with_n_and_interval(drawn: Callable) -> None:
    run = drawn()
    run.audit()
    record = read_audit(run.run)
    assert record is not None
    section = nearest(run.run, record, None, 255)
    facts = {what: value.replace("\u00a0", " ") for what, value in section.facts}
    assert facts["Exact copies of a training image"] == "0 of 50 (0 %; 95 % interval 0 % to 7.1 %)"
    assert facts["Training images"] == "30 in 21 groups of overlapping pictures"
    assert [row.name.replace("\u00a0", " ") for row in section.quantiles][:3] == [
        "nearest",
        "5 %",
        "25 %",
    ]
    assert [chart.name for chart in section.charts] == ["distances", "distances-sum"]
    assert section.charts[0].marks[0][1] == "nearest two real"


def test_without_groups_real_to_real_is_not_measured(drawn: Callable) -> None:
    run = drawn()
    run.audit(groups=False)
    record = read_audit(run.run)
    assert record is not None
    section = nearest(run.run, record, None, 255)
    assert section.facts[-1][1].startswith("not measured: the training images are one group")
    assert {row.real for row in section.quantiles} == {"not measured"}
    assert [len(chart.curves) for chart in section.charts] == [1, 1]
    assert section.charts[0].marks == ()


def test_exact_copies_everywhere_can_be_drawn(drawn: Callable) -> None:
    run = drawn()
    run.audit(n=3, groups=False, generated=[0.0, 0.0, 0.0], exact_copies=3)
    record = read_audit(run.run)
    assert record is not None
    section = nearest(run.run, record, None, 255)
    assert section.facts[2][1].replace("\u00a0", " ") == "3 of 3 (100 %; 95 % interval 43.9 % to 100 %)"
    assert section.charts[0].curves[0].y == (0.0, 100.0, 0.0)


@pytest.mark.parametrize(("n", "manifest"), [(50, "other"), (8, "same")])
def test_an_audit_of_another_set_is_told(drawn: Callable, n: int, manifest: str) -> None:
    run = drawn()
    run.audit(inputs={"synthetic": "same"})
    record = read_audit(run.run)
    assert record is not None
    held = tuple(("scratch", f"{i}.png") for i in range(50))
    assert nearest(run.run, record, Synthetic(held, {"manifest_sha256": "same"}), 255).stale == ""
    assert nearest(run.run, record, Synthetic(held[:n], {"manifest_sha256": manifest}), 255).stale == (
        f"The audit looked at another set of 50 images than the {n} that the run holds now. "
        f"Do it again: flawforge audit {run.run.path}"
    )


def test_a_damaged_record_is_an_error_and_a_missing_one_is_none(drawn: Callable) -> None:
    run = drawn()
    assert read_audit(run.run) is None
    (run.run.records / "audit.json").write_text("{}")
    with pytest.raises(RunBrokenError):
        read_audit(run.run)
