"""A generator as one ONNX file: it gives what PyTorch gives, stands alone, and its card says what is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import flawforge
from flawforge.core.errors import ExtraMissingError, RunExistsError, SettingError
from flawforge.core.settings.recipes import RECIPES
from flawforge.models.latents import draw_latents
from flawforge.runs.checkpoint import find_checkpoint
from flawforge.runs.generator.cards import EXPORTED, FILES, read_generator_card
from flawforge.runs.model_cards import GENERATOR
from flawforge.studies.portable import run as room
from flawforge.studies.synthesis import Sampler

LEARNT = sorted(name for name, recipe in RECIPES.items() if not recipe.composes)
SMALL: dict[str, Any] = {"resolution": "80x96", "generator_depth": 4, "latent": 40, "ema_kimg": 0}  # base 5x6


def _settings(recipe: str) -> dict[str, Any]:
    return {name: value for name, value in {**RECIPES[recipe].dump(), **SMALL}.items() if name != "name"}


@pytest.fixture
def two_classes(draw_images: Any, tmp_path: Path) -> Path:
    for label in ("pits", "scratches"):
        draw_images(tmp_path / "photos" / label, 4)
    return tmp_path / "photos"


@pytest.mark.parametrize("recipe", LEARNT)
def test_the_file_gives_what_pytorch_gives_from_another_folder_and_name(
    recipe: str, make_run: Any, two_classes: Path, tmp_path: Path
) -> None:
    run = make_run(two_classes, recipe, **_settings(recipe))
    card = flawforge.export_model(run)
    assert card.onnx.difference <= 1e-4
    moved = tmp_path / "elsewhere" / "other name.onnx"
    moved.parent.mkdir()
    (run.path / EXPORTED / GENERATOR).rename(moved)
    session = onnxruntime.InferenceSession(moved)
    assert [put.name for put in session.get_inputs()] == ["latents", "labels"][: 1 + card.takes_labels]
    sampler = Sampler(run, find_checkpoint(run), torch.device("cpu"))
    for count in (1, 3, 10):  # the batch is free
        latents = draw_latents(5, "samples", [("any", index) for index in range(count)], 40)
        labels = torch.arange(count) % 2
        inputs = {"latents": latents.numpy()} | ({"labels": labels.numpy()} if card.takes_labels else {})
        with torch.inference_mode():
            expected = sampler.network(latents, labels if card.takes_labels else None).numpy()
        found = session.run(None, inputs)[0]
        assert found.shape == (count, card.channels, 80, 96)
        assert np.abs(found - expected).max() <= 1e-4
        assert np.ptp(found) > 0.1
    facts = {entry.key: entry.value for entry in onnx.load(moved).metadata_props}
    assert facts["classes"] == ('["pits", "scratches"]' if card.takes_labels else '["mixed"]')


def test_the_card_says_where_it_comes_from_and_what_was_measured(make_run: Any) -> None:
    run = make_run()
    card = flawforge.export_model(run, licence=" CC BY 4.0 ")
    assert card == read_generator_card(run.path / EXPORTED)
    text = (run.path / EXPORTED / "card.md").read_text()
    assert "as the person who exported the generator states it: **CC BY 4.0**." in text
    assert "Audit: not measured (`flawforge audit RUN`)." in text
    assert card.fingerprint in text
    assert f"weights `{find_checkpoint(run).name}`" in text
    (run.records).mkdir(exist_ok=True)
    (run.records / "audit.json").write_text("{")
    again = flawforge.export_model(run, overwrite=True)
    assert again.licence == "not stated"
    assert again.judgements[0].sentence.startswith(f"{run.records / 'audit.json'} is damaged")
    assert "Ask before you pass" in (run.path / EXPORTED / "card.md").read_text()


def test_a_judgement_of_other_images_is_said_to_be(make_run: Any, quick_audit: None) -> None:
    run = make_run()
    flawforge.generate(run, 4)
    flawforge.audit(run)
    own = flawforge.export_model(run).judgements[0]
    assert (own.images, own.other, own.sentence != "") == (4, False, True)
    flawforge.generate(run, 4, seed=1, overwrite=True)
    flawforge.export_model(run, overwrite=True)
    assert "about other images than these weights make" in (run.path / EXPORTED / "card.md").read_text()


def test_what_is_there_is_not_replaced_unasked(make_run: Any, tmp_path: Path) -> None:
    run = make_run()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "card.json").write_text("my own")
    with pytest.raises(RunExistsError, match="belong to no generator export"):
        flawforge.export_model(run, tmp_path / "mine", overwrite=True)
    flawforge.export_model(run)
    with pytest.raises(RunExistsError, match="Add overwrite=True|Add --overwrite"):
        flawforge.export_model(run)
    assert {path.name for path in (run.path / EXPORTED).glob("[!.]*")} == set(FILES)


def test_a_recipe_without_a_latent_is_refused_by_name(tmp_path: Path, draw_images: Any) -> None:
    run = flawforge.train(draw_images(tmp_path / "data", 6), tmp_path / "made", "compose", previews=0)
    with pytest.raises(SettingError, match="recipe 'compose', which joins real images"):
        flawforge.export_model(run)


def test_a_difference_or_a_missing_package_ends_without_a_file(make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    with monkeypatch.context() as patch:
        right = room.run_onnx
        patch.setattr(room, "run_onnx", lambda *given: right(*given) + np.float32(2e-4))
        with pytest.raises(SettingError, match="differed from PyTorch's by up to 0.0002"):
            flawforge.export_model(run)
    with pytest.raises(SettingError, match="--licence is a text of one line"):
        flawforge.export_model(run, licence="a\nb")
    monkeypatch.setattr(room, "find_spec", lambda name: None)
    with pytest.raises(ExtraMissingError, match=r"flawforge\[export\]"):
        flawforge.export_model(run)
    assert not (run.path / EXPORTED).exists()
