"""The search for copies on the page: verdict, pairs as aligned, scores, and what was not measured."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from flawforge.core.images import encode_png
from flawforge.reports.page import report
from flawforge.reports.run.copies import chance, copies_section, how_it_lies
from flawforge.runs.copying import Alignment, Copying, Diversity, SetTest
from flawforge.runs.records import AuditRecord, Neighbour, Pair, load_record, save_record
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


def test_only_copies_are_shown_where_there_are_any(drawn: Callable) -> None:
    run = drawn()
    part = copies_section(run.run, audited(run, [likeness(), likeness(copied=False, score=0.1)]), 255)
    assert part is not None
    ((pair, fit, how, p),) = part.pairs
    assert (pair.file, fit.file, fit.copied) == ("scratch/000000.png", "scratch/7.png", True)
    assert p == "below 1 in 1,000,000"
    assert how == "rotated by 90° to the left, enlarged to 125%, shifted 10% left"
    assert {pair.picture, fit.picture} == set(part.pictures)
    assert part.chart is not None
    assert part.chart.marks == ((0.3, "flagged as a copy"),)


def test_without_copies_the_likeliest_pairs_are_shown(drawn: Callable) -> None:
    run = drawn()
    part = copies_section(run.run, audited(run, [likeness(copied=False, score=s) for s in (0.1, 0.2)]), 255)
    assert part is not None
    assert [fit.score for _, fit, _, _ in part.pairs] == [0.2, 0.1]


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


def test_what_was_not_measured_is_never_zero(drawn: Callable) -> None:
    run = drawn()
    part = copies_section(
        run.run, audited(run, [], image_threshold=None, threshold=None, detectable=None, real=[]), 255
    )
    assert part is not None
    facts = dict(part.facts)
    assert facts["Share of copies that would have been detected"] == "not measured"
    assert facts["Above the score that 1% of images without copying exceed"].startswith("not measured")
    assert part.chart is None


def test_a_record_of_an_older_version_has_no_such_part(drawn: Callable) -> None:
    run = drawn()
    run.audit()
    assert copies_section(run.run, load_record(run.run, "audit", AuditRecord), 255) is None
    report(run.run)


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
    assert "not measured" in page


@pytest.mark.parametrize(("p", "words"), [(1e-9, "below 1 in 1,000,000"), (0.0005, "1 in 2,000"), (0.25, "0.250")])
def test_chances_in_words(p: float, words: str) -> None:
    assert chance(p).replace("\u202f", ",") == words


def test_tilts_and_negatives_are_said() -> None:
    plain = likeness().model_copy(update={"symmetry": "identity", "scale": 1.0, "shift": (0.0, 0.0)})
    assert how_it_lies(plain.model_copy(update={"tilt": 12.3, "negative": True})) == "tilted by 12°, as a negative"
    assert how_it_lies(plain.model_copy(update={"tilt": 1.0})) == "unchanged"


def test_nothing_done_is_as_it_is() -> None:
    assert how_it_lies(likeness(symmetry="identity", scale=1.01, shift=(0.4, 0.0))) == "unchanged"
