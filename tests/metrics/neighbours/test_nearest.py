"""Nearest neighbours: house rule 7's seven tests, the group rule, and slow independent references."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from flawforge.metrics.neighbours.nearest import AXES, apply_flip, nearest_flipped

FLIPS = tuple(AXES)


def nearest(
    queries: torch.Tensor, references: torch.Tensor | Iterable[torch.Tensor], k: int = 1, **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    """The search without flips: distances and indices."""
    found = nearest_flipped(queries, references, k, ("identity",), **options)
    return found.distances, found.indices


def draw(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pixels(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def plain_loop(queries: np.ndarray, references: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The published check, as one would write it: rank all references by Euclidean distance, in float64."""
    distances, indices = [], []
    for query in queries.astype(np.float64):
        row = np.array([np.sqrt(((query - reference) ** 2).sum()) for reference in references.astype(np.float64)])
        order = np.argsort(row, kind="stable")[:k]
        distances.append(row[order])
        indices.append(order)
    return np.array(distances), np.array(indices)


def test_identity_an_image_is_its_own_nearest_at_distance_exactly_zero() -> None:
    images = draw((50, 3, 20, 20)) * 0.01 + 1000  # far from the origin, where |a|² + |b|² - 2ab has lost every digit
    distances, indices = nearest(images, images)
    assert np.array_equal(indices[:, 0], np.arange(50))
    assert np.array_equal(distances[:, 0], np.zeros(50))


def test_swap_the_matrix_of_all_distances_is_symmetric() -> None:
    a, b = draw((12, 30), 1), draw((12, 30), 2)
    there, to = nearest(a, b, 12)
    back, of = nearest(b, a, 12)
    full, mirrored = np.zeros((12, 12)), np.zeros((12, 12))
    np.put_along_axis(full, to, there, axis=1)
    np.put_along_axis(mirrored, of, back, axis=1)
    assert np.array_equal(full, mirrored.T)


def test_closed_form_corners_of_a_cube() -> None:
    # one-hot vectors of height a are a·√2 apart; integers, so only the square root rounds, by half a last place
    corners = torch.eye(64) * 7
    distances, _ = nearest(corners, corners, 3)
    expected = np.sqrt(2 * 49.0)
    assert np.array_equal(distances[:, 0], np.zeros(64))
    assert np.abs(distances[:, 1:] - expected).max() <= np.spacing(expected)


def test_monotone_in_the_fault() -> None:
    image, noise = draw((1, 1, 16, 16), 1), draw((1, 1, 16, 16), 2)
    others = draw((30, 1, 16, 16), 3)
    faults = torch.cat([image + amount * noise for amount in (0.0, 0.01, 0.05, 0.2, 0.5)])
    distances, indices = nearest(faults, torch.cat([others, image]))
    assert np.all(np.diff(distances[:, 0]) > 0)
    assert set(indices[:, 0]) == {30}


def test_the_same_twice_is_the_same() -> None:
    a, b = draw((40, 100), 1), draw((60, 100), 2)
    assert all(np.array_equal(x, y) for x, y in zip(nearest(a, b, 4), nearest(a, b, 4), strict=True))


@settings(max_examples=30)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 6),
    st.lists(st.integers(1, 17), min_size=1, max_size=6),
    st.sampled_from([1e-9, 0.005, 0.05, 256]),
)
def test_sizes_blocks_and_memory_change_nothing(q: int, r: int, k: int, cuts: list[int], memory: float) -> None:
    queries, references = draw((q, 24), 1), draw((r, 24), 2)
    blocks, start = [], 0
    while start < r:
        size = cuts[len(blocks) % len(cuts)]
        blocks.append(references[start : start + size])
        start += size
    whole = nearest(queries, references, k)
    split = nearest(queries, iter(blocks), k, memory_mb=memory)
    assert np.array_equal(whole[0], split[0])
    assert np.array_equal(whole[1], split[1])
    assert np.all(np.isinf(whole[0]) == (np.arange(k) >= r))
    assert np.all((whole[1] == -1) == (np.arange(k) >= r))


def test_one_sided_a_subset_is_near_to_the_whole_but_not_the_other_way() -> None:
    whole = draw((40, 10))
    part = whole[:20]
    assert nearest(part, whole)[0].max() == 0
    assert nearest(whole, part)[0].max() > 0


