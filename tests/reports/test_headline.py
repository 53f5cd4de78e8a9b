from collections.abc import Callable

from flawforge.reports.headline import headline
from flawforge.reports.nearest import read_audit
from flawforge.reports.synthetic import read_synthetic


def test_the_outcome_in_plain_sentences(drawn: Callable) -> None:
    run = drawn()
    run.synthetic()
    run.audit()
    top = headline(run.settings(), {"kimg": 24.0, "seconds": 580}, read_synthetic(run.run), read_audit(run.run))
    assert top.title == "dcgan-lite on scratch, steel"
    assert [sentence.replace("\u00a0", " ") for sentence in top.sentences] == [
        "dcgan-lite learned from 30 images of scratch (steel) for 24 kimg in 9 min 40 s.",
        "50 images were generated.",
        "None of the 50 generated images equals a training image.",
    ]
    facts = {fact.label: (fact.value, fact.note.replace("\u00a0", " ")) for fact in top.facts}
    assert facts["Exact copies"] == ("0", "of 50, 0 %")
    assert facts["Median distance to nearest"][1].startswith("gray levels; real to real ")


def test_what_is_missing_is_said(drawn: Callable) -> None:
    top = headline({}, None, None, None)
    assert top.title == "unnamed recipe on unknown data"
    assert top.sentences == (
        "unnamed recipe learned from an unrecorded number of images (unknown data); no step of the training is logged.",
        "No images have been generated yet, so none has been checked for copies.",
    )
    assert (top.facts[-1].label, top.facts[-1].value) == ("Exact copies", "not measured")


def test_an_incomplete_set_is_said(drawn: Callable) -> None:
    run = drawn()
    run.synthetic(1)
    (run.run.synthetic / "set.json").write_text('{"complete": false}')
    top = headline(run.settings(), None, read_synthetic(run.run), None)
    assert top.sentences[1:] == (
        "1 image was generated; the set is not complete.",
        "Whether they are copies has not been checked yet.",
    )
