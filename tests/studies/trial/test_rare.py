"""A whole trial on data as factories have them: one rare class, or all images as they are."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import flawforge
import trial_material as material
from flawforge.cli.trial import _table
from flawforge.core.errors import DataUnusableError
from flawforge.reports.trial.page import trial_report
from flawforge.runs.cells import CellKey, read_cells
from flawforge.runs.model_cards import read_card
from flawforge.runs.trials import TrialRecord, read_trial, trial_csv

SMALL: dict[str, Any] = {
    "seeds": 3,
    "resolution": (32, 32),
    "steps": 20,
    "batch": 12,
    "made": 20,
    "share": 0.5,
    "policy": "none",
    "models": ("trial_material:small_network",),
    "arms": ("real", "classical", "placebo", "generated"),
    "generator": "trial_material:oracle",
    "workers": 1,
    "early_stop": False,
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plenty of one class, some of another, few of a third."""
    root = material.draw_dataset(tmp_path_factory.mktemp("rare") / "photos", 60, classes=("good", "stripes", "waves"))
    for label, kept in (("stripes", 24), ("waves", 14)):
        for file in sorted((root / label).glob("*.png"))[kept:]:
            file.unlink()
    return root


@pytest.fixture(scope="module")
def rare(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrialRecord]:
    out = tmp_path_factory.mktemp("rare-out") / "out"
    return out, flawforge.trial(photos, out, rare=("waves",), shots=(3, 5), others=20, **SMALL)


def test_every_figure_of_the_rare_class_is_in_the_record_the_table_and_on_the_page(
    rare: tuple[Path, TrialRecord],
) -> None:
    out, record = rare
    assert record.protocol.metric == "average precision of waves"
    assert (record.protocol.rare, record.protocol.others, record.protocol.as_is) == (["waves"], 20, False)
    names = [f"{word} of waves" for word in ("average precision", "recall", "precision", "F1")]
    for result in record.results:
        assert list(result.metrics)[:4] == names
        assert "balanced accuracy" in result.metrics
        assert all(
            found.low is not None and found.low <= found.value <= found.high for found in result.metrics.values()
        )  # type: ignore[operator]
        assert result.metrics["recall of waves"].value == pytest.approx(result.recalls["waves"])
    for comparison in record.comparisons:
        assert set(comparison.figures) == set(record.results[0].metrics) - {record.protocol.metric}
        own, base = (record.result(comparison, arm) for arm in (comparison.arm, comparison.control))
        assert own is not None
        assert base is not None
        for name, paired in comparison.figures.items():
            assert paired.value == pytest.approx(own.metrics[name].value - base.metrics[name].value)  # type: ignore[operator]
    table, page = trial_csv(record), trial_report(out).read_text(encoding="utf-8")
    for name in names:
        assert f",{name}," in table
        assert name in page
    assert "at 5 images of waves (trial_material:small_network): average precision of waves" in record.verdict.sentence
    assert "images of waves" in page
    assert "images per class" not in page.split("<h2>Protocol</h2>")[0].replace("images per class than", "")
    assert read_trial(out) == record


def test_the_console_shows_the_other_figures_and_their_paired_differences(rare: tuple[Path, TrialRecord]) -> None:
    _, record = rare
    lines = _table(record).splitlines()
    title = "5 images of waves, trial_material:small_network: average precision of waves in %, mean of 3 repeats and"
    row = lines[lines.index(f"{title} 95% CI") + 2]
    assert row.startswith("  classical  ")
    assert re.search(r"; recall of waves \d+\.\d; precision of waves \d+\.\d; F1 of waves .*; balanced accuracy", row)
    paired = lines.index("5 images of waves, trial_material:small_network: generated minus classical")
    assert re.fullmatch(r"  recall of waves: [+-]\d+\.\d+ points \(95% CI -?\d.*\)", lines[paired + 1])


def test_the_arms_of_a_rare_trial_share_what_was_chosen_and_their_images(
    rare: tuple[Path, TrialRecord], photos: Path
) -> None:
    out, record = rare
    from flawforge.studies.trial import load_bench

    bench, model = load_bench(out), SMALL["models"][0]
    cells = read_cells(out / "cells", bench.protocol)
    for shots in (3, 5):
        chosen = cells[CellKey(0, shots, "sampling", model)].facts["sampling"]
        for repeat in range(3):
            for arm in ("classical", "placebo", "generated"):
                facts = cells[CellKey(repeat, shots, arm, model)].facts
                assert facts["sampling"] == chosen
                assert facts["images"] == shots + 20 + 12
                assert ("shift" in facts) == (chosen["strength"] > 0)
            assert "sampling" not in cells[CellKey(repeat, shots, "real", model)].facts
    assert [what for what, _ in record.choices if what.endswith("batches and logits")] == [
        f"{shots} images of waves, {model}: batches and logits" for shots in (3, 5)
    ]


def test_the_data_as_they_are_are_one_setting(photos: Path, tmp_path: Path) -> None:
    record = flawforge.trial(photos, tmp_path / "out", as_is=True, **SMALL)
    assert {result.shots for result in record.results} == {0}
    assert record.protocol.metric == "balanced accuracy"
    assert "with all images (trial_material:small_network)" in record.verdict.sentence
    page = trial_report(tmp_path / "out").read_text(encoding="utf-8")
    assert "all images, trial_material:small_network" in page
    assert all(
        "0 images" not in text for text in (page, record.verdict.sentence, *record.notes, *record.verdict.advice)
    )


def test_a_rare_kind_of_defect_is_told_from_good_images(photos: Path, tmp_path: Path) -> None:
    record = flawforge.trial(
        photos,
        tmp_path / "out",
        task="good",
        rare=("waves",),
        shots=(4,),
        **{**SMALL, "arms": ("classical", "generated")},
    )
    assert record.protocol.metric == "average precision of waves"
    assert {"recall of waves", "AUROC"} <= set(record.results[0].metrics)
    assert [part.label for part in record.comparisons[0].classes] == ["stripes", "waves"]


def test_400_good_60_of_one_defect_and_5_of_another_have_a_trial_or_hear_what_to_do(
    photos: Path, tmp_path: Path
) -> None:
    few = tmp_path / "photos"
    shutil.copytree(photos, few)
    for file in sorted((few / "waves").glob("*.png"))[5:]:
        file.unlink()
    asked = {**SMALL, "arms": ("classical", "generated")}
    with pytest.raises(DataUnusableError, match="the rare class 'waves' has 5 images .* Ask for --shots 3 or fewer"):
        flawforge.trial(few, tmp_path / "out", rare=("waves",), shots=(5,), **asked)
    record = flawforge.trial(few, tmp_path / "out", rare=("waves",), shots=(3,), **asked)
    assert record.protocol.test_per_class["waves"] == 2
    assert "At 3 shots every repeat has the same training images of waves" in " ".join(record.notes)
    assert record.verdict.word == "no evidence"


def test_the_model_to_keep_draws_its_batches_as_most_repeats_did_and_has_the_shift(
    rare: tuple[Path, TrialRecord],
) -> None:
    out, record = rare
    from flawforge.studies.trial import load_bench

    bench, model = load_bench(out), SMALL["models"][0]
    chosen = [
        cell.facts["sampling"]
        for key, cell in read_cells(out / "cells", bench.protocol).items()
        if (key.arm, key.shots, key.model) == ("sampling", 5, model)
    ]
    most = max(chosen, key=chosen.count)
    card = read_card(out / record.kept[0].folder)
    assert card.shots == "5 images of waves"
    assert (most["strength"] > 0) == any(card.logit_shift)
    assert card.metric == "average precision of waves"