@pytest.mark.parametrize("offset", [0.0, 100.0, 1e4])
def test_agrees_with_scipy_and_scikit_learn(offset: float) -> None:
    queries, references = draw((70, 40), 1) + offset, draw((90, 40), 2) + offset
    distances, indices = nearest(queries, references, 5)
    table = cdist(queries.double().numpy(), references.double().numpy())
    order = np.argsort(table, axis=1, kind="stable")[:, :5]
    assert np.array_equal(indices, order)
    # float64 throughout: 40 additions, each within 2⁻⁵³
    assert np.allclose(distances, np.take_along_axis(table, order, axis=1), rtol=40 * 2**-53, atol=0)
    theirs = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(references.double()).kneighbors(queries.double())
    if offset < 1e4:  # theirs subtracts squares, even in float64
        assert np.array_equal(indices, theirs[1])


def test_agrees_with_the_plain_loop_on_pixels_under_every_flip() -> None:
    queries, references = pixels((20, 1, 8, 10), 1), pixels((25, 1, 8, 10), 2)
    references[3] = apply_flip(queries[4], "flip-vertical")
    found = nearest_flipped(queries, references, 4, FLIPS)
    flipped = np.stack([apply_flip(references, flip).numpy() for flip in FLIPS])
    table = np.stack([plain_loop_table(queries.numpy(), one) for one in flipped])
    order = np.argsort(table.min(axis=0), axis=1, kind="stable")[:, :4]
    assert np.array_equal(found.indices, order)
    assert np.array_equal(found.distances, np.take_along_axis(table.min(axis=0), order, axis=1))
    assert np.array_equal(found.flips, np.take_along_axis(table.argmin(axis=0), order, axis=1))
    assert (found.distances[4, 0], found.indices[4, 0], FLIPS[found.flips[4, 0]]) == (0, 3, "flip-vertical")


def plain_loop_table(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    distances, indices = plain_loop(queries, references, len(references))
    table = np.empty_like(distances)
    np.put_along_axis(table, indices, distances, axis=1)
    return table


@pytest.mark.parametrize("flips", [FLIPS[:1], FLIPS[:2], ("identity", "flip-vertical"), FLIPS])
@pytest.mark.parametrize("size", [(5, 7), (6, 7), (5, 8)])
def test_odd_sides_fold_too(flips: tuple[str, ...], size: tuple[int, int]) -> None:
    queries, references = pixels((9, 2, *size), 1), pixels((11, 2, *size), 2)
    table = np.stack([plain_loop_table(queries.numpy(), apply_flip(references, flip).numpy()) for flip in flips])
    found = nearest_flipped(queries, references, 11, flips)
    assert np.array_equal(found.distances, np.sort(table.min(axis=0), axis=1))


def test_ties_and_near_ties_beyond_the_estimate_go_by_true_distance_then_index() -> None:
    # 200 references that differ by less than the estimate can see, and 50 equal ones, in disorder
    base = draw((1, 400)) * 100
    steps = torch.randperm(200, generator=torch.Generator().manual_seed(3)).double() * 1e-9 + 1e-6
    near = base.double().repeat(200, 1)
    near[:, 0] += steps
    references = torch.cat([near, base.double().repeat(50, 1)])
    queries = torch.cat([base.double(), -base.double()])  # their mean, from which the estimate starts, is far from both
    _, indices = nearest(queries, references, 53)
    assert indices[0, :50].tolist() == list(range(200, 250))
    assert indices[0, 50:].tolist() == torch.argsort(steps)[:3].tolist()


def test_near_references_are_ranked_though_the_estimate_cannot_tell_them_apart() -> None:
    # squared distances of 4e-6 beside squared norms of 4e6: the estimate's rounding is larger than all of them
    base = draw((1, 400)) * 100
    references = base + draw((300, 400), 1) * 1e-4
    queries = torch.cat([base, -base])
    distances, indices = nearest(queries, references, 7)
    true, order = plain_loop(queries.numpy(), references.numpy(), 7)
    assert np.array_equal(indices, order)
    assert np.allclose(distances, true, rtol=400 * 2**-53, atol=0)


def test_a_flip_of_a_symmetric_image_is_told_as_identity() -> None:
    image = torch.ones(1, 1, 6, 6)
    found = nearest_flipped(image, image, 1, FLIPS)
    assert (found.distances[0, 0], found.flips[0, 0]) == (0, 0)


def test_groups_the_nearest_of_another_group() -> None:
    points = torch.tensor([[0.0], [0.1], [5.0], [5.2], [9.0]])
    groups = np.array([0, 0, 1, 1, 2])
    distances, indices = nearest(points, [points[:3], points[3:]], 2, query_groups=groups, reference_groups=groups)
    assert indices.tolist() == [[2, 3], [2, 3], [4, 1], [4, 1], [3, 2]]
    assert np.allclose(distances[0], [5.0, 5.2])


def test_one_group_alone_has_no_neighbour() -> None:
    groups = np.zeros(4, dtype=np.int64)
    distances, indices = nearest(draw((4, 3)), draw((4, 3)), query_groups=groups, reference_groups=groups)
    assert np.all(np.isinf(distances))
    assert np.all(indices == -1)


def test_shorter_number_formats_set_outside_change_nothing_and_are_put_back() -> None:
    a, b = draw((30, 500), 1), draw((30, 500), 2)
    expected = nearest(a, b, 3)
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = nearest(a, b, 3)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert all(np.array_equal(x, y) for x, y in zip(expected, found, strict=True))


def test_no_queries_and_no_references() -> None:
    assert nearest(draw((0, 3)), draw((5, 3)), 2)[0].shape == (0, 2)
    assert nearest(draw((5, 3)), draw((0, 3)), 2)[1].tolist() == [[-1, -1]] * 5


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="k is 0; it is a number of neighbours, from 1"):
        nearest(draw((2, 3)), draw((2, 3)), 0)
    with pytest.raises(ValueError, match=r"queries have shape \(3,\), references \(4,\)"):
        nearest(draw((2, 3)), draw((2, 4)))
    with pytest.raises(ValueError, match="holds a value that is not finite"):
        nearest(draw((2, 3)), torch.full((2, 3), torch.nan))


