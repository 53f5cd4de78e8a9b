"""Training of the recipe that composes: what is chosen, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from flawforge.core.arrays import Floats, Floats32
from flawforge.core.settings.recipe import Composition
from flawforge.core.settings.recipes import recipe
from flawforge.data.augmentation.composition import Composed
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.data.sampling.material import Material
from flawforge.runs.checkpoint import list_checkpoints, require_checkpoint
from flawforge.training.composition import FIXED, Composing, _describe, _small, choose_composition, fixed_geometry
from flawforge.training.train import train


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each image show a specimen of its own."""
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.arange(len(self)))


@pytest.fixture
def data(draw_images: Callable[..., Path], tmp_path: Path) -> Dataset:
    for number, label in enumerate(("dents", "pits")):
        draw_images(tmp_path / "data" / label, 4, seed=number)
    return load(tmp_path / "data")


def test_how_it_is_done_is_said_and_the_run_holds_it(data: Dataset, tmp_path: Path) -> None:
    run = train(data, tmp_path / "run", "compose")
    chosen = require_checkpoint(run).facts["composition"]
    assert chosen["sentence"] == "Images are composed: details of two images joined, in the light of other images."
    assert set(chosen["symmetries"]) == {"dents", "pits"}
    assert (run.previews / "composed.png").is_file()
    train(data, tmp_path / "run", "compose", resume=True)
    assert len(list_checkpoints(run)) == 1


def test_what_the_user_sets_is_taken(data: Dataset) -> None:
    own = recipe("compose", blend=0.25, relight=0.5, light_width=0.3)
    chosen = choose_composition(own, Material(data))
    assert (chosen.how.blend, chosen.how.relight, chosen.how.light_width) == (0.25, 0.5, 0.3)


def test_a_class_of_one_image_is_joined_with_itself_and_said(data: Dataset) -> None:
    chosen = choose_composition(recipe("compose"), Material(data.take([0, 4, 5, 6])))
    assert "Of dents there is one image" in chosen.sentence


def test_one_image_alone_can_be_composed(data: Dataset, tmp_path: Path) -> None:
    run = train(data.take([0]), tmp_path / "run", "compose")
    assert "in their own light" in require_checkpoint(run).facts["composition"]["sentence"]


def saved(path: Path, pixels: Floats32) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((pixels * 255).round().astype(np.uint8)).save(path)


def test_images_that_show_nothing_are_not_used_and_named(data: Dataset, tmp_path: Path) -> None:
    for name, level in (("black", 0), ("grey", 0.5)):
        saved(tmp_path / "data" / "dents" / f"{name}.png", np.full((40, 40), level, np.float32))
    material = Material(load(tmp_path / "data"))
    chosen = choose_composition(recipe("compose"), material)
    assert "Not used, as nothing can be seen: dents/black.png, dents/grey.png." in chosen.sentence
    files = [material.training.samples[row].file for row in Composing(material, "dents", chosen.how, [0]).rows]
    assert len(files) == 4
    assert not {"dents/black.png", "dents/grey.png"} & set(files)
    assert "dents/black.png" not in material.donors("pits").files  # and gives no light
    assert "dents/grey.png" in material.donors("pits").files  # as a plain grey card may
    assert "Donors that are black or white all over give no light (1)." in chosen.sentence


def test_donors_unlike_the_images_are_named_with_what_is_done(data: Dataset, tmp_path: Path) -> None:
    rng, (height, width) = np.random.default_rng(0), data.read(0).shape[:2]
    saved(tmp_path / "other" / "wide.png", rng.random((20, 90)).astype(np.float32))
    saved(tmp_path / "other" / "colour.png", rng.random((height, width, 3)).astype(np.float32))
    saved(tmp_path / "other" / "white.png", np.ones((height, width), np.float32))
    chosen = choose_composition(recipe("compose"), Material(data, load(tmp_path / "other"), channels=1))
    for text in ("shape is stretched (1).", "in colour the luminance counts (1).", "all over give no light (1)."):
        assert text in chosen.sentence
    unlit = choose_composition(recipe("compose", relight=0), Material(data, load(tmp_path / "other"), channels=1))
    assert unlit.sentence == "Images are composed: details of two images joined, in their own light."


