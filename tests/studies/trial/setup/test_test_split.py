"""What is tested on is fixed by content, and nothing that is learnt from shows it again."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flawforge.core.errors import DataUnusableError
from flawforge.core.images import resize
from flawforge.core.settings.trials import TrialSettings
from flawforge.data.dataset import Dataset
from flawforge.data.reading.load import load
from flawforge.metrics.inference.classification import STATISTICS
from flawforge.metrics.inference.resampling import resampled
from flawforge.studies.trial.analysis.protocol import notes_of, protocol_of
from flawforge.studies.trial.execution.schedule import Costs
from flawforge.studies.trial.plan import plan
from flawforge.studies.trial.setup.bench import Bench
from flawforge.studies.trial.setup.leaks import refuse_generated_leak, refuse_outside_leak, refuse_pool_leak
from flawforge.studies.trial.setup.open import open_trial
from flawforge.studies.trial.setup.shared_shots import how_drawn, overlap_notes, shared_shots
from flawforge.studies.trial.setup.test_split import Division, divide, shots_of
from flawforge.studies.trial.setup.whole_image import Textures, joined_groups, textures_of


@pytest.fixture
def grains(tmp_path: Path) -> Dataset:
    """Two classes of 12 rough textures, 96 pixels wide, of one piece of material each."""
    rng = np.random.default_rng(3)
    for label, size in (("coarse", 24), ("fine", 48)):
        (tmp_path / "grains" / label).mkdir(parents=True)
        for index in range(12):
            small = Image.fromarray(rng.uniform(40, 215, (size, size)).astype(np.uint8))
            small.resize((96, 96), Image.Resampling.BICUBIC).save(tmp_path / "grains" / label / f"{index:02d}.png")
    return load(tmp_path / "grains")


def pictures(dataset: Dataset) -> list[np.ndarray]:
    return [dataset.read(i) for i in range(len(dataset))]


def divided(dataset: Dataset, seed: int = 0) -> tuple[Division, Textures]:
    textures = Textures(pictures(dataset), dataset.groups())
    return divide(dataset, textures, 0.5, 4, seed), textures


def test_the_test_set_depends_on_the_contents_and_the_seed_alone(grains: Dataset) -> None:
    division, _ = divided(grains)
    again, _ = divided(grains)
    other, _ = divided(grains, seed=1)
    assert division.sha256 == again.sha256 != other.sha256
    assert not set(division.test.tolist()) & set(division.pool.tolist())
    assert len(division.test) + len(division.pool) == len(grains)


def test_no_group_is_on_both_sides_and_near_copies_are_joined_first(grains: Dataset) -> None:
    pixels = pictures(grains)
    rng = np.random.default_rng(0)
    for index in (0, 3, 14):  # the same again: darker, less contrast, noisy, turned
        pixels[index + 1] = (
            np.rot90(pixels[index] * 0.5 + 30 + rng.normal(0, 4, (96, 96))).clip(0, 255).astype(np.uint8)
        )
    groups = np.arange(len(grains), dtype=np.int64)  # a search for overlaps that found nothing
    textures = Textures(pixels, groups)
    assert textures.same_pairs(groups) == [(0, 1), (3, 4), (14, 15)]
    together = joined_groups(groups, textures.same_pairs(groups))
    assert together[0] == together[1]
    assert together[3] == together[4]
    assert len(set(together.tolist())) == len(grains) - 3


def test_what_all_images_have_in_common_joins_none(grains: Dataset) -> None:
    bars = np.zeros((96, 96))
    bars[:, 20:28] = bars[:, 68:76] = 900  # busbars, far stronger than the texture
    pixels = [(image * 0.3 + bars).clip(0, 255).astype(np.uint8) for image in pictures(grains)]
    groups = np.arange(len(grains), dtype=np.int64)
    assert Textures(pixels, groups).same_pairs(groups) == []


def test_more_shots_hold_the_fewer_ones_and_another_repeat_draws_others(grains: Dataset) -> None:
    division, _ = divided(grains)
    few, more, other = (shots_of(grains, division, n, r, 0) for n, r in ((2, 0), (4, 0), (2, 1)))
    assert set(few.tolist()) < set(more.tolist())
    assert set(few.tolist()) != set(other.tolist())
    assert set(more.tolist()) <= set(division.pool.tolist())
    assert np.bincount(grains.labels[more]).tolist() == [4, 4]


def test_shots_come_from_different_groups_as_far_as_they_go(grains: Dataset) -> None:
    groups = np.zeros(len(grains), np.int64)
    groups[:12] = np.arange(12) // 2  # six pieces of the first class, two images of each
    groups[12:] = 100 + np.arange(12)
    division = Division(np.zeros(0, np.int64), np.arange(24), groups, 0, "")
    chosen = shots_of(grains, division, 6, 0, 0)
    assert len(set(groups[chosen[chosen < 12]].tolist())) == 6


def test_a_class_of_one_piece_cannot_be_tested_on(grains: Dataset) -> None:
    groups = np.arange(24)
    groups[:12] = 0
    textures = Textures(pictures(grains), groups)
    pretend = replace(grains)
    object.__setattr__(pretend, "groups", lambda progress=None: groups)
    with pytest.raises(DataUnusableError, match="class 'coarse' shows 1 different part, of which 0"):
        divide(pretend, textures, 0.5, 2, 0)


@pytest.fixture
def bench(grains: Dataset, tmp_path: Path) -> Bench:
    """12 images a class, of which 6 are left outside the test set."""
    return open_trial(grains, tmp_path / "out", TrialSettings(shots=(2, 6), seeds=10, resolution=(32, 32)))


@pytest.mark.parametrize("shots", [2, 4, 5, 6])
def test_what_two_repeats_share_is_told_where_it_is_much(bench: Bench, shots: int) -> None:
    here = replace(bench, settings=bench.settings.model_copy(update={"shots": (shots,)}))
    drawn = [set(here.shots(repeat, shots).tolist()) for repeat in range(10)]
    pairs = [len(a & b) / (2 * shots) for a, b in combinations(drawn, 2)]
    shared = shared_shots(here, shots)
    assert np.mean(list(shared.values())) == pytest.approx(np.mean(pairs))
    for folds, words in ((0, "was fixed in advance (half, labelled by the teacher)"), (3, "3 folds by specimen")):
        other = replace(bench, settings=bench.settings.model_copy(update={"folds": folds}))
        (how,) = [
            step
            for step in protocol_of(other).steps_taken
            if step.startswith("The strategy for using generated images")
        ]
        assert words in how
    protocol, notes = protocol_of(here), notes_of(here, {})
    told = plan(here, Costs(), 1, None).sentence
    for note in overlap_notes(here):
        assert note in notes
        assert note in told
    if shots == 2:
        assert not notes
        assert "Each repeat drew its own training images from the rest, from as many" in protocol.steps_taken[1]
        assert "see the notes" not in protocol.steps_taken[1]
    if shots in (4, 5):
        assert (2 * shots - 6) / shots < shared["coarse"] < 0.9  # two draws of 4 of 6 share 2 at least, of 5 share 4
        assert len(notes) == 1
        assert f"two repeats have {100 * np.mean(pairs):.0f}% of their training images of coarse, fine" in notes[0]
        assert "see the notes" in protocol.steps_taken[1]
    if shots == 6:
        assert shared == {"coarse": 1.0, "fine": 1.0}
        assert len(notes) == 1
        assert "every repeat has the same training images of coarse, fine" in notes[0]
        assert protocol.steps_taken[1].startswith("Every repeat has the same training images")


def test_of_several_shots_the_most_are_told_of(bench: Bench) -> None:
    assert bench.settings.shots == (2, 6)
    (note,) = overlap_notes(bench)
    assert note.startswith("At 6 shots every repeat has the same training images of coarse, fine")
    assert "have many in common" in how_drawn(bench)


def test_one_repeat_shares_nothing(bench: Bench) -> None:
    alone = replace(bench, settings=bench.settings.model_copy(update={"seeds": 1}))
    assert shared_shots(alone, 6) == {}
    assert overlap_notes(alone) == []


def test_too_few_pieces_for_an_interval_are_refused_before_anything_is_trained(grains: Dataset) -> None:
    def halved(pieces: int) -> Division:
        groups = np.arange(24) % pieces  # each piece shows both classes, as a casting with good places and bad ones
        pretend = replace(grains)
        object.__setattr__(pretend, "groups", lambda progress=None: groups)
        return divide(pretend, Textures(pictures(grains), groups), 0.5, 4, 0)

    with pytest.raises(DataUnusableError, match="show 3 different parts for 2 classes, and .* interval needs 4"):
        halved(6)
    division = halved(8)
    own = np.unique(division.groups[division.test], return_inverse=True)[1]
    labels = grains.labels[division.test]
    assert own.max() + 1 == 4
    found = resampled(np.stack([np.eye(2)[labels]] * 3), labels, own, STATISTICS["accuracy"])  # what the judge asks
    assert found.freedom == 2


def test_too_many_shots_are_refused_with_the_number_that_is_left(grains: Dataset) -> None:
    textures = Textures(pictures(grains), grains.groups())
    with pytest.raises(DataUnusableError, match=r"6 are left .* --shots 10 asks for more"):
        divide(grains, textures, 0.5, 10, 0)


def test_a_test_image_in_the_pool_is_refused_by_content(grains: Dataset) -> None:
    division, _ = divided(grains)
    refuse_pool_leak(grains, division)
    copied = list(grains.samples)
    copied[division.pool[0]] = replace(copied[division.pool[0]], sha256=copied[division.test[0]].sha256)
    with pytest.raises(DataUnusableError, match="test images have leaked: 1 images to learn from"):
        refuse_pool_leak(replace(grains, samples=tuple(copied)), division)


@pytest.mark.parametrize("how", ["same", "other format", "cropped and mirrored", "darker and noisy", "enlarged"])
def test_unlabelled_images_that_show_a_test_image_are_refused(grains: Dataset, tmp_path: Path, how: str) -> None:
    division, textures = divided(grains)
    rng = np.random.default_rng(1)
    aside = tmp_path / "more"
    aside.mkdir()
    for index in range(3):
        small = Image.fromarray(rng.uniform(40, 215, (30, 30)).astype(np.uint8))
        small.resize((96, 96), Image.Resampling.BICUBIC).save(aside / f"new_{index}.png")
    refuse_outside_leak(grains, textures, division, load(aside))
    pixels = grains.read(int(division.test[0]))
    if how == "cropped and mirrored":
        pixels = np.ascontiguousarray(pixels[10:, ::-1][:, 6:])
    if how == "darker and noisy":
        pixels = (pixels * 0.6 + rng.normal(0, 4, pixels.shape)).clip(0, 255).astype(np.uint8)
    if how == "enlarged":
        pixels = resize(np.ascontiguousarray(pixels[12:82, 20:90]), 96, 96)
    Image.fromarray(pixels).save(aside / ("innocent.bmp" if how == "other format" else "innocent.png"))
    with pytest.raises(DataUnusableError, match="test images have leaked: 1 of the 4 images") as caught:
        refuse_outside_leak(grains, textures, division, load(aside))
    assert "innocent" in str(caught.value)
    assert grains.samples[int(division.test[0])].file in str(caught.value)


def test_a_generator_that_returns_test_images_is_refused_but_one_that_repeats_its_shots_is_not(grains: Dataset) -> None:
    division, textures = divided(grains)
    shots = shots_of(grains, division, 4, 0, 0)
    rng = np.random.default_rng(0)
    repeats = [grains.read(int(i)) for i in shots]
    refuse_generated_leak(grains, textures, division, shots, repeats, "a repeater")
    stolen = grains.read(int(division.test[3]))[::-1].astype(float) + rng.normal(0, 2, (96, 96))
    made = [*repeats, stolen.clip(0, 255).astype(np.uint8)]
    with pytest.raises(DataUnusableError, match=r"1 of the 9 images that a thief made show .* generated image 8"):
        refuse_generated_leak(grains, textures, division, shots, made, "a thief")


def test_textures_do_not_see_light_contrast_or_size(grains: Dataset) -> None:
    image = grains.read(0)
    darker = (image * 0.5 + 20).astype(np.uint8)
    a, b = textures_of([image, darker]).reshape(2, -1)
    assert np.corrcoef(a, b)[0, 1] > 0.98
