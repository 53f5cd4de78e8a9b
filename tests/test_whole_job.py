"""The whole job: what is done and valid is skipped, what is not is made again, and a step that fails stops no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

import flawforge
from flawforge.core.errors import (
    DataNotFoundError,
    DataUnusableError,
    RunExistsError,
    RunUnwritableError,
    SettingError,
    TrainingInterruptedError,
)
from flawforge.runs.judged.scores import ScoreRecord
from flawforge.runs.records import load_record, save_record
from flawforge.whole_job import Steps, WholeJob
from heard import Heard
from saved import lined, saved

TINY: dict[str, Any] = {
    "recipe": "dcgan-lite",
    "resolution": 16,
    "generator_depth": 2,
    "discriminator_depth": 2,
    "latent": 8,
    "batch": 4,
    "precision": "float32",
    "kimg": 0.02,
    "n": 4,
}
Job = Callable[..., WholeJob]


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunUnwritableError, match="cannot write .* Not a directory"):
        flawforge.run(tmp_path / "no images", tmp_path / "file" / "run", **TINY)
    with pytest.raises(DataNotFoundError):
        flawforge.run(tmp_path / "no images", tmp_path / "a" / "run", **TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A folder of gray images with a bright line each."""
    return saved(tmp_path / "lines", lined(8, 20, 30))


@pytest.fixture
def job(tmp_path: Path, lines: Path, quick_audit: None, without_charts: None, monkeypatch: pytest.MonkeyPatch) -> Job:
    """The whole job in one folder, of a recipe that trains in a blink, without the composed images before it."""
    monkeypatch.setattr("flawforge.whole_job._compose_first", lambda *arguments: None)

    def run(data: Any = lines, **changes: Any) -> WholeJob:
        return flawforge.run(data, tmp_path / "run", **{**TINY, **changes})

    return run


def times(folder: Path) -> dict[str, int]:
    files = [*folder.glob("checkpoints/*"), *folder.glob("synthetic/**/*.png"), *folder.glob("records/*.json")]
    return {str(file): file.stat().st_mtime_ns for file in files}


def test_all_is_made_and_again_nothing_is(job: Job, lines: Path, tmp_path: Path) -> None:
    heard = Heard()
    first = job(flawforge.load(lines), progress=heard)
    assert "8 lines; 8 different specimens" in heard.said[0]
    assert (first.generated, first.audit.n_generated, first.score.n_generated) == (4, 4, 4)
    assert first.report == tmp_path / "run" / "report.html"
    assert first.audit.command == first.run.settings.command == "flawforge.run(...)"
    before = times(tmp_path / "run")
    assert job(flawforge.load(lines)).generated == 4
    assert job(n=None).generated == 4
    assert times(tmp_path / "run") == before


def test_an_audit_that_did_not_note_the_real_images_is_kept(job: Job, tmp_path: Path) -> None:
    """Records of versions before --held-out in the audit."""
    job()
    file = tmp_path / "run" / "records" / "audit.json"
    record = json.loads(file.read_text())
    del record["inputs"]["real"], record["notes"]
    file.write_text(json.dumps(record))
    before = times(tmp_path / "run")
    job()
    assert times(tmp_path / "run") == before


def test_more_training_makes_the_rest_again(job: Job, tmp_path: Path) -> None:
    first, second = job(), job(kimg=0.04)
    assert first.audit.inputs["synthetic"] != second.audit.inputs["synthetic"] == second.score.inputs["synthetic"]
    assert json.loads((tmp_path / "run" / "synthetic" / "set.json").read_text())["complete"]


def test_more_images_are_added(job: Job) -> None:
    job()
    assert (job(n=6).generated, job(n=5).generated) == (6, 6)


def test_a_budget_is_kept_and_means_the_same_again(job: Job, tmp_path: Path) -> None:
    job(minutes=2)
    settings = json.loads((tmp_path / "run" / "run.json").read_text())
    assert settings["budget"] == 2
    assert 0.6 <= settings["minutes"] <= 1.5
    before = times(tmp_path / "run")
    job(minutes=2)
    assert times(tmp_path / "run") == before


def test_data_that_were_renamed_are_audited_where_they_are_now(job: Job, lines: Path, tmp_path: Path) -> None:
    """The audit once looked for them where training had found them, and asked for a flag that `run` has not."""
    small = {key: value for key, value in TINY.items() if key != "n"}
    flawforge.train(lines, tmp_path / "run", **small)
    (tmp_path / "of may").mkdir()
    assert job(lines.rename(tmp_path / "of may" / "lines")).report.is_file()  # its last name is the class


