"""The models to keep: the advised arm on all images outside the test set, trained once and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import flawforge
import trial_material as material
from flawforge.core.errors import TrainingInterruptedError
from flawforge.runs.estimates import Estimate
from flawforge.runs.model_cards import CARD, MODELS, ONNX, read_card
from flawforge.runs.trials import TrialRecord, read_trial
from flawforge.studies.prediction import NO_ONNX
from flawforge.studies.trial import keep, load_bench, plan_trial
from flawforge.studies.trial.cells.arm_training import ArmTraining
from heard import Heard

pytestmark = pytest.mark.usefixtures("own_groups")

SMALL: dict[str, Any] = {
    **material.SMALL,
    "repeats": 4,
    "arms": ("real", "classical", "generated"),
    "generator": "trial_material:oracle",
}
PLACE = f"{MODELS}/trial_material-small_network"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return material.draw_dataset(tmp_path_factory.mktemp("keep") / "photos", 40)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int], bool]]:
    """What is trained while this is on: arm, real images, whether generated ones are there."""
    seen: list[tuple[str, list[int], bool]] = []
    train = ArmTraining.train

    def noted(self: ArmTraining, arm: str, generated: Any = None, *rest: Any) -> torch.nn.Module:
        seen.append((arm, self.shots.tolist(), generated is not None))
        return train(self, arm, generated, *rest)

    monkeypatch.setattr(ArmTraining, "train", noted)
    return seen


def test_where_generated_images_help_the_model_is_trained_on_the_whole_pool_and_on_such_images(
    photos: Path, tmp_path: Path, trained: list[tuple[str, list[int], bool]]
) -> None:
    out, heard = tmp_path / "out", Heard()
    record = flawforge.trial(photos, out, progress=heard, **SMALL)
    assert record.verdict.word == "helps"
    (advised,) = record.advised
    assert advised.arm == "generated"
    assert advised.gain is not None
    assert advised.gain.low is not None
    assert advised.gain.low > 0
    bench = load_bench(out)
    assert trained[-1] == ("generated", bench.division.pool.tolist(), True)
    card = read_card(out / PLACE)
    assert sum(card.training.values()) == len(bench.division.pool) == len(card.trained_on)
    assert not {bench.dataset.samples[int(i)].sha256[:16] for i in bench.division.test} & set(card.trained_on)
    assert card.arm == "generated"
    assert card.usage is not None
    assert card.measured == next(one.metrics for one in record.results if one.arm == "generated")
    assert card.test.images == len(bench.division.test)
    (kept,) = record.kept
    assert (kept.folder, kept.best, kept.onnx) == (PLACE, True, False)
    assert read_trial(out) == record
    text = (out / PLACE / "card.md").read_text()
    assert f"Over `classical`: balanced accuracy +{100 * (advised.gain.value or 0):.1f} points" in text
    assert any("Training the model to keep" in said for said in heard.said)


def test_a_trial_that_is_run_again_trains_nothing_again_unless_it_is_damaged_or_the_arm_changes(
    photos: Path, tmp_path: Path, trained: list[tuple[str, list[int], bool]]
) -> None:
    out = tmp_path / "out"
    first = flawforge.trial(photos, out, **{**SMALL, "arms": ("real", "classical"), "repeats": 2})
    before = (out / PLACE / CARD).read_bytes()
    trained.clear()
    again = flawforge.trial(photos, out, **{**SMALL, "arms": ("real", "classical"), "repeats": 2})
    assert trained == []
    assert (out / PLACE / CARD).read_bytes() == before
    assert again.kept == first.kept
    content = bytearray((out / PLACE / "weights.safetensors").read_bytes())
    content[-2] ^= 1
    (out / PLACE / "weights.safetensors").write_bytes(content)
    flawforge.trial(photos, out, **{**SMALL, "arms": ("real", "classical"), "repeats": 2})
    assert [arm for arm, *_ in trained] == ["classical"]  # damaged: made again
    trained.clear()
    other = again.advised[0].model_copy(update={"arm": "real"})
    keep.keep_models(out, load_bench(out), again.model_copy(update={"advised": [other]}))
    assert [arm for arm, *_ in trained] == ["real"]


def test_it_can_be_left_out_and_its_time_is_in_the_plan(
    photos: Path, tmp_path: Path, trained: list[tuple[str, list[int], bool]]
) -> None:
    asked = {**SMALL, "arms": ("real", "classical"), "repeats": 2}
    planned = plan_trial(photos, tmp_path / "out", **asked)
    assert planned.keep_seconds > 0
    assert "Training the model to keep takes about " in planned.sentence
    assert "for a generator, if generated images help" not in planned.sentence
    assert "for a generator, if generated images help" in plan_trial(photos, tmp_path / "out", **SMALL).sentence
    planned = plan_trial(photos, tmp_path / "out", keep_model=False, **asked)
    assert planned.keep_seconds == 0
    assert "to keep" not in planned.sentence
    trained.clear()
    record = flawforge.trial(photos, tmp_path / "out", keep_model=False, **asked)
    assert record.kept == []
    assert len(trained) == 4
    assert not (tmp_path / "out" / MODELS).exists()


def test_stopped_while_it_trains_the_verdict_stays_and_the_next_call_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {**SMALL, "arms": ("real", "classical"), "repeats": 2}

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(keep, "_trained", stopped)
        with pytest.raises(TrainingInterruptedError, match="stopped while the model to keep was trained"):
            flawforge.trial(photos, tmp_path / "out", **asked)
    assert read_trial(tmp_path / "out").kept == []
    assert len(flawforge.trial(photos, tmp_path / "out", **asked).kept) == 1


def test_the_onnx_file_is_added_once_its_packages_are_there(
    photos: Path, tmp_path: Path, trained: list[tuple[str, list[int], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {**SMALL, "arms": ("real", "classical"), "repeats": 1, "models": ("small-cnn",), "steps": 6}
    heard = Heard()
    with monkeypatch.context() as patch:
        patch.setattr(keep, "write_onnx", lambda *_: (None, NO_ONNX))
        flawforge.trial(photos, tmp_path / "out", progress=heard, **asked)
    assert any(f"No ONNX file for small-cnn: {NO_ONNX}" in said for said in heard.said)
    trained.clear()
    record = flawforge.trial(photos, tmp_path / "out", **asked)
    assert trained == []
    assert record.kept[0].onnx
    place = tmp_path / "out" / MODELS / "small-cnn"
    assert (place / ONNX).is_file()
    assert "There is no ONNX file" not in (place / "card.md").read_text()


def test_of_several_models_the_one_with_the_best_figure_is_named(photos: Path, tmp_path: Path) -> None:
    models = ("small-cnn", "trial_material:small_network")
    asked = {**SMALL, "arms": ("real", "classical"), "models": models, "repeats": 1}
    record = flawforge.trial(photos, tmp_path / "out", **asked)

    def figure(record: TrialRecord, model: str) -> Estimate:
        return next(
            one.metrics["balanced accuracy"] for one in record.results if (one.model, one.arm) == (model, "classical")
        )

    best = max(models, key=lambda model: figure(record, model).value or 0)
    assert [kept.model for kept in record.kept if kept.best] == [best]