@pytest.mark.parametrize("shape", [(3, 3), (33, 31), (1, 300, 300)])
def test_gray_levels_are_measured_in_every_digit_at_the_largest_distances(shape: tuple[int, ...]) -> None:
    queries, references = pixels((9, *shape), 1), pixels((14, *shape), 2)
    queries[:3], references[:2], references[2] = 255, 0, 255
    squares = np.stack([whole_squares(queries, apply_flip(references, flip)) for flip in FLIPS])
    order = np.argsort(squares.min(0), axis=1, kind="stable")[:, :4]
    found = nearest_flipped(queries, references, 4, FLIPS)
    assert np.array_equal(found.indices, order)
    assert np.array_equal(found.distances, np.sqrt(np.take_along_axis(squares.min(0), order, 1).astype(np.float64)))
    assert np.array_equal(found.flips, np.take_along_axis(squares.argmin(0), order, 1))


def test_groups_and_many_ties_in_blocks() -> None:
    queries = pixels((7, 8, 8), 3) // 86  # three gray levels: many ties
    references = torch.cat([pixels((20, 8, 8), 4) // 86, queries, queries])
    own, theirs = np.arange(7), np.r_[np.arange(20) % 9, np.arange(7), np.arange(7) + 50]
    squares = whole_squares(queries, references).astype(np.float64)
    squares[own[:, None] == theirs] = np.inf
    expected = np.argsort(squares, axis=1, kind="stable")[:, :6]
    for cuts in ([34], [1, 33], [11, 11, 12]):
        blocks = torch.split(references, cuts)
        distances, indices = nearest(queries, blocks, 6, query_groups=own, reference_groups=theirs)
        assert np.array_equal(indices, expected)
        assert np.array_equal(distances, np.sqrt(np.take_along_axis(squares, expected, 1)))


def whole_squares(queries: torch.Tensor, references: torch.Tensor) -> np.ndarray:
    """Return (Q, R) squared distances, in int64, pair by pair."""
    return np.array([((references.long() - query) ** 2).flatten(1).sum(1).numpy() for query in queries.long()])


def test_gray_levels_beside_other_number_formats() -> None:
    queries, references = pixels((6, 9, 9), 6), pixels((11, 9, 9), 7)
    whole = nearest_flipped(queries, references, 3, FLIPS)
    for ours, theirs in ((queries, references.float()), (queries.float(), references), (queries, references.double())):
        assert np.array_equal(nearest_flipped(ours, theirs, 3, FLIPS).indices, whole.indices)
    between = nearest(queries, references.double() + 1e-9, 1)[0]  # float32 cannot hold such a value
    assert np.all(between != nearest(queries, references, 1)[0])
