import re
from collections.abc import Callable

import pytest

from flawforge.reports.page import report
from flawforge.reports.run.headline import headline
from flawforge.reports.run.synthetic import Synthetic, read_synthetic
from flawforge.runs.judged.audits import AuditRecord, Copying
from flawforge.runs.records import load_record, save_record
from flawforge.runs.run_settings import RunSettings
from parsed_page import Parsed


def test_the_outcome_in_plain_sentences(drawn: Callable) -> None:
    run = drawn()
    run.synthetic()
    run.audit()
    audit = load_record(run.run, "audit", AuditRecord)
    top = headline(run.run.settings, {"kimg": 24.0, "seconds": 580}, read_synthetic(run.run), audit)
    assert top.title == "dcgan-lite on scratch, steel"
    assert [sentence.replace("\u00a0", " ") for sentence in top.sentences] == [
        "None of the 50 generated images equals a training image.",
        "dcgan-lite was trained on 30 images of scratch (steel) for 24 kimg in 9 min 40 s.",
        "50 images were generated.",
    ]
    page = report(run.run).read_text(encoding="utf-8")
    assert '<p class="outcome">None of the 50 generated images equals a training image.</p>' in page
    assert "<li>50 images were generated.</li>" in page.replace("\u00a0", " ")
    text = Parsed(page).text
    assert "Training images 30 1 class Training not started Generated 50 1 class Exact copies 0 of 50, 0%" in text
    assert re.search(r"Median distance to nearest [\d.]+ gray levels; real to real [\d.]+ ", text)


def test_a_verdict_on_other_images_does_not_open_the_page_as_one_on_these(drawn: Callable) -> None:
    run = drawn()
    run.audit(inputs={"synthetic": "same"})
    audit = load_record(run.run, "audit", AuditRecord)
    held = (("scratch", "0.png"),)
    assert headline(RunSettings(), None, Synthetic(held, {}, "same"), audit).sentences[0] == audit.sentence
    other = headline(RunSettings(), None, Synthetic(held, {}, "other"), audit).sentences[0]
    assert other == f"Of an earlier set or choice of images, not of these: {audit.sentence}"


@pytest.mark.parametrize("verdict", ["inconclusive", "too few images to tell", "cannot tell on images like these"])
def test_where_copies_cannot_be_told_no_zero_stands_among_the_big_numbers(drawn: Callable, verdict: str) -> None:
    """0 of 64, 0%, once read as an all-clear beside an audit that had missed all copies it planted."""
    run = drawn()
    run.audit()
    audit = load_record(run.run, "audit", AuditRecord)
    copying = Copying(
        verdict=verdict,
        found=0,
        alarm_rate=0.01,
        threshold=None,
        image_threshold=None,
        real=[],
        generated=[],
        groups=21,
        planted=32,
        recovered=0,
        detectable=None,
    )

    def shown(**changes: object) -> str:
        save_record(run.run, "audit", audit.model_copy(update={"copying": copying, **changes}))
        return Parsed(report(run.run).read_text(encoding="utf-8")).text

    assert "Copies inconclusive 0 exact copies of 50 " in shown()
    assert "Exact copies 2 of 50, 4% " in shown(exact_copies=2)
    assert "Exact copies 0 of 50, 0% " in shown(copying=copying.model_copy(update={"verdict": "no copying detected"}))


def test_what_is_missing_is_said(drawn: Callable) -> None:
    top = headline(RunSettings(), None, None, None)
    assert top.title == "unnamed recipe on unknown data"
    assert top.sentences == [
        "unnamed recipe was trained on an unrecorded number of images (unknown data); no step of the training is "
        "logged.",
        "No images have been generated yet.",
    ]
    run = drawn().run
    run.save_settings(RunSettings())
    text = Parsed(report(run).read_text(encoding="utf-8")).text
    facts = (
        "Training images not recorded Training not started Generated none yet Exact copies not measured no audit yet"
    )
    assert facts in text


def test_an_incomplete_set_is_said(drawn: Callable) -> None:
    run = drawn()
    run.synthetic(1)
    (run.run.synthetic / "set.json").write_text('{"complete": false}')
    top = headline(run.run.settings, None, read_synthetic(run.run), None)
    assert top.sentences[1:] == [
        "1 image was generated; the set is not complete.",
        "They have not been tested for copies yet.",
    ]
