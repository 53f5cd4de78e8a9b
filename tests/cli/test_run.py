from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flawforge.core.errors import DataUnusableError

Typed = Callable[..., int]


def times(folder: Path) -> dict[str, int]:
    files = [*folder.glob("checkpoints/*"), *folder.glob("synthetic/**/*.png"), folder / "records" / "audit.json"]
    return {str(file): file.stat().st_mtime_ns for file in files}


def test_without_data_it_explains_itself(typed: Typed, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("run") == 0
    shown = capsys.readouterr().out
    assert "does the whole job" in shown
    assert "flawforge run elpv" in shown


def test_the_whole_job_and_again_it_skips_what_is_done(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(lines), "--out", str(tmp_path / "run"), "--kimg", "0.04", "-n", "6", *tiny]
    assert typed(*words) == 0
    told = capsys.readouterr()
    assert f"report: {tmp_path / 'run' / 'report.html'}" in told.out
    assert "lines: 8 lines; 8 different pieces of material" in told.err
    assert len(list((tmp_path / "run" / "synthetic" / "lines").glob("*.png"))) == 6
    before = times(tmp_path / "run")
    assert typed(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["generated"] == 6
    assert times(tmp_path / "run") == before


def test_more_training_makes_the_rest_anew(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(lines), "--out", str(tmp_path / "run"), "-n", "4", *tiny]
    assert typed(*words, "--kimg", "0.04") == 0
    first = json.loads((tmp_path / "run" / "synthetic" / "set.json").read_text())
    audit = (tmp_path / "run" / "records" / "audit.json").read_text()
    assert typed(*words, "--kimg", "0.08") == 0
    second = json.loads((tmp_path / "run" / "synthetic" / "set.json").read_text())
    assert first["checkpoint"] != second["checkpoint"]
    assert (tmp_path / "run" / "records" / "audit.json").read_text() != audit


def test_a_budget_is_kept_and_means_the_same_again(typed: Typed, lines: Path, tiny: list[str], tmp_path: Path) -> None:
    words = ["run", str(lines), "--out", str(tmp_path / "run"), "--minutes", "2", "--kimg", "0.04", "-n", "2", *tiny]
    assert typed(*words) == 0
    settings = json.loads((tmp_path / "run" / "run.json").read_text())
    assert settings["budget"] == 2
    assert 0.6 <= settings["minutes"] <= 2
    before = times(tmp_path / "run")
    assert typed(*words) == 0
    assert times(tmp_path / "run") == before


def test_data_that_were_renamed_go_on_to_the_end(typed: Typed, lines: Path, tiny: list[str], tmp_path: Path) -> None:
    """The audit once looked for them where training had found them, and asked for a flag that `run` has not."""
    words = ["--out", str(tmp_path / "run"), "--kimg", "0.04", *tiny]
    assert typed("train", str(lines), *words) == 0
    (tmp_path / "of may").mkdir()
    renamed = lines.rename(tmp_path / "of may" / "lines")  # its last name is the class
    assert typed("run", str(renamed), *words, "-n", "2") == 0
    assert (tmp_path / "run" / "report.html").is_file()


def test_the_folder_is_named_after_the_data(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed("run", lines, "--kimg", "0.02", "-n", "1", *tiny) == 0
    assert (tmp_path / "runs" / "lines" / "report.html").is_file()


def test_a_run_among_the_images_is_refused(
    typed: Typed, lines: Path, tiny: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its previews and generated images were once read as data."""
    monkeypatch.chdir(lines)
    assert typed("run", ".", "--kimg", "0.02", *tiny) == 1
    assert "would lie among the images in ., and its pictures would be taken for data" in capsys.readouterr().err
    assert not (lines / "runs").exists()


def test_a_set_with_settings_of_its_own_is_kept(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A set made with --truncation was once replaced by a plain one, without a word."""
    words = ["run", str(lines), "--out", str(tmp_path / "run"), *tiny]
    assert typed("train", *words[1:], "--kimg", "0.04") == 0
    assert typed("generate", tmp_path / "run", "-n", "4", "--truncation", "1.0") == 0
    facts = (tmp_path / "run" / "synthetic" / "set.json").read_text()
    assert typed(*words, "--kimg", "0.04") == 0  # of this checkpoint: taken as it is
    assert typed(*words, "--kimg", "0.08") == 1
    assert "holds a set with settings of its own (truncation 1.0), and is kept" in capsys.readouterr().err
    assert (tmp_path / "run" / "synthetic" / "set.json").read_text() == facts


def test_a_damaged_record_is_made_anew(typed: Typed, lines: Path, tiny: list[str], tmp_path: Path) -> None:
    words = ["run", str(lines), "--out", str(tmp_path / "run"), "--kimg", "0.04", "-n", "4", *tiny]
    assert typed(*words) == 0
    (tmp_path / "run" / "records" / "score.json").write_text("junk")
    assert typed(*words) == 0
    assert json.loads((tmp_path / "run" / "records" / "score.json").read_text())["kind"] == "score"


@pytest.mark.parametrize(("part", "other"), [("audit", "score"), ("score", "audit")])
@pytest.mark.parametrize("kind", [DataUnusableError, ValueError])
def test_a_part_that_fails_is_told_and_the_rest_and_the_report_are_made(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], part: str, other: str, kind: type[Exception],
) -> None:  # fmt: skip
    """An error of the score once left an hour's training without a report."""

    def fail(*_: object, **__: object) -> None:
        raise kind("the images are odd")

    monkeypatch.setattr(f"flawforge.studies.{part}.{part}", fail)
    words = ["run", str(lines), "--out", str(tmp_path / "run"), "--kimg", "0.02", "-n", "2", *tiny]
    if kind is DataUnusableError:
        assert typed(*words) == 1
        told = capsys.readouterr().err
        assert "the images are odd" in told
        assert f"The report is drawn without the {part}" in told.replace("\n", " ")
    else:
        with pytest.raises(ValueError, match="the images are odd"):  # a fault of ours: the traceback is kept
            typed(*words)
    assert (tmp_path / "run" / "report.html").is_file()
    assert (tmp_path / "run" / "records" / f"{other}.json").is_file()


def test_two_parts_that_fail_are_both_told(
    typed: Typed, lines: Path, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fail(what: str) -> Callable[..., None]:
        def call(*_: object, **__: object) -> None:
            raise DataUnusableError(what)

        return call

    monkeypatch.setattr("flawforge.studies.copies.run.audit", fail("first fault"))
    monkeypatch.setattr("flawforge.studies.realism.run.score", fail("second fault"))
    words = ["run", str(lines), "--out", str(tmp_path / "run"), "--kimg", "0.02", "-n", "2", *tiny]
    assert typed(*words) == 1
    told = capsys.readouterr().err
    assert told.index("first fault") < told.index("second fault")
    assert (tmp_path / "run" / "report.html").is_file()