def test_two_images_of_one_specimen_are_not_joined(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    part = data.take([0, 1, 2])
    monkeypatch.setattr(Dataset, "groups", lambda self, progress=None: np.array([0, 0, 1]))
    material = Material(part)
    chosen = choose_composition(recipe("compose"), material)
    assert "Images of dents that show the same specimen are not joined" in chosen.sentence
    composing = Composing(material, "dents", Composition(), [0, 1])
    made = composing.images({number: np.random.default_rng(number) for number in range(40)})
    joined = {one.sources for one in made if len(set(one.sources)) > 1}
    assert joined == {(0, 2), (2, 0), (1, 2), (2, 1)}


def cells(count: int, mirrored: bool, first: int = 20) -> list[Floats32]:
    """Draw parts with bars in fixed places under noise; the bars are symmetric or not."""
    rng = np.random.default_rng(first)
    part = np.zeros((64, 64), np.float32)
    part[:, first : first + 3] = 1
    if mirrored:
        part[:, 41:44] = 1
    part[30:33] = 1
    return [part * 0.3 + 0.4 + 0.05 * rng.standard_normal((64, 64)).astype(np.float32) for _ in range(count)]


def test_a_fixed_geometry_is_told_from_a_surface() -> None:
    rng = np.random.default_rng(1)
    surface = [0.5 + ndimage.gaussian_filter(rng.standard_normal((64, 64)), 2).astype(np.float32) for _ in range(10)]
    assert fixed_geometry(surface) < FIXED / 2
    assert fixed_geometry(cells(10, mirrored=True)) > 2 * FIXED
    assert fixed_geometry(cells(7, mirrored=True)) == 0.0


@pytest.mark.parametrize("mirrored", [True, False])
def test_a_part_is_mirrored_only_where_that_maps_it_onto_itself(mirrored: bool, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "dents"
    folder.mkdir(parents=True)
    for number, image in enumerate(cells(9, mirrored)):
        Image.fromarray((image.clip(0, 1) * 255).astype(np.uint8)).save(folder / f"{number}.png")
    chosen = choose_composition(recipe("compose"), Material(load(tmp_path / "data")))
    assert "geometry is fixed" in chosen.sentence
    assert chosen.how.zoom == 1.0
    assert 4 not in chosen.symmetries["dents"]
    assert (1 in chosen.symmetries["dents"]) is mirrored


def test_parts_whose_bars_lie_elsewhere_are_not_joined(tmp_path: Path) -> None:
    """Two kinds of part in one class, with bars at 20 and 41, or at 12 and 41, and one that shows nothing but noise."""
    folder = tmp_path / "data" / "dents"
    folder.mkdir(parents=True)
    dead = 0.5 + 0.05 * np.random.default_rng(9).standard_normal((64, 64))
    for number, image in enumerate([*cells(6, mirrored=True), *cells(4, mirrored=True, first=12), dead]):
        Image.fromarray((image.clip(0, 1) * 255).astype(np.uint8)).save(folder / f"{number:02}.png")
    material = Material(load(tmp_path / "data"))
    chosen = choose_composition(recipe("compose"), material)
    assert "whose fixed parts lie elsewhere are not joined" in chosen.sentence
    composing = Composing(material, "dents", chosen.how, [0], chosen.fixed)
    made = composing.images({number: np.random.default_rng(number) for number in range(120)})
    joined = {frozenset(one.sources) for one in made if len(set(one.sources)) > 1}
    assert len(joined) > 12
    assert all(max(pair) < 6 or 6 <= min(pair) <= max(pair) < 10 for pair in joined)


def test_geometry_is_kept_where_the_user_says_so(data: Dataset) -> None:
    chosen = choose_composition(recipe("compose", keep_geometry=True), Material(data))
    assert set(map(tuple, chosen.symmetries.values())) == {(0,)}
    assert (chosen.how.blend, chosen.how.zoom) == (0.0, 1.0)


def test_of_candidates_the_nearest_to_the_class_is_kept(data: Dataset) -> None:
    material = Material(data)

    def made(candidates: int, *numbers: int) -> list[Composed]:
        composing = Composing(material, "dents", Composition(candidates=candidates), [0, 1])
        return composing.images({number: np.random.default_rng(number) for number in numbers})

    composing = Composing(material, "dents", Composition(), [0, 1])
    (kept,) = made(3, 6)
    seeds = np.random.default_rng(6).integers(1 << 62, size=3)
    tried = [composing.images({6: np.random.default_rng(seed)})[0] for seed in seeds]
    apart = [float(np.linalg.norm(described([one])[0] - composing.wanted[6 % 4])) for one in tried]
    assert np.array_equal(kept.pixels, tried[int(np.argmin(apart))].pixels)
    assert len(set(apart)) == 3
    assert np.array_equal(made(3, 5, 6)[1].pixels, kept.pixels)  # whatever is made beside it


def described(images: list[Composed]) -> Floats:
    return _describe([_small(one.pixels) for one in images])
