"""What is tested on is fixed by content, and nothing that is learnt from shows it again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flawforge.core.errors import DataUnusableError
from flawforge.data.dataset import Dataset
from flawforge.metrics.inference.classification import STATISTICS
from flawforge.metrics.inference.resampling import resampled
from flawforge.studies.trial.setup.test_split import Division, Textures, divide, joined_groups, shots_of, textures_of
from trial_material import divided, pictures


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
    told = r"6 are left .* --shots 10 asks for more.* --rare coarse --shots 6, which"
    with pytest.raises(DataUnusableError, match=told):
        divide(grains, textures, 0.5, 10, 0)


def test_textures_do_not_see_light_contrast_or_size(grains: Dataset) -> None:
    image = grains.read(0)
    darker = (image * 0.5 + 20).astype(np.uint8)
    a, b = textures_of([image, darker]).reshape(2, -1)
    assert np.corrcoef(a, b)[0, 1] > 0.98


def rare_grains(grains: Dataset, few: int, pieces: int | None = None) -> tuple[Dataset, Textures]:
    """The first class with few images, of so many different pieces."""
    data = grains.take([*range(few), *range(12, 24)])
    groups = np.r_[np.arange(few) % (pieces or few), 100 + np.arange(12)]
    object.__setattr__(data, "groups", lambda progress=None: groups)
    return data, Textures(pictures(data), groups)


def test_shots_of_a_rare_class_are_drawn_and_of_the_others_all_or_some_are_taken(grains: Dataset) -> None:
    division, _ = divided(grains)
    few, more = (shots_of(grains, division, n, 0, 0, {"fine": None}) for n in (2, 4))
    assert set(few.tolist()) < set(more.tolist())
    assert np.bincount(grains.labels[few]).tolist() == [2, 6]
    assert set(more[grains.labels[more] == 1]) == set(division.pool[grains.labels[division.pool] == 1])
    limited = shots_of(grains, division, 2, 0, 0, {"fine": 5})
    assert np.bincount(grains.labels[limited]).tolist() == [2, 5]
    assert set(limited.tolist()) < set(few.tolist())
    assert shots_of(grains, division, 1, 0, 0, {"fine": None, "coarse": None}).tolist() == division.pool.tolist()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_rare_class_gives_the_shots_that_it_can_and_is_tested_on_two_parts(
    grains: Dataset, seed: int, share: float
) -> None:
    data, textures = rare_grains(grains, 5)
    division = divide(data, textures, share, {"coarse": 3, "fine": 2}, seed, rare=("coarse",))
    assert (data.labels[division.pool] == 0).sum() >= 3
    assert (data.labels[division.test] == 0).sum() >= 2
    assert not set(division.pool.tolist()) & set(division.test.tolist())
    assert len(division.pool) + len(division.test) == len(data)


@pytest.mark.parametrize(
    ("few", "pieces", "remedy"),
    [
        (5, None, r"5 images of 5 different parts.* takes 4 images of other parts. Ask for --shots 3 or fewer, or"),
        (5, 3, r"5 images of 3 different parts.* Ask for --shots 2 or fewer, or photograph more parts of it, or leave"),
        (5, 1, r"5 images of 1 different part\. .*Photograph more parts"),
        (1, None, r"the rare class 'coarse' has 1 image of 1 different part\. .*Photograph more parts"),
    ],
)
def test_a_class_that_is_too_rare_is_named_with_what_to_do(
    grains: Dataset, few: int, pieces: int | None, remedy: str
) -> None:
    data, textures = rare_grains(grains, few, pieces)
    with pytest.raises(DataUnusableError, match=remedy):
        divide(data, textures, 0.5, {"coarse": 4, "fine": 2}, 0, rare=("coarse",))


def test_of_a_class_with_hardly_an_image_left_it_is_said_that_two_must_be(grains: Dataset) -> None:
    data, textures = rare_grains(grains, 3)
    with pytest.raises(DataUnusableError, match=r"has 3 images; 1 would be left to learn from .* at least 2"):
        divide(data, textures, 0.6, 2, 0)
