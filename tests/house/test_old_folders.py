"""What commit b1c5e57 wrote is read, added to and gone on with today (tests/old_folders says how it was made)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from flawforge.cli.main import main
from flawforge.runs.checkpoint import list_checkpoints
from flawforge.runs.folder import Run
from flawforge.runs.judged.audits import AuditRecord
from flawforge.runs.judged.scores import ScoreRecord
from flawforge.runs.records import load_record
from flawforge.runs.searches import load_search
from flawforge.runs.trials import read_trial
from old_folders.photos import draw_photos

OLD = Path(__file__).resolve().parents[1] / "old_folders"
Flawforge = Callable[[str], str]


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the old folders and draw their photos into a folder of the test's own, which becomes the working folder."""
    monkeypatch.setenv("FLAWFORGE_CACHE", str(tmp_path / "cache"))
    shutil.copytree(OLD, tmp_path / "work", ignore=shutil.ignore_patterns("__pycache__", "*.py", "*.md"))
    monkeypatch.chdir(tmp_path / "work")
    draw_photos(Path("photos"))
    return tmp_path / "work"


@pytest.fixture
def flawforge(old: Path, capsys: pytest.CaptureFixture[str]) -> Flawforge:
    """Run a command line in this process, among the old folders, and return what it prints."""

    def run(words: str) -> str:
        capsys.readouterr()
        code: object = None
        try:
            main(words.split())
        except SystemExit as stop:
            code = stop.code
        printed = capsys.readouterr()
        assert not code, printed.err
        return printed.out

    return run


def written(file: str) -> dict[str, Any]:
    """What the old code wrote."""
    content: dict[str, Any] = json.loads((OLD / file).read_text(encoding="utf-8"))
    return content


def command_of(record: str) -> str:
    """The command that the old code wrote into a record, without the program's name."""
    return str(written(record)["command"]).removeprefix("flawforge ")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_records_of_a_run_are_read(flawforge: Flawforge) -> None:
    audit, score = (
        load_record(Run(Path("run")), "audit", AuditRecord),
        load_record(Run(Path("run")), "score", ScoreRecord),
    )
    assert audit.n_generated == written("run/records/audit.json")["n_generated"] == 16
    assert audit.sentence == written("run/records/audit.json")["sentence"]
    assert score.sentence == written("run/records/score.json")["sentence"]
    assert flawforge("report run").strip() == "run/report.html"
    page = Path("run/report.html").read_text(encoding="utf-8")
    for kind in ("audit", "score"):
        assert f"flawforge {command_of(f'run/records/{kind}.json')}" in page


def test_more_images_are_generated_from_a_run_and_the_first_ones_again(flawforge: Flawforge, old: Path) -> None:
    flawforge("generate run -n 12 --out more")
    names = [f"{label}/{label}_{number:06d}.png" for label in ("scratch", "stain") for number in range(12)]
    assert sorted(str(file.relative_to(old / "more")) for file in (old / "more").rglob("*.png")) == names
    for file in (old / "run" / "synthetic").rglob("*.png"):
        again = old / "more" / file.relative_to(old / "run" / "synthetic")
        assert np.abs(gray_levels(again) - gray_levels(file)).max() <= 2  # processors round differently


def gray_levels(file: Path) -> NDArray[np.int64]:
    with Image.open(file) as image:
        return np.asarray(image, dtype=np.int64)


def test_a_run_is_trained_on(flawforge: Flawforge) -> None:
    flawforge(command_of("run/run.json").replace("--kimg 0.08", "--kimg 0.12") + " --resume")
    assert list_checkpoints(Run(Path("run")))[-1].step == 30


@pytest.mark.slow
def test_a_run_is_audited_scored_and_reported_again(flawforge: Flawforge, quick_audit: None) -> None:
    shutil.rmtree("run/records")
    for kind in ("audit", "score"):
        flawforge(command_of(f"run/records/{kind}.json"))
    audit, score = (
        load_record(Run(Path("run")), "audit", AuditRecord),
        load_record(Run(Path("run")), "score", ScoreRecord),
    )
    assert audit.n_generated == score.n_generated == 16
    assert flawforge("report run").strip() == "run/report.html"


def test_the_record_of_a_trial_is_read_and_drawn(flawforge: Flawforge) -> None:
    record = read_trial(Path("trial"))
    assert record.verdict.sentence == written("trial/records/trial.json")["verdict"]["sentence"]
    assert accuracies(record.model_dump(mode="json")) == accuracies(written("trial/records/trial.json"))
    assert flawforge("report trial").strip() == "trial/report.html"


def accuracies(record: dict[str, Any]) -> list[list[float]]:
    """The balanced accuracies of each arm's repeats, ascending: the names and the order of the arms may change."""
    return sorted(result["values"]["balanced accuracy"] for result in record["results"])


def gains(record: dict[str, Any]) -> list[float]:
    return sorted(comparison["gain"]["value"] for comparison in record["comparisons"])


def test_a_trial_is_judged_again_from_its_cells_and_none_is_worked_out_again(flawforge: Flawforge) -> None:
    cells, before = contents(Path("trial/cells")), written("trial/records/trial.json")
    shutil.rmtree("trial/records")
    flawforge(command_of("trial/records/trial.json"))
    assert contents(Path("trial/cells")) == cells
    assert not Path("trial/generators").exists()
    record = json.loads(Path("trial/records/trial.json").read_text(encoding="utf-8"))
    assert accuracies(record) == accuracies(before)
    assert gains(record) == pytest.approx(gains(before), abs=1e-9)
    assert record["verdict"]["word"] == before["verdict"]["word"]


@pytest.mark.slow
def test_a_trial_takes_another_repeat(flawforge: Flawforge) -> None:
    cells = contents(Path("trial/cells"))
    flawforge(command_of("trial/records/trial.json").replace("--seeds 3", "--seeds 4 --arms classical,generated"))
    now = contents(Path("trial/cells"))
    assert {name: content for name, content in now.items() if name in cells} == cells
    assert {name.split("-")[0] for name in set(now) - set(cells)} == {"s0003"}
    assert [result.seeds for result in read_trial(Path("trial")).results] == [[0, 1, 2, 3]] * 2


def test_the_record_of_a_search_is_read_and_drawn(flawforge: Flawforge) -> None:
    pytest.importorskip("optuna")
    record, before = load_search(Path("search")), written("search/records/search.json")
    assert record.sentence == before["sentence"]
    assert [trial.kids for trial in record.trials] == [trial["kids"] for trial in before["trials"]]
    assert flawforge("report search").strip() == "search/search.html"


@pytest.mark.slow
def test_a_search_goes_on(flawforge: Flawforge) -> None:
    pytest.importorskip("optuna")
    before = load_search(Path("search")).trials
    flawforge(command_of("search/records/search.json").replace("--trials 2", "--trials 3") + " --resume")
    record = load_search(Path("search"))
    assert list(record.trials[:2]) == list(before)
    assert [trial.number for trial in record.trials] == [0, 1, 2]
    assert record.improved is not None
