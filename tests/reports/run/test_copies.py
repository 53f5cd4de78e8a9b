"""The audit on the page: verdict, pairs as aligned and as nearest, scores, distances, and what was not measured."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from flawforge.core.images import encode_png
from flawforge.reports.page import report
from flawforge.reports.run.copies import (
    copy_score_chart,
    distance_charts,
    how_it_lies,
    likeliest_pairs,
    nearest_pairs,
    patch_pairs,
)
from flawforge.reports.run.synthetic import Synthetic, outdated
from flawforge.reports.shown_records import record_if_whole
from flawforge.reports.words import chance
from flawforge.runs.judged.audits import (
    Alignment,
    AuditRecord,
    CopiedDefect,
    CopiedPatch,
    Copying,
    Diversity,
    Neighbour,
    Pair,
    SetTest,
)
from flawforge.runs.records import load_record, save_record
from parsed_page import Parsed


def likeness(**changes: Any) -> Alignment:
    values = {
        "file": "scratch/7.png",
        "score": 0.9,
        "rank_p": 1 / 31,
        "p": 1e-9,
        "copied": True,
        "symmetry": "turn-90",
        "scale": 1.25,
        "shift": (-10.2, 0.3),
        "matrix": [1, 0, 0, 0, 1, 0],
        "picture": "records/audit/aligned.png",
    }
    return Alignment(**{**values, **changes})


def audited(run: Any, found: list[Alignment], **changes: Any) -> Any:
    folder = run.run.records / "audit"
    folder.mkdir(exist_ok=True)
    png = encode_png(np.random.default_rng(0).integers(0, 255, (32, 32), dtype=np.uint8), "L")
    for name in ("made.png", "aligned.png"):
        (folder / name).write_bytes(png)
    near = [Neighbour(file="scratch/1.png", distance=3.0, transform="identity")]
    pairs = [
        Pair(file=f"scratch/{i:06d}.png", neighbours=near, picture="records/audit/made.png", likeness=like)
        for i, like in enumerate(found)
    ]
    copying = Copying(
        verdict="copies found (1 of 50)",
        found=1,
        alarm_rate=0.01,
        threshold=0.3,
        image_threshold=0.2,
        real=np.linspace(0, 0.2, 30).tolist(),
        generated=[0.1] * 49 + [0.9],
        groups=21,
        planted=32,
        recovered=31,
        detectable=0.07,
    )
    run.audit(pairs=pairs, copying=Copying(**{**copying.model_dump(exclude={"called", "above"}), **changes}))
    return load_record(run.run, "audit", AuditRecord)


def page(drawn: Any) -> str:
    return Parsed(report(drawn.run).read_text(encoding="utf-8")).text


def test_only_copies_are_shown_where_there_are_any(drawn: Callable) -> None:
    run = drawn()
    audit = audited(run, [likeness(), likeness(copied=False, score=0.1)])
    ((pair, fit),) = likeliest_pairs(audit)
    assert (pair.file, fit.file, fit.copied) == ("scratch/000000.png", "scratch/7.png", True)
    chart = copy_score_chart(audit.copying)
    assert chart is not None
    assert chart.marks == ((0.3, "flagged as a copy"),)
    text = page(run)
    assert "rotated by 90° to the left, enlarged to 125%, shifted 10% left" in text
    assert "probability of such a score without copying: below 1 in 1,000,000" in text
    html = report(run.run).read_text(encoding="utf-8")
    assert html.count("no picture kept") == 2  # of the nearest training image of both pairs


def test_without_copies_the_likeliest_pairs_are_shown(drawn: Callable) -> None:
    audit = audited(drawn(), [likeness(copied=False, score=s) for s in (0.1, 0.2)])
    assert [fit.score for _, fit in likeliest_pairs(audit)] == [0.2, 0.1]


def test_the_words_below_the_scores_name_the_line_of_this_material(drawn: Callable) -> None:
    """They once told of 0.3 for copies beside a line at 1.3."""
    run = drawn()
    audited(run, [likeness(copied=False)], threshold=1.3107)
    text = Parsed(report(run.run).read_text()).text
    assert "A score of 1.31 or more (dotted line) flags an image as a copy, even if it is the only one." in text
    assert "0.3 and more" not in text
    shutil.rmtree(run.run.records / "pictures")
    audited(run, [likeness(copied=False)], threshold=None)
    text = Parsed(report(run.run).read_text()).text
    assert "no score is high enough to flag an image as a copy" in text
    assert "dotted" not in text


def test_copied_patches_are_outlined_in_both_images(drawn: Callable) -> None:
    run = drawn()
    record = audited(run, [likeness(copied=False), likeness(copied=False)])
    part = CopiedPatch(
        file="scratch/7.png",
        score=1.2,
        p=1e-9,
        copied=True,
        symmetry="flip-horizontal",
        box=(10, 20, 40, 40),
        source=(55, 5, 40, 40),
        picture="records/audit/made.png",
        source_picture="records/audit/aligned.png",
    )
    first = record.pairs[0].model_copy(update={"patch": part})
    second = record.pairs[1].model_copy(update={"patch": part.model_copy(update={"copied": False, "score": 2.0})})
    patches = record.copying.model_copy(update={"recovered": 30})
    changed = record.model_copy(update={"pairs": [first, second], "patches": patches})
    assert patch_pairs(changed) == [(first, part)]
    save_record(run.run, "audit", changed)
    text = page(run)
    assert "Planted patches that the self-test found 30 of 32" in text
    assert "The parts that were copied are outlined." in text
    assert "mirrored left-right; patch score 1.20; probability" in text
    html = report(run.run).read_text(encoding="utf-8")
    assert html.count('style="left:10.0%;top:20.0%;width:40.0%;height:40.0%"') == 1
    assert html.count('style="left:55.0%;top:5.0%;width:40.0%;height:40.0%"') == 1


def test_copied_defects_are_shown_beside_the_images_that_they_come_from(drawn: Callable) -> None:
    run = drawn()
    record = audited(run, [likeness(copied=False)])
    moved = CopiedDefect(
        file="made/1.png",
        source="scratch/7.png",
        score=1.2,
        p=1e-9,
        symmetry="turn-90",
        box=(10, 20, 40, 40),
        source_box=(55, 5, 40, 40),
        picture="records/audit/made.png",
        source_picture="records/audit/aligned.png",
        window="records/audit/made.png",
    )
    old = CopiedDefect(file="made/2.png", source="scratch/8.png", score=1.1, p=1e-9, symmetry="identity")
    save_record(run.run, "audit", record.model_copy(update={"defects": record.copying, "copied_defects": [moved, old]}))
    assert "rotated by 90° to the left; defect score 1.20; probability" in page(run)
    html = report(run.run).read_text(encoding="utf-8")
    assert html.count('style="left:10.0%;top:20.0%;width:40.0%;height:40.0%"') == 1
    assert html.count('style="left:55.0%;top:5.0%;width:40.0%;height:40.0%"') == 1
    part = html[html.index("<h3>Copied defects") :]
    assert part[: part.index("</ol>")].count("<img") == 3
    assert part[: part.index("</ol>")].count("no picture kept") == 1
    assert "The first 1 of 2." in part
    # a record of an earlier version keeps no pictures: nothing is outlined
    save_record(run.run, "audit", record.model_copy(update={"defects": record.copying, "copied_defects": [old]}))
    text = page(run)
    assert re.search(r"made/ ?2\.png shows the defect of scratch/ ?8\.png ?, unchanged; defect score 1\.10", text)
    assert "is outlined in both" not in text


def test_what_was_not_measured_is_never_zero(drawn: Callable) -> None:
    run = drawn()
    audited(run, [], image_threshold=None, threshold=None, detectable=None)
    text = page(run)
    assert "would have been detected none: even if all were copies, that could have gone undetected" in text
    assert (
        "Above the score that 1% of images without copying exceed not measured: too few real images of different"
        in text
    )


def test_without_reference_scores_there_is_no_chart(drawn: Callable) -> None:
    run = drawn()
    assert copy_score_chart(audited(run, [], real=[]).copying) is None
    assert "The search for copies" not in page(run)


def test_a_record_of_an_older_version_has_no_such_part(drawn: Callable) -> None:
    run = drawn()
    run.audit()
    assert "Pixel by pixel" not in page(run)


def test_tests_of_the_set_that_were_not_measured_take_one_line(drawn: Callable) -> None:
    """Five rows of a table once said "not measured" four times each."""
    run = drawn()
    record = audited(run, [likeness()])
    tests = [SetTest(name=name, note="there are no held-out images") for name in ("C_T", "authenticity", "DCR share")]
    save_record(run.run, "audit", record.model_copy(update={"tests": tests}))
    text = page(run)
    assert (
        "Not measured: whether the set lies closer to the training images than held-out real images do (C_T, "
        "authenticity, DCR share): there are no held-out images." in text
    )
    assert "corrected for" not in text
    assert text.count("there are no held-out images") == 1


def test_the_page_holds_pairs_tests_and_diversity(drawn: Callable) -> None:
    run = drawn()
    record = audited(run, [likeness()])
    diversity = Diversity(
        looked_at=50,
        repeats=4,
        clusters=48,
        largest=3,
        vendi=20.0,
        vendi_real=19.0,
        vendi_n=21,
        sentence="4 of 50 generated images repeat another one.",
    )
    tests = [
        SetTest(name="C_T", effect=None, expected=None, p=None, note="no held-out images"),
        SetTest(name="DCR share", effect=0.9, expected=0.5, p=0.001, adjusted=0.005, note="nearer to training"),
    ]
    save_record(run.run, "audit", record.model_copy(update={"diversity": diversity, "tests": tests}))
    page = report(run.run).read_text(encoding="utf-8")
    for words in (
        "The copies, aligned",
        "Copy of",
        "4 of 50 generated images repeat",
        "no held-out images",
        "How much of the real variation they cover is another question",
    ):
        assert words in page
    for cell in ("0.900 (without copying: 0.500)", "1 in 1,000", "1 in 200", "corrected for 2 tests"):
        assert cell in page


@pytest.mark.parametrize(("p", "words"), [(1e-9, "below 1 in 1,000,000"), (0.0005, "1 in 2,000"), (0.25, "0.250")])
def test_chances_in_words(p: float, words: str) -> None:
    assert chance(p).replace("\u202f", ",") == words


def test_tilts_and_negatives_are_said() -> None:
    plain = likeness().model_copy(update={"symmetry": "identity", "scale": 1.0, "shift": (0.0, 0.0)})
    assert how_it_lies(plain.model_copy(update={"tilt": 12.3, "negative": True})) == "tilted by 12°, as a negative"
    assert how_it_lies(plain.model_copy(update={"tilt": 1.0})) == "unchanged"


def test_nothing_done_is_as_it_is() -> None:
    assert how_it_lies(likeness(symmetry="identity", scale=1.01, shift=(0.4, 0.0))) == "unchanged"


def test_pairs_come_nearest_first_with_distance_and_transform(drawn: Callable) -> None:
    run = drawn()
    run.audit(n=20, k=7, generated=[float(20 - i) for i in range(20)])
    pairs = nearest_pairs(load_record(run.run, "audit", AuditRecord))
    assert len(pairs) == 12
    assert (pairs[0].file, len(pairs[0].neighbours)) == ("scratch/000019.png", 5)
    text = page(run)
    assert "The 12 generated images that are closest to a training image" in text
    assert "The other 8 are farther away; all are in records/audit.json." in text
    assert "3.98 gray levels 1.00 Euclidean mirrored left-right" in text
    assert "↔︎ mirrored left-right, ↕︎ mirrored top-bottom, ↻︎ rotated by 180°." in text
    assert "tried unchanged, mirrored left-right, mirrored top-bottom and rotated by 180°, and" in text


def test_numbers_stand_with_n_and_interval(drawn: Callable) -> None:
    run = drawn()
    run.audit()
    text = page(run)
    assert "Exact copies of a training image 0 of 50 (0%; 95% CI 0% to 7.1%)" in text
    assert "Training images 30 of 21 specimens" in text
    assert [text.index(name) for name in (" nearest ", " 5% ", " 25% ", " median ")] == sorted(
        text.index(name) for name in (" nearest ", " 5% ", " 25% ", " median ")
    )
    first, second = distance_charts(load_record(run.run, "audit", AuditRecord))
    assert (first.name, second.name) == ("distances", "distances-sum")
    assert first.marks[0][1] == "nearest two real"


def test_without_groups_real_to_real_is_not_measured(drawn: Callable) -> None:
    run = drawn()
    run.audit(groups=False)
    text = page(run)
    assert "not measured: all training images show one specimen, so no two of them are independent" in text
    assert text.count("not measured not measured") == 7  # a quantile each
    charts = distance_charts(load_record(run.run, "audit", AuditRecord))
    assert [len(chart.curves) for chart in charts] == [1, 1]
    assert charts[0].marks == ()


def test_exact_copies_everywhere_can_be_drawn(drawn: Callable) -> None:
    run = drawn()
    run.audit(n=3, groups=False, generated=[0.0, 0.0, 0.0], exact_copies=3)
    assert "3 of 3 (100%; 95% CI 43.9% to 100%)" in page(run)
    charts = distance_charts(load_record(run.run, "audit", AuditRecord))
    assert charts[0].curves[0].y == (0.0, 100.0, 0.0)


def test_an_audit_of_another_set_is_told(drawn: Callable) -> None:
    run = drawn()
    run.audit(inputs={"synthetic": "same"})
    record = load_record(run.run, "audit", AuditRecord)
    held = tuple(("scratch", f"{i}.png") for i in range(50))
    assert outdated(run.run, "audit", record, Synthetic(held, {}, "same")) == ""
    assert outdated(run.run, "audit", record, Synthetic(held, {}, "other")) == (
        f"This audit is of an earlier synthetic set; the run holds another one now. Repeat it with: "
        f"flawforge audit {run.run.path}"
    )


def test_a_damaged_record_is_noted_and_a_missing_one_is_none(drawn: Callable) -> None:
    run = drawn()
    damaged: dict[str, str] = {}
    assert record_if_whole(run.run.path, "audit", AuditRecord, "flawforge audit RUN", damaged) is None
    assert damaged == {}
    (run.run.records / "audit.json").write_text("{}")
    assert record_if_whole(run.run.path, "audit", AuditRecord, "flawforge audit RUN", damaged) is None
    assert "audit.json has format None" in damaged["audit"]
