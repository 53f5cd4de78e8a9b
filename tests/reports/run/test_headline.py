from collections.abc import Callable

import pytest

from flawforge.reports.run.headline import headline
from flawforge.reports.run.synthetic import read_synthetic
from flawforge.runs.records import AuditRecord, Copying, load_record
from flawforge.runs.run_settings import RunSettings


def test_the_outcome_in_plain_sentences(drawn: Callable) -> None:
    run = drawn()
    run.synthetic()
    run.audit()
    audit = load_record(run.run, "audit", AuditRecord)
    top = headline(run.run.settings, {"kimg": 24.0, "seconds": 580}, read_synthetic(run.run), audit)
    assert top.title == "dcgan-lite on scratch, steel"
    assert [sentence.replace("\u00a0", " ") for sentence in top.sentences] == [
        "dcgan-lite was trained on 30 images of scratch (steel) for 24 kimg in 9 min 40 s.",
        "50 images were generated.",
        "None of the 50 generated images equals a training image.",
    ]
    facts = {label: (value, note.replace("\u00a0", " ")) for label, value, note in top.facts}
    assert facts["Exact copies"] == ("0", "of 50, 0%")
    assert facts["Median distance to nearest"][1].startswith("gray levels; real to real ")


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

    def copies(**changes: object) -> tuple[str, str, str]:
        top = headline(run.run.settings, None, None, audit.model_copy(update={"copying": copying, **changes}))
        (fact,) = [fact for fact in top.facts if "opies" in fact[0]]
        return fact

    assert copies() == ("Copies", "inconclusive", "0 exact copies of 50")
    assert copies(exact_copies=2)[:2] == ("Exact copies", "2")
    assert copies(copying=copying.model_copy(update={"verdict": "no copying detected"}))[1] == "0"


def test_what_is_missing_is_said(drawn: Callable) -> None:
    top = headline(RunSettings(), None, None, None)
    assert top.title == "unnamed recipe on unknown data"
    assert top.sentences == [
        "unnamed recipe was trained on an unrecorded number of images (unknown data); no step of the training is "
        "logged.",
        "No images have been generated yet.",
    ]
    assert top.facts[-1][:2] == ("Exact copies", "not measured")


def test_an_incomplete_set_is_said(drawn: Callable) -> None:
    run = drawn()
    run.synthetic(1)
    (run.run.synthetic / "set.json").write_text('{"complete": false}')
    top = headline(run.run.settings, None, read_synthetic(run.run), None)
    assert top.sentences[1:] == [
        "1 image was generated; the set is not complete.",
        "They have not been tested for copies yet.",
    ]
