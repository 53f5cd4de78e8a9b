"""The registry: CONTRIBUTING's worked example ("Adding a number to the score"), and what every entry must have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from flawforge.cli.score import number_table
from flawforge.reports.page import report
from flawforge.runs.judged.scores import ScoreRecord
from flawforge.runs.records import load_record, save_record
from flawforge.studies.realism.comparison import ComparedSets, compare_sets, draw_halves, find_faults
from flawforge.studies.realism.descriptors import DescribedImages
from flawforge.studies.realism.quantities import QUANTITIES, Quantity, SetPair


def described(seed: int, count: int, scale: float = 1.0) -> DescribedImages:
    """Drawn images: features from a normal distribution, flat spectra and histograms."""
    features = scale * np.random.default_rng(seed).standard_normal((count, 4))
    flat = np.full((count, 8), 1.0), np.full((count, 256), 1 / 256)
    return DescribedImages(features, *flat, np.arange(count), tuple(str(number) for number in range(count)))


def sets_of(scale: float) -> ComparedSets:
    labels = np.zeros(40, dtype=np.int64)
    return ComparedSets(described(0, 40), labels, described(1, 40, scale), described(2, 40), disjoint=True)


def spread_ratio(pair: SetPair) -> float:
    """Return how much less the other set's features spread: 1 is no difference, more is less spread."""
    return float(pair.real.features.std() / pair.other.features.std())


SPREAD = Quantity(
    name="spread",
    label="Spread of the features",
    unit="times",
    better="lower",
    meaning="how much less the images differ from each other than real ones do",
    measure=spread_ratio,
    finding=lambda pair: "they differ too little from each other",
)


def test_a_number_that_is_added_shows_in_record_console_and_page(
    make_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(QUANTITIES, "spread", SPREAD)
    sets = sets_of(scale=0.5)
    measured = compare_sets(sets, draw_halves(sets, seed=0, count=10), seed=0)
    assert [one.name for one in measured] == list(QUANTITIES)
    spread = measured[-1]
    assert spread.outside is True
    assert spread.generated.value == pytest.approx(spread_ratio(sets.whole), rel=0.1)

    findings, clause = find_faults(sets, [spread])
    assert [finding.text for finding in findings] == ["they differ too little from each other"]
    assert clause == (
        f"they differ too little from each other ({findings[0].generated}, where an equal number of real images has "
        f"{findings[0].real})"
    )
    assert findings[0].generated == f"{spread.generated.value:.3g} times"

    run = make_run()
    save_record(
        run,
        "score",
        ScoreRecord(
            made="2026-01-02T03:07:00Z",
            versions={},
            command="flawforge score run",
            inputs={},
            extractor="drawn",
            width=4,
            against="held-out",
            resolution=(16, 16),
            n_generated=40,
            n_used=40,
            n_training=40,
            n_reference=40,
            groups=40,
            halves=10,
            half=20,
            seed=0,
            quantities=measured,
            findings=findings,
            exact_copies=0,
            why="",
            notes=[],
            sentence="...",
        ),
    )
    again = load_record(run, "score", ScoreRecord)
    assert again.quantities[-1] == spread
    assert "  Spread of the features, times (lower is better) *" in number_table(again)
    page = report(run).read_text(encoding="utf-8")
    assert "<b>Spread of the features</b>" in page
    assert "how much less the images differ from each other than real ones do, in times; lower is better" in page


def test_without_a_difference_nothing_is_found() -> None:
    sets = sets_of(scale=1.0)
    measured = compare_sets(sets, draw_halves(sets, seed=0, count=10), seed=0, names=["kid", "coverage", "precision"])
    assert [one.outside for one in measured] == [False] * 3
    assert find_faults(sets, measured) == ([], "")


def test_a_collapsed_set_is_found_by_coverage_first() -> None:
    sets = sets_of(scale=0.05)
    measured = compare_sets(sets, draw_halves(sets, seed=0, count=10), seed=0)
    findings, clause = find_faults(sets, measured)
    assert findings[0].text == "share of the real variation that is covered"
    assert clause == (
        f"they cover {findings[0].generated} of the real variation, where an equal number of real images covers "
        f"{findings[0].real}"
    )


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=QUANTITIES)
def test_each_quantity_says_all_that_a_person_reads(quantity: Quantity) -> None:
    assert QUANTITIES[quantity.name] is quantity
    assert quantity.label
    assert quantity.meaning
    assert quantity.meaning[-1] != "."
    filled = quantity.clause.format(finding="F", generated="G", real="R")
    assert "G" in filled
    assert "R" in filled
