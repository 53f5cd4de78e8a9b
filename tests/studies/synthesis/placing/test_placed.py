"""The recipe that learns to place: what it trains on, what its network may change, and that it resumes to the bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from flawforge.core.errors import SettingError
from flawforge.core.progress import SILENT
from flawforge.core.seeds import numpy_stream
from flawforge.core.settings.recipe import Placing, Recipe
from flawforge.core.settings.recipes import recipe
from flawforge.data.reading.load import load
from flawforge.data.sampling.grounds import Grounds
from flawforge.data.sampling.material import Material
from flawforge.models.build import build_generator, initialise
from flawforge.models.placed import PlacedGenerator
from flawforge.runs.checkpoint import require_checkpoint
from flawforge.runs.folder import Run
from flawforge.studies.synthesis import generate, place
from flawforge.training.placing import batches as placed_batches
from flawforge.training.placing.batches import PlacedBatches
from flawforge.training.placing.choice import ChosenPlacing
from flawforge.training.placing.learnt import Placed, Window, window_about
from flawforge.training.processes.processes import ALONE

CPU = torch.device("cpu")
TINY = {"resolution": 16, "generator_depth": 4, "discriminator_depth": 4, "latent": 8, "batch": 8}


@pytest.fixture(autouse=True)
def _small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placed_batches, "POOL", 4)


@pytest.fixture
def material(photos: Path) -> Material:
    return Material(load(photos))


def batches_of(material: Material, asked: Recipe | None = None) -> PlacedBatches:
    chosen = ChosenPlacing(Placing(), {"pit": [0, 1, 2, 3]}, "")
    return PlacedBatches(material, Grounds(material), chosen, asked or recipe("placed", **TINY), 0, ALONE, SILENT)


def engine_of(material: Material, refine: Callable[[Window, np.random.Generator], np.ndarray]) -> Placed:
    return Placed(material, Grounds(material), "pit", Placing(), refine, 1.0)


def network_of(asked: Recipe) -> PlacedGenerator:
    made = build_generator(asked, 1, 2)
    assert isinstance(made, PlacedGenerator)
    initialise(made, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for last in (made.coarse.last, made.fine.last):
            last.weight.mul_(50)
    return made.eval()


def test_one_good_image_is_ground_enough(photos: Path, trained: Callable[..., Run]) -> None:
    """It is a class of one image, which a generator would only reproduce; this one does not make it."""
    for path in sorted((photos / "good").iterdir())[1:]:
        path.unlink()
    assert require_checkpoint(trained("placed", kimg=0.008, **TINY)).step > 0


def test_a_batch_is_a_function_of_its_step_and_shows_patches_and_wholes_in_turn(material: Material) -> None:
    one, other = batches_of(material), batches_of(material)
    for step in (5, 0):
        assert torch.equal(one.at(step, CPU), other.at(step, CPU))
        for a, b in zip(one.inputs_at(step, 8, CPU), other.inputs_at(step, 8, CPU), strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(one.at(0, CPU), one.at(5, CPU))
    labels = one.labels_at(0, CPU)
    assert torch.equal(labels[::2], labels[1::2] + 2)
    with pytest.raises(SettingError, match="multiple of 2"):
        batches_of(material, recipe("placed", **TINY | {"batch": 7}))


def test_a_class_without_defects_is_never_shown(material: Material) -> None:
    batches = batches_of(material)
    assert {code for step in range(200) for code in batches.codes(step)} == {material.training.classes.index("pit")}


def test_patches_are_cut_where_the_defects_are(material: Material) -> None:
    inputs = batches_of(material).inputs_at(0, 8, CPU)
    assert (inputs.patches[:, -1] > 0).any(2).any(1).all()
    laid, ground, alpha = inputs.patches.split(1, 1)
    assert torch.equal(laid[alpha == 0], ground[alpha == 0])


def test_the_network_changes_nothing_outside_the_soft_mask_and_something_inside(material: Material) -> None:
    asked = recipe("placed", **TINY)
    batches, network = batches_of(material), network_of(asked)
    inputs = batches.inputs_at(0, asked.latent, CPU)
    made = network(inputs, batches.labels_at(0, CPU))
    seen = torch.stack([inputs.patches, inputs.whole], 1).flatten(0, 1)
    alpha = seen[:, -1:]
    assert torch.equal(made[alpha == 0], seen[:, :1][alpha == 0])
    assert ((made - seen[:, :1]).abs()[alpha == 1] > 1e-3).float().mean() > 0.9


def test_what_is_rebuilt_has_its_own_mask_and_surroundings_and_another_defect(material: Material) -> None:
    engine = engine_of(material, lambda window, _: window.laid)
    shot = engine.shots[0]
    window, truth = engine.rebuilt(shot.defects[0], shot.row, numpy_stream(0, "augmentation"))
    inside, outside = window.alpha == 1, window.alpha == 0
    assert np.array_equal(window.ground[outside], truth[outside])
    assert np.array_equal(window.laid[outside], truth[outside])
    assert truth[inside].mean() < window.ground[inside].mean() - 0.1  # the pit is gone from the ground
    assert abs(window.ground[inside].mean() - truth[outside].mean()) < 0.05
    assert not np.array_equal(window.laid[inside], truth[inside])


def test_strength_scales_what_the_network_makes(material: Material) -> None:
    engine = engine_of(material, lambda window, _: window.ground - np.float32(0.1))
    changes = []
    for strength in (0.5, 1.0, 2.0):
        engine.strength = strength
        made = engine.image(numpy_stream(0, "samples"))
        changes.append((made.placed.pixels - engine.grounds[made.ground].pixels)[made.placed.support])
    assert changes[0] == pytest.approx(-0.05, abs=1e-6)
    assert changes[2] == pytest.approx(4 * changes[0], abs=1e-6)


def test_a_class_that_never_touches_the_rim_is_never_placed_there_whatever_its_shape(material: Material) -> None:
    engine = engine_of(material, lambda window, _: window.laid)
    made = [engine.image(numpy_stream(0, "samples", number)) for number in range(24)]
    assert sum("shape" in one.settings for one in made) > 5
    for one in made:
        assert not (one.placed.support & engine.grounds[one.ground].near_rim).any()
        assert one.placed.mask.any()


def test_the_window_holds_the_defect_and_lies_in_the_image() -> None:
    support = np.zeros((300, 200), bool)
    support[100:230, 195:200] = True
    rows, columns = window_about(support)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (195, 195)
    assert support[rows, columns].sum() == support.sum()
    assert window_about(support[90:140, 180:]) == (slice(0, 50), slice(0, 20))


def test_a_run_resumes_to_the_same_bits_and_its_images_are_the_grounds_but_for_the_defect(
    photos: Path, tmp_path: Path, trained: Callable[..., Run]
) -> None:
    whole = trained("placed", "whole", kimg=0.024, **TINY)
    for kimg in (0.008, 0.024):
        parts = trained("placed", "parts", kimg=kimg, resume=True, **TINY)
    one, other = (require_checkpoint(run).tensors() for run in (whole, parts))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    made = generate(whole, 4)
    plain = generate(trained("copy-paste", "plain"), 4)
    assert not {entry.sha256 for entry in made.entries()} & {entry.sha256 for entry in plain.entries()}
    for entry in made.entries():
        ground, shown = np.asarray(Image.open(photos / entry.ground)), made.read(entry)
        mask, support = (np.asarray(Image.open(made.folder / file)) > 0 for file in (entry.mask, entry.support))
        assert np.array_equal(shown[~support], ground[~support])
        assert not np.array_equal(shown[mask], ground[mask])
        assert not (mask & ~support).any()
        assert entry.sources[0].startswith("pit/")
    drawn = np.zeros(ground.shape, bool)
    drawn[20:31, 30:47] = True
    once = place(ground, drawn, "pit", whole, strength=0.8)
    assert np.array_equal(once.mask, drawn)
    assert np.array_equal(once.pixels[~once.support], ground[~once.support])