def test_a_set_with_settings_of_its_own_is_not_replaced(job: Job, lines: Path, tmp_path: Path) -> None:
    """A set made with --truncation was once replaced by a plain one, without a word."""
    small = {key: value for key, value in TINY.items() if key != "n"}
    run = flawforge.train(lines, tmp_path / "run", **small)
    flawforge.generate(run, 4, truncation=1.0)
    facts = (run.synthetic / "set.json").read_text()
    job()  # of this checkpoint: taken as it is
    with pytest.raises(RunExistsError) as caught:
        job(kimg=0.04)
    assert str(caught.value) == (
        f"{run.synthetic} holds a synthetic set that was made with other settings (truncation 1.0) from an earlier "
        f"checkpoint. It is not replaced. Move it away, or replace it with: flawforge generate {run.path} -n 4 "
        f"--overwrite; then run this again."
    )
    assert (run.synthetic / "set.json").read_text() == facts


def test_a_damaged_record_is_made_again(job: Job, tmp_path: Path) -> None:
    job()
    (tmp_path / "run" / "records" / "score.json").write_text("junk")
    assert job().score.kind == "score"


def test_no_images_are_refused_before_the_data_are_read(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="-n is 0; it is a number of images per class, 1 to 10,000,000"):
        flawforge.run(tmp_path / "nowhere", tmp_path / "run", n=0)


@pytest.mark.parametrize("kind", [DataUnusableError, ValueError])
@pytest.mark.parametrize("failed", [("audit",), ("score",), ("audit", "score")])
def test_a_step_that_fails_stops_no_other(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failed: tuple[str, ...], kind: type[Exception]
) -> None:
    """An error of the score once left an hour's training without a report."""
    for name in failed:
        monkeypatch.setattr(f"flawforge.whole_job.{name}", lambda *_, name=name, **__: failing(kind(f"no {name}")))
    with pytest.raises(kind, match=f"no {failed[0]}") as caught:
        job()
    page = tmp_path / "run" / "report.html"
    others = [f"And the {name}: no {name}" for name in failed[1:]]
    assert caught.value.__notes__ == [*others, f"The report was drawn without the {' and the '.join(failed)}: {page}"]
    assert page.is_file()
    kept = {path.stem for path in (tmp_path / "run" / "records").glob("*.json")} - {"map"}  # which the score leaves too
    assert kept == {"audit", "score"} - set(failed)


def failing(error: BaseException) -> NoReturn:
    raise error


def test_what_a_step_returns_is_returned_and_nothing_is_said() -> None:
    heard = Heard()
    assert Steps(heard).attempt("audit", lambda: 3) == 3
    assert heard.warned == []


def test_the_first_error_tells_of_the_others_and_of_the_page() -> None:
    heard = Heard()
    steps, first = Steps(heard), ValueError("one")
    assert steps.attempt("audit", lambda: failing(first)) is None
    assert steps.attempt("film", lambda: 1) == 1
    assert steps.attempt("score", lambda: failing(OSError("two"))) is None
    assert len(heard.warned) == 2
    assert steps.error(Path("report.html")) is first
    assert first.__notes__ == [
        "And the score: two",
        "The report was drawn without the audit and the score: report.html",
    ]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), TrainingInterruptedError("stopped")])
def test_a_stop_by_the_user_is_no_fault_of_the_step(stop: BaseException) -> None:
    with pytest.raises(type(stop)):
        Steps(Heard()).attempt("audit", lambda: failing(stop))


def test_the_job_begins_with_composed_images(
    lines: Path, tmp_path: Path, quick_audit: None, without_charts: None
) -> None:
    heard = Heard()
    made = flawforge.run(lines, tmp_path / "run", **TINY, shots=5, progress=heard)
    assert made.composed is not None
    record = load_record(made.composed, "score", ScoreRecord)
    assert record.against == "held-out"
    reached = record.model_copy(update={"beyond_sentence": "These reach 24 of 100."})
    save_record(made.composed, "score", reached)
    assert made.first.endswith("in the light of other images of the class. These reach 24 of 100.")
    assert made.composed.path == tmp_path / "run" / "composed"
    composed = next(said for said in heard.said if said.startswith("Images are composed: "))
    assert f"They are in {made.composed.synthetic}" in composed
    assert len(list(made.composed.synthetic.rglob("*.png"))) == 4
    assert "Composed of your images" in made.report.read_text()
