"""The memory bank: what it holds, how far patches are from it, and that no other image enters it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from flawforge.models.efficientnet import load_backbone
from flawforge.models.memory_bank import CONSIDERED, ROWS, WIDTH, MemoryBank, coreset

BACKBONE = load_backbone()


def maps_of(images: Tensor) -> list[Tensor]:
    return BACKBONE.forward_stages(images, 5)


def drawn(count: int, seed: int, side: int = 64) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    rows = torch.rand(count, 1, side, 1, generator=draws) * 90
    return (rows + 80 + 20 * torch.randn(count, 1, side, side, generator=draws)).clamp(0, 255).byte()


def patches(bank: MemoryBank, images: Tensor) -> Tensor:
    return bank.patches(maps_of(images.float() / 127.5 - 1))


def filled(images: Tensor, seed: int = 0) -> MemoryBank:
    bank = MemoryBank()
    with torch.inference_mode():
        bank.remember(images, maps_of, seed)
    return bank


@torch.inference_mode()
def test_an_image_of_the_bank_has_distance_0_and_another_has_not() -> None:
    bank = filled(drawn(3, 0))
    distances, _ = bank.farthest(patches(bank, drawn(3, 0)), 8)
    torch.testing.assert_close(distances, torch.zeros(3, 8), atol=1e-4, rtol=0)
    assert float(bank.farthest(patches(bank, drawn(1, 1)), 8)[0].min()) > 1


@torch.inference_mode()
def test_an_image_compared_without_itself_is_as_far_as_from_the_bank_of_the_others() -> None:
    """All patches of three images are in the bank: those of one left out leaves the others'."""
    images = drawn(3, 0)
    bank = filled(images)
    every = patches(bank, images)
    own = torch.tensor([0, -1, 2])
    found, _ = bank.farthest(every, 5, own)
    for index in (0, 2):
        others = torch.cat([every[other] for other in range(3) if other != index])
        wanted = torch.cdist(every[index].double(), others.double()).amin(1).topk(5).values
        torch.testing.assert_close(found[index].double(), wanted, atol=1e-5, rtol=1e-5)
    assert float(found[1].max()) < 1e-4  # the image in the middle is not left out
    alone = filled(images[:1])
    assert bool(alone.farthest(patches(alone, images[:1]), 5, torch.tensor([0]))[0].isfinite().all())


@torch.inference_mode()
def test_distances_are_those_of_scikit_learns_nearest_neighbours() -> None:
    bank = filled(drawn(60, 0))
    asked = patches(bank, drawn(6, 1))
    found, _ = bank.farthest(asked, 12)
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(bank.rows.double().numpy())
    wanted = neighbours.kneighbors(asked.flatten(0, 1).double().numpy())[0].reshape(6, -1)
    np.testing.assert_allclose(found.numpy(), -np.sort(-wanted, axis=1)[:, :12], rtol=1e-6)
    near = drawn(60, 0)[:6]
    near[:, :, 20:24, 20:24] += 2  # next to rows of the bank, where products are of no use
    found, far = bank.farthest(patches(bank, near), 12)
    again = neighbours.kneighbors(far.flatten(0, 1).double().numpy())[0].reshape(6, -1)
    np.testing.assert_allclose(found.numpy(), again, rtol=1e-6)
    assert 0 < float(found.min()) < 5


@torch.inference_mode()
def test_the_order_of_good_images_does_not_matter() -> None:
    images = drawn(5, 0)
    assert CONSIDERED > 5 * 64
    first, other = filled(images), filled(images[torch.tensor([3, 1, 4, 0, 2])])
    asked = drawn(4, 1)
    torch.testing.assert_close(
        first.farthest(patches(first, asked), 8)[0], other.farthest(patches(other, asked), 8)[0], atol=1e-3, rtol=1e-3
    )
    assert first.rows.equal(filled(images).rows)


@torch.inference_mode()
def test_the_rows_are_patches_of_the_images_and_cover_them() -> None:
    images = drawn(50, 0)
    bank = filled(images)
    assert bank.rows.shape == (ROWS, WIDTH)
    every = patches(bank, images).flatten(0, 1).double()
    assert float(torch.cdist(bank.rows[::50].double(), every).amin(1).max()) < 1e-4
    covered = torch.cdist(every, bank.rows.double()).amin(1).max()
    draws = torch.Generator().manual_seed(0)
    by_chance = every[torch.randperm(len(every), generator=draws)[:ROWS]]
    assert float(covered) < float(torch.cdist(every, by_chance).amin(1).max())
    sources = torch.tensor(
        [float(torch.cdist(bank.rows[row][None].double(), every).argmin()) // 64 for row in range(0, 2048, 99)]
    )
    assert sources.long().equal(bank.source[::99])


def test_a_coreset_takes_the_farthest_point_each_time_and_no_point_twice() -> None:
    points = torch.tensor([[1.0], [10.0], [4.0], [10.0], [2.0]])
    assert coreset(points, 3).tolist() == [1, 0, 2]
    assert coreset(points, 9).tolist() == [1, 0, 2, 4]
    assert coreset(points[:1], 3).tolist() == [0]


@pytest.mark.parametrize("side", [32, 128])
@torch.inference_mode()
def test_patches_stand_at_the_finer_maps_positions(side: int) -> None:
    bank = MemoryBank()
    maps = maps_of(drawn(1, 0, side).float() / 127.5 - 1)
    found = bank.patches(maps)
    assert found.shape == (1, (side // 8) ** 2, WIDTH)
    middle = side // 16
    around = maps[2][0, :, middle - 1 : middle + 2, middle - 1 : middle + 2].mean((1, 2))
    torch.testing.assert_close(found[0, middle * (side // 8) + middle, :40], around)
