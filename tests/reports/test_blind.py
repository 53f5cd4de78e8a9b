"""The blind test: drawn beside the report, judged by keys in a browser, and counted right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flawforge.core.images import encode_png
from flawforge.reports.page import report
from flawforge.runs.judged.scores import BlindImage, FullSize, ScoreRecord
from flawforge.runs.records import Share, load_record, save_record

KINDS = [row % 3 == 0 for row in range(12)]


def with_blind(drawn: Any, defects: float | None = None) -> Path:
    drawn.score()
    folder = drawn.run.records / "blind"
    folder.mkdir(exist_ok=True)
    draws = np.random.default_rng(0)
    for row in range(len(KINDS)):
        (folder / f"{row}.png").write_bytes(encode_png(draws.integers(0, 255, (96, 120), dtype=np.uint8), "L"))
    record = load_record(drawn.run, "score", ScoreRecord)
    plain = record.quantities[0].model_copy(update={"name": "classifier_auc", "label": "AUC of a classifier"})
    placed = plain.generated.model_copy(update={"value": defects})
    of_defects = plain.model_copy(update={"name": "defect_auc", "generated": placed})
    full = FullSize(
        side=64,
        n_generated=64,
        n_reference=64,
        quantities=[plain] if defects is None else [plain, of_defects],
        repeating=0,
        repeat_limit=0.5,
        repeat_scores=[],
        repeats_found=False,
        seam="",
        seam_p=1.0,
        sentence="At full size: no difference.",
        blind=[BlindImage(picture=f"records/blind/{row}.png", real=real) for row, real in enumerate(KINDS)],
    )
    save_record(drawn.run, "score", record.model_copy(update={"full_size": full}))
    return report(drawn.run)


def test_it_lies_beside_the_report_and_goes_when_there_are_no_images(drawn: Callable) -> None:
    run = drawn()
    page = with_blind(run)
    blind = page.with_name("report-blind.html")
    text = blind.read_text(encoding="utf-8")
    assert text.count('data-kind="real"') == sum(KINDS)
    assert text.count('data-kind="generated"') == len(KINDS) - sum(KINDS)
    assert "http" not in text.replace("http-equiv", "")
    assert "area under the curve 0.510" in text
    html = page.read_text(encoding="utf-8")
    assert '<a href="report-blind.html">Judge 12 images blind</a>' in html
    assert "At full size: no difference." in html
    run.score()
    report(run.run)
    assert not blind.exists()
    placed = with_blind(run, defects=0.75).with_name("report-blind.html").read_text(encoding="utf-8")
    assert "area under the curve 0.750" in placed  # on defects, which the pictures of placed ones show


@pytest.mark.browser
@pytest.mark.slow
def test_a_person_judges_by_keys_and_reads_the_share_with_its_interval(browser: Any, drawn: Callable) -> None:
    page = browser.new_page(viewport={"width": 900, "height": 800})
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(with_blind(drawn()).with_name("report-blind.html").as_uri())
    page.keyboard.press("g")
    page.keyboard.press("Backspace")
    wrong = {2, 5, 7}
    for row, real in enumerate(KINDS):
        assert page.locator("#place").text_content() == f"{row + 1} of 12"
        shown = page.locator("#stage img:visible")
        assert (shown.count(), shown.evaluate("one => one.clientWidth")) == (1, 120)
        page.keyboard.press("r" if real != (row in wrong) else "ArrowRight")
    share = Share.of(9, 12)
    assert share is not None
    assert page.locator("#outcome").text_content() == (
        f"9 of 12 right: 75% (95% interval {100 * share.low:.0f}% to {100 * share.high:.0f}%)"
    )
    assert "It was not shown that you can tell them apart" in str(page.locator("#meaning").text_content())
    copied = page.locator("#text").input_value()
    assert "real images called real: 4 of 4" in copied
    assert "generated images called generated: 5 of 8" in copied
    assert page.locator("#answers figure").count() == 12
    page.locator("#again").click()
    assert page.locator("#place").text_content() == "1 of 12"
    assert not faults
    page.close()
